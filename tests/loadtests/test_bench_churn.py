"""Searches under changes: what is measured, on a small list."""

import math
from pathlib import Path

import numpy as np
import pytest

from indexes.backends import Backend
from indexes.exact import ExactIndex
from indexes.snapshot import write
from loadtests import bench_churn
from loadtests.bench_churn import (
    ENROLLED,
    WITHDRAWN,
    Watched,
    churn,
    search,
    start,
)
from loadtests.bench_index import DIMENSION, units
from loadtests.bench_restart import people
from tests.waiting import wait_until

BACKEND = Backend(ExactIndex, ExactIndex, block_rows=64, tail_rows=16)


def test_a_list_changes_while_it_is_searched(tmp_path: Path) -> None:
    """As many people are enrolled as withdrawn, unless one was withdrawn twice; every change makes a generation."""
    write(people(200, 64), tmp_path / "shard")
    shard = start(tmp_path / "shard", BACKEND)
    assert (shard.current.size, [len(part.block.columns) for part in shard.current.parts]) == (200, [64, 64, 64, 8])
    asked = units(np.random.default_rng(1).standard_normal((8, DIMENSION), np.float32))
    before = shard.current.name
    found: list[float] = []

    def has_known_both() -> bool:
        found.extend(search(shard, asked, 0.05))
        return all(shard.effects_ms.values())

    with churn(shard):
        wait_until(has_known_both)
    assert min(found) > 0
    assert shard.enrolled >= 20
    assert len(shard.swaps_ms) == shard.enrolled // 20
    assert 200 <= shard.current.size < 200 + shard.enrolled
    assert shard.current.name.number == before.number + 2 * shard.enrolled
    assert all(ms > 0 for effects in shard.effects_ms.values() for ms in effects)
    assert {what: len(effects) > 0 for what, effects in shard.effects_ms.items()} == {ENROLLED: True, WITHDRAWN: True}


def test_a_change_is_watched_until_a_search_knows_of_it(tmp_path: Path) -> None:
    """Somebody withdrawn who is still found, and somebody enrolled who is not, are waited for."""
    write(people(50, 64), tmp_path / "shard")
    shard = start(tmp_path / "shard", BACKEND)
    [columns] = shard.people
    asked = units(np.random.default_rng(1).standard_normal((8, DIMENSION), np.float32))
    shard.watched = [
        Watched(WITHDRAWN, "case-7", columns.rows[7], 0.0),
        Watched(ENROLLED, "new-1", asked[0], 0.0),
        Watched(ENROLLED, "case-9", columns.rows[9], 0.0),
    ]
    search(shard, asked, 0.01)
    assert [each.ref for each in shard.watched] == ["case-7", "new-1"]
    shard.watchlist.apply(0, 50, "case-7", None)
    shard.current = shard.watchlist.generation()
    search(shard, asked, 0.01)
    assert [each.ref for each in shard.watched] == ["new-1"]
    assert [len(effects) for effects in shard.effects_ms.values()] == [1, 1]


def test_a_change_that_no_search_comes_to_know_of_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A list that is frozen by a defect must not look fast because nothing was measured."""
    monkeypatch.setattr(bench_churn, "_LAST_S", 0.01)
    monkeypatch.setattr(bench_churn, "POLL_S", 0.01)
    write(people(50, 64), tmp_path / "shard")
    shard = start(tmp_path / "shard", BACKEND)
    frozen = shard.current
    monkeypatch.setattr(shard.watchlist, "generation", lambda: frozen)
    asked = units(np.random.default_rng(1).standard_normal((8, DIMENSION), np.float32))
    rounds: list[bench_churn.Round] = []

    def has_changed() -> bool:
        rounds.append(bench_churn._round(shard, asked, 0.05)[0])
        return any(rounds[-1].effects.values())

    wait_until(has_changed)
    assert [set(rounds[-1].effects[what]) for what in (ENROLLED, WITHDRAWN)] == [{math.inf}, {math.inf}]
    assert shard.watched == []
