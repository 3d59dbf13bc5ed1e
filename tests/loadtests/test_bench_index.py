"""The comparison of back ends: what it counts, and that it can fail."""

from functools import partial
from io import StringIO

import numpy as np
import pytest
from rich.console import Console

from indexes.exact import ExactIndex, Rows
from loadtests import bench_index
from loadtests.bench_index import (
    FLOAT,
    INSTALLED,
    INT8,
    READ,
    SGEMM,
    TUNED,
    Timed,
    back_ends,
    disagreements,
    draw,
    measure,
    ratios,
    verdict,
)
from loadtests.quiet import Gate, look
from operators.types import Float32


def test_every_other_query_is_near_to_a_row() -> None:
    """Unit vectors; the near ones reach the threshold, the others do not."""
    held, asked = draw(500, 40)
    best = (asked @ held.T).max(1)
    assert (best[::2] > 0.5).all()
    assert (best[1::2] < 0.4).all()
    np.testing.assert_allclose(np.linalg.norm(asked, axis=1), 1, atol=1e-6)


def test_all_ways_are_measured_at_all_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Round by round, each over the same queries."""
    monkeypatch.setattr(bench_index, "_SAMPLE_S", 0.001)
    held, asked = draw(200, 64)
    searches = {name: partial(way.search, k=3, at_least=0.4) for name, way in back_ends(held, 1).items()}
    limits = {READ: lambda _: None, SGEMM: lambda _: None}
    found = measure(searches, limits, held, asked, 2, Gate(look, limit_cores=1000, sleep=lambda _: None))
    assert {(each.batch, each.way, len(each.ms)) for each in found} == {
        (batch, way, 2)
        for batch, limit in ((1, READ), (8, READ), (64, SGEMM))
        for way in (INSTALLED, TUNED, FLOAT, limit, *({INT8} & searches.keys()))
    }
    assert len(ratios(found, 200, 8, TUNED, FLOAT)) == 2
    assert ratios(found, 200, 8, SGEMM, FLOAT) == []


class Forgetful(ExactIndex):
    """Never finds row 0."""

    def search(self, queries: Float32, k: int, at_least: float = -np.inf) -> tuple[Float32, Rows]:
        """See `ExactIndex.search`."""
        cosines, rows = super().search(queries, k, at_least)
        return cosines, np.where(rows == 0, -1, rows)


def test_a_person_who_is_never_found_is_noticed() -> None:
    """Every alert is held against brute force: none differs, until one row is lost."""
    held, asked = draw(300, 200)
    asked[0] = held[0]
    for index in back_ends(held, 1).values():
        assert disagreements(held, asked, index) == 0
    assert disagreements(held, asked, Forgetful(held)) >= 1


@pytest.mark.parametrize(
    ("changed", "wrong", "check", "code"),
    [
        ({}, 0, True, 0),
        ({TUNED: 20.0}, 0, True, 1),
        ({INSTALLED: 140.0}, 0, True, 1),
        ({READ: 7.0}, 0, True, 1),
        ({SGEMM: 31.0}, 0, True, 1),
        ({TUNED: 20.0}, 0, False, 0),
        ({}, 1, False, 1),
        ({TUNED: None}, 0, True, 2),
        ({INT8: None, SGEMM: 31.0}, 0, True, 1),
    ],
)
def test_the_exit_status_says_what_was_found(
    changed: dict[str, float | None], wrong: int, check: bool, code: int
) -> None:
    """1: alerts differ, or a floor is missed and was to be checked; 2: nothing quiet enough was measured."""
    times = {INSTALLED: 500.0, TUNED: 40.0, FLOAT: 40.0, INT8: 10.0, SGEMM: 45.0} | changed
    found = [Timed(100_000, 64, way, (ms,) if ms else ()) for way, ms in times.items() if way != READ]
    found += [Timed(100_000, 1, FLOAT, (9.0,)), Timed(100_000, 1, READ, (changed.get(READ) or 8.0,))]
    assert verdict(found, {"100,000 rows": wrong}, check, Console(file=StringIO())) == code


def test_a_size_without_a_floor_misses_none() -> None:
    """A short run at one size is no failure."""
    assert verdict([Timed(1_000, 64, INT8, (1.0,))], {}, True, Console(file=StringIO())) == 0
