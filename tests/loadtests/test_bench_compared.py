"""What each benchmark compares, and what it asks of it: the same as its own verdict asks."""

from dataclasses import replace
from math import inf
from typing import Any, cast
from unittest.mock import Mock

import pytest

from loadtests import bench_churn, bench_delivery, bench_index, bench_overload, bench_shards, bench_telemetry
from loadtests.bench_cluster import Drained
from loadtests.bench_overload import Outcomes
from loadtests.bench_restart import Restart
from loadtests.bench_result import Compared
from loadtests.quiet import Gate, Load, Spoilt, look
from loadtests.telemetry_sides import Side

QUIET = Load(wall_s=5.0, own_cores=2.0, foreign_cores=0.0, stolen_cores=0.0)


def reached(compared: list[Compared]) -> dict[str, bool | None]:
    """By name, whether it is as asked."""
    return {each.name: each.is_reached for each in compared}


def test_overload_compares_what_it_promises() -> None:
    """At 3 times capacity nothing is promised of passages, so one run of them has nothing to be held against."""
    good = Outcomes(1.5, 90.0, 100, 60, {"superseded": 39}, 1, 39, 2, 450.0, 0.9, 10, 1.0, QUIET)
    bad = Outcomes(3.0, 90.0, 101, 60, {"superseded": 39}, 1, 39, 2, 1050.0, 0.7, 10, 0.2, QUIET)
    assert reached(bench_overload.compared([good, bad])) == {
        "p99 age when decided, 1.5 times capacity": True,
        "least watched camera / equal share, 1.5 times capacity": True,
        "passages alerted within 3 s, 1.5 times capacity": True,
        "frames missing in the account, 1.5 times capacity": True,
        "p99 age when decided, 3 times capacity": False,
        "least watched camera / equal share, 3 times capacity": False,
        "frames missing in the account, 3 times capacity": False,
    }


def test_a_phase_that_was_not_quiet_is_not_compared() -> None:
    """Its values are kept among the samples, and why it does not count."""
    good = Outcomes(1.5, 90.0, 100, 60, {"superseded": 39}, 1, 39, 2, 450.0, 0.9, 10, 1.0, QUIET)
    noisy = replace(good, factor=3.0, load=replace(QUIET, foreign_cores=1.0))
    assert [each.name for each in bench_overload.compared([good, noisy])] == [
        each.name for each in bench_overload.compared([good])
    ]


@pytest.mark.parametrize(
    ("busy", "effect", "ready", "found"),
    [(14.0, 900.0, 2.9, [True] * 4), (16.0, inf, 3.1, [False] * 4)],
)
def test_churn_compares_searches_changes_and_starts(
    busy: float, effect: float, ready: float, found: list[bool]
) -> None:
    """A change that no search came to know of is no fast one."""
    effects = {bench_churn.ENROLLED: [effect], bench_churn.WITHDRAWN: [effect]}
    rounds = [bench_churn.Round([10.0], [busy], effects)] * 3
    restarts = {True: [Restart(ready, 1.0, 1.0)], False: [Restart(9.0, 1.0, 1.0)]}
    assert list(reached(bench_churn.compared(rounds, restarts)).values()) == found


@pytest.mark.parametrize(("own_ms", "differ", "found"), [(6.5, 0, [True, True]), (5.0, 1, [False, False])])
def test_shards_compare_times_and_answers(own_ms: float, differ: int, found: list[bool]) -> None:
    """Each number of rows by itself."""
    measured = bench_shards.Found(1000, 64, [([own_ms], [10.0])], differ, [])
    assert list(reached(bench_shards.compared([measured])).values()) == found


def test_an_index_is_held_to_each_floor() -> None:
    """And to brute force."""
    found = [
        bench_index.Timed(100_000, 64, way, (ms,)) for way, ms in ((bench_index.INT8, 10.0), ("FAISS tuned", 29.0))
    ]
    compared = [each for each in bench_index.compared(found, {"here": 0, "there": 1}) if each.rounds]
    assert reached(compared) == {
        "8 bits / FAISS tuned, 100,000 rows, 64 at once, times as fast": False,
        "alerts that differ, here": True,
        "alerts that differ, there": False,
    }


def test_telemetry_compares_rates_and_processor_time() -> None:
    """The collector is elsewhere in production."""
    rounds = [(Drained(100.0, {"recognisers": 10.0}), Drained(96.0, {"recognisers": 10.5, "collector": 3.0}))]
    rate, cpu = bench_telemetry.compared(rounds)
    assert (rate.rounds, rate.is_reached) == ((0.96,), False)
    assert cpu.rounds == pytest.approx((10 / 10.5,))


@pytest.mark.parametrize("which", [0, 1])
def test_a_side_that_gives_no_rate_says_why(which: int) -> None:
    """Whichever it is, the round is taken again for that reason."""
    found: list[Any] = [(Drained(100.0, {}), QUIET)] * 2
    found[which] = (Spoilt("a partition changed hands"), QUIET)
    sides = [cast(Side, Mock(take=Mock(return_value=each))) for each in found]
    gate = Gate(look, attempts=1)
    assert gate.take(lambda: bench_telemetry._round((sides[0], sides[1]))) is None
    assert gate.reasons == ["a partition changed hands"]


def test_delivery_is_measured_through_a_gate(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whose reasons are kept for the result."""
    busy = Load(wall_s=5.0, own_cores=2.0, foreign_cores=1.0, stolen_cores=0.0)
    monkeypatch.setattr(bench_delivery, "_round", lambda *_: ((Mock(), Mock()), busy))
    gate = Gate(look, attempts=2, patience_s=0.0)
    assert bench_delivery.measure(Mock(), 1, 1.0, gate, Mock()) == []
    assert gate.reasons == ["other programs took 1.00 core, the hypervisor 0.00; 0.15 are allowed"] * 2
