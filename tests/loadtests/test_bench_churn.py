"""Searches under changes: what is measured, on a small list."""

from pathlib import Path

import numpy as np

from indexes.backends import Backend
from indexes.exact import ExactIndex
from indexes.snapshot import write
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

BACKEND = Backend(ExactIndex, ExactIndex, block_rows=64, tail_rows=16)


def test_a_list_changes_while_it_is_searched(tmp_path: Path) -> None:
    """As many people are enrolled as withdrawn, unless one was withdrawn twice; every change makes a generation."""
    write(people(200, 64), tmp_path / "shard")
    shard = start(tmp_path / "shard", BACKEND)
    assert (shard.current.size, [len(part.block.columns) for part in shard.current.parts]) == (200, [64, 64, 64, 8])
    asked = units(np.random.default_rng(1).standard_normal((8, DIMENSION), np.float32))
    before = shard.current.name
    with churn(shard):
        found = search(shard, asked, 0.35)
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
