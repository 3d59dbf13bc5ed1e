import json
from pathlib import Path

import pytest
from rich.console import Console

from cluster.account import CANARY, CANDIDATE, Account, Outcome
from cluster.cli.status_view import account_line, nonmatch_line, show
from cluster.plan import read_plan
from cluster.recogniser_status import RecogniserStatus
from cluster.status import ClusterStatus, Member
from cluster.watchlists.feed import FeedStatus
from operators.types import Generation
from tests.drawn import write_deployment


def test_how_long_faces_without_an_alert_existed_is_one_line() -> None:
    """Over all recognisers, with the ceiling of the policy; an alarm only when there is one."""
    first, second = Account(), Account()
    first.dropped(99, 120, 2000)
    second.dropped(1, 1500, 2000)
    line = nonmatch_line([first.summary(), second.summary()])
    assert line == ("faces without an alert: 100 dropped, 99 % within 130 ms, all within 1500 ms (2000 ms allowed)")
    second.dropped(2, 3000, 2000)
    assert "1 batches took longer" in nonmatch_line([first.summary(), second.summary()])
    assert nonmatch_line([]) == "faces without an alert: 0 dropped"


def test_alerts_about_a_canary_are_told_apart() -> None:
    """A line that only says how many alerted would tell of people who were not there."""
    account = Account()
    account.take_in(3)
    account.close(Outcome.ALERTED, CANDIDATE)
    assert "alerted 1 +" in account_line([account.summary()])
    account.close(Outcome.ALERTED, CANARY)
    assert "alerted 2 (canary 1, candidate 1) +" in account_line([account.summary()])


@pytest.mark.parametrize(("index", "said"), [(None, "device cpu\n"), ("cuda", "device cpu, the list on cuda\n")])
def test_what_the_list_is_searched_on_is_told_where_it_is_another_device(
    tmp_path: Path, index: str | None, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever looks for a card in use has to know."""
    file = tmp_path / "cluster.yaml"
    where = {"placement": "sharded", **({"device": index} if index else {})}
    file.write_text(json.dumps({"cluster": "drawn", **write_deployment(tmp_path), "index": where}))
    show(ClusterStatus(read_plan(file), []), Console(width=200))
    assert said in capsys.readouterr().out


LONG = "the policy topic is still being read"


@pytest.mark.parametrize(
    ("nodes", "width", "there", "left_out"),
    [
        (("one", "one"), 160, ["pid", "policy", "invalid", "generation", "frames/s"], ["node"]),
        (("one", "two"), 160, ["node", "pid", "generation"], []),
        (("one", "one"), 80, ["frames/s", "lag", "alerts"], ["node", "pid", "generation"]),
        (("one", "two"), 80, ["node", "lag", "alerts"], ["pid", "generation"]),
    ],
)
def test_how_each_recogniser_is_and_on_which_of_several_machines_is_told_in_any_terminal(
    tmp_path: Path,
    nodes: tuple[str, str],
    width: int,
    there: list[str],
    left_out: list[str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    """What there is no room for goes, whole columns of it; how they are stays, every word of it."""
    file = tmp_path / "cluster.yaml"
    file.write_text(json.dumps({"cluster": "drawn", **write_deployment(tmp_path)}))
    index = FeedStatus(Generation(0, 1, 12345, "f" * 64), 12345, 0, 0, 0, None, 100)
    counts = (7, "d" * 64, "CPU", 0, index, Account().summary())
    members = [
        Member(f"recogniser-{slot}", LONG, RecogniserStatus(slot, 1234567, node, LONG, {0: 1, 2: 3}, 24.5, *counts))
        for slot, node in enumerate(nodes)
    ]
    show(ClusterStatus(read_plan(file), [*members, Member("recogniser-2", "starting")]), Console(width=width))
    lines = capsys.readouterr().out.splitlines()
    [head] = [line.split() for line in lines if line.startswith("recogniser ")]
    assert [name for name in there if name not in head] == [name for name in left_out if name in head] == []
    assert "…" not in "".join(lines)
    assert {*LONG.split(), "starting"} <= set(" ".join(lines).split())
