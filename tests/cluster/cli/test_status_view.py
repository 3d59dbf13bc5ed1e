import json
from pathlib import Path

import pytest
from rich.console import Console

from cluster.account import CANARY, CANDIDATE, Account, Outcome
from cluster.cli.status_view import account_line, nonmatch_line, show
from cluster.plan import read_plan
from cluster.status import ClusterStatus
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
