"""What follows from the rounds of `bench telemetry`."""

import io
from contextlib import nullcontext
from math import inf
from pathlib import Path
from typing import Any, cast
from unittest.mock import Mock

import pytest
import yaml
from rich.console import Console

from cluster.settings import read_cluster
from loadtests import telemetry_sides
from loadtests.bench_cluster import Drained, RunningCluster
from loadtests.bench_telemetry import Round, by_cpu, interval, measure, table, verdict
from loadtests.quiet import Gate, Load
from loadtests.telemetry_sides import Side, beside, introduce
from loadtests.temporary import CONFIGS, Temporary

QUIET, BUSY = (Load(wall_s=5.0, own_cores=2.0, foreign_cores=cores, stolen_cores=0.0) for cores in (0.0, 1.0))


def _round(off: float, on: float) -> Round:
    """Rates of the two."""
    return Drained(off, {}), Drained(on, {})


@pytest.mark.parametrize(
    ("found", "least", "code"),
    [
        ([(100.0, 99.0), (100.0, 90.0), (10.0, 9.8)], 0.97, 0),
        ([(100.0, 99.0), (100.0, 90.0), (100.0, 96.0)], 0.97, 1),
        ([(100.0, 10.0)], None, 2),
        ([(100.0, 10.0), (100.0, 10.0)], None, 0),
        ([], None, 2),
    ],
)
def test_verdict(found: list[tuple[float, float]], least: float | None, code: int) -> None:
    """The median counts, and half the rounds wanted must have been quiet."""
    assert verdict([_round(*each) for each in found], 3, least)[0] == code


def _side(order: list[str], name: str, fps: float, *loads: Load) -> Side:
    """One that is measured under these loads, then under none."""
    left = list(loads)

    def take() -> tuple[Drained, Load]:
        order.append(name)
        return Drained(fps, {}), left.pop(0) if left else QUIET

    return cast(Side, Mock(take=take))


def test_each_figure_is_its_side_s_whoever_comes_first() -> None:
    """Off comes first in the first round, on in the second."""
    order: list[str] = []
    sides = _side(order, "off", 100.0), _side(order, "on", 98.0)
    found = measure(*sides, 2, Gate(sides[0].cluster.look), Console(file=io.StringIO()))
    assert [(off.fps, on.fps) for off, on in found] == [(100.0, 98.0), (100.0, 98.0)]
    assert order == ["off", "on", "on", "off"]


@pytest.mark.parametrize("which", ["off", "on"])
def test_a_round_is_as_quiet_as_the_side_that_was_disturbed_more(which: str) -> None:
    """Both are taken again."""
    order: list[str] = []
    off, on = (_side(order, name, 1.0, *([BUSY] if name == which else [])) for name in ("off", "on"))
    gate = Gate(off.cluster.look, patience_s=0.0)
    assert len(measure(off, on, 1, gate, Console(file=io.StringIO()))) == 1
    assert order == ["off", "on", "off", "on"]


@pytest.mark.parametrize(
    ("values", "found"),
    [
        ([], (-inf, inf)),
        ([3.0, 1.0, 2.0, 4.0], (-inf, inf)),
        ([5.0, 1.0, 3.0, 2.0, 4.0], (1.0, 5.0)),
        ([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0], (2.0, 7.0)),
    ],
)
def test_where_the_median_lies(values: list[float], found: tuple[float, float]) -> None:
    """As tables of the binomial distribution have it: 94 % of five, 93 % of the inner six of eight."""
    assert interval(values) == found


@pytest.mark.parametrize(("on", "rounds"), [(98.0, 5), (90.0, 5), (97.0, 5)])
def test_it_ends_when_all_is_clear(on: float, rounds: int) -> None:
    """Five rounds that say the same are enough; the least that is allowed is allowed."""
    order: list[str] = []
    off = _side(order, "off", 100.0)
    found = measure(off, _side(order, "on", on), 15, Gate(off.cluster.look), Console(file=io.StringIO()))
    assert len(found) == rounds
    assert verdict(found, 15, 0.97)[0] == (0 if on >= 97.0 else 1)


def test_processor_time_is_told_apart() -> None:
    """The benchmark's own is nobody's; a collector's can be left out."""
    off = Drained(50.0, {"recognisers": 18.0, "collector": 0.0, "benchmark": 2.0})
    on = Drained(49.0, {"recognisers": 18.0, "collector": 2.0, "benchmark": 9.0})
    assert by_cpu([(off, on)]) == [pytest.approx(0.9)]
    assert by_cpu([(off, on)], ["collector"]) == [1.0]
    text = io.StringIO()
    Console(file=text, width=120).print(table([(off, on)]))
    assert "+10.0%" in next(line for line in text.getvalue().splitlines() if "collector" in line)


def test_the_sides_share_nothing_but_the_broker(tmp_path: Path) -> None:
    """Cluster, topics and keys are each one's own; both files can be read."""
    file = tmp_path / "cluster.yaml"
    settings = yaml.safe_load((CONFIGS / "clusters" / "demo.yaml").read_text())
    policy = str(CONFIGS / "policies" / "demo-1.yaml")
    file.write_text(yaml.safe_dump({**settings, "policy": policy, "kafka": {"bootstrap": "127.0.0.1:1"}}))
    run = Temporary(tmp_path, "127.0.0.1:1", file, {})
    telemetry = {"telemetry": {"traces": {"otlp": "http://127.0.0.1:2"}}}
    off, on = (read_cluster(beside(run, name, changes).file) for name, changes in (("off", {}), ("on", telemetry)))
    assert (off.kafka.topic_prefix, on.kafka.topic_prefix) == ("off.", "on.")
    assert off.kafka.bootstrap == on.kafka.bootstrap == "127.0.0.1:1"
    assert off.cluster != on.cluster
    assert off.key_folder != on.key_folder
    assert (off.telemetry.traces.otlp, on.telemetry.traces.otlp) == (None, "http://127.0.0.1:2")


def test_a_side_is_measured_while_the_other_s_supervisor_stands_still(monkeypatch: pytest.MonkeyPatch) -> None:
    """It would ask and send on the same cores; its recognisers would leave their group."""
    held: list[Any] = []
    monkeypatch.setattr(telemetry_sides, "stopped", lambda pids: held.append(list(pids)) or nullcontext())
    off, on = (
        Side(cast(RunningCluster, Mock(leader=leader, groups={"supervisor": {pid}})), Mock(), 8)
        for leader, pid in ((1, 11), (2, 12))
    )
    introduce(off, on)
    off.take()
    on.take()
    assert held == [[12], [11]]
    assert (off.cluster.own, on.cluster.own) == ({2}, {1})
