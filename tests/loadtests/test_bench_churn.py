"""Searches under changes: what is measured, on a small list."""

from pathlib import Path

import numpy as np

from indexes.backends import Backend
from indexes.exact import ExactIndex
from loadtests.bench_churn import churn, people, restart, search
from loadtests.bench_index import DIMENSION, units

BACKEND = Backend(ExactIndex, ExactIndex, block_rows=64, tail_rows=16)


def test_a_list_is_restarted_and_changes_while_it_is_searched(tmp_path: Path) -> None:
    """As many people are enrolled as withdrawn, unless one was withdrawn twice; every change makes a generation."""
    shard, ready_s, alone_s = restart(people(200, 64), BACKEND, tmp_path / "shard")
    assert (shard.current.size, [len(part.block.columns) for part in shard.current.parts]) == (200, [64, 64, 64, 8])
    assert ready_s > alone_s > 0
    asked = units(np.random.default_rng(1).standard_normal((8, DIMENSION), np.float32))
    before = shard.current.name
    with churn(shard):
        found = search(shard, asked, 0.35)
    assert min(found) > 0
    assert shard.enrolled >= 20
    assert len(shard.swaps_ms) == shard.enrolled // 20
    assert 200 <= shard.current.size < 200 + shard.enrolled
    assert shard.current.name.number == before.number + 2 * shard.enrolled
