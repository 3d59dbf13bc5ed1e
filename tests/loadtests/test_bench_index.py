"""The comparison of back ends: what it counts, and that it can fail."""

from io import StringIO

import numpy as np
import pytest
from rich.console import Console

from indexes.exact import Rows
from indexes.int8 import Int8Index
from loadtests import bench_index
from loadtests.bench_index import FLOOR_AT, INSTALLED, INT8, TUNED, Timed, disagreements, draw, measure, ratios, verdict
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
    found = measure(held, asked, 1, 2, Gate(look, limit_cores=1000, sleep=lambda _: None))
    assert {(each.batch, each.way, len(each.ms)) for each in found} == {
        (batch, way, 2) for batch in (1, 8, 64) for way in (INSTALLED, TUNED, INT8)
    }
    assert len(ratios(found, 200, 8, TUNED)) == 2


class Forgetful(Int8Index):
    """Never finds row 0."""

    def search(self, queries: Float32, k: int, at_least: float = -np.inf) -> tuple[Float32, Rows]:
        """See `ExactIndex.search`."""
        cosines, rows = super().search(queries, k, at_least)
        return cosines, np.where(rows == 0, -1, rows)


def test_a_person_who_is_never_found_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every alert is held against brute force: none differs, until one row is lost."""
    held, asked = draw(300, 200)
    asked[0] = held[0]
    assert disagreements(held, asked, 1) == 0
    monkeypatch.setattr(bench_index, "Int8Index", Forgetful)
    assert disagreements(held, asked, 1) >= 1


@pytest.mark.parametrize(
    ("tuned_ms", "wrong", "check", "code"),
    [(40.0, 0, True, 0), (20.0, 0, True, 1), (20.0, 0, False, 0), (40.0, 1, False, 1), (None, 0, True, 2)],
)
def test_the_exit_status_says_what_was_found(tuned_ms: float | None, wrong: int, check: bool, code: int) -> None:
    """1: alerts differ, or a floor is missed and was to be checked; 2: nothing quiet enough was measured."""
    times = {INSTALLED: 500.0, TUNED: tuned_ms, INT8: 10.0}
    found = [Timed(*FLOOR_AT, way, (ms,) if ms and tuned_ms else ()) for way, ms in times.items()]
    assert verdict(found, {100_000: wrong}, check, Console(file=StringIO())) == code
