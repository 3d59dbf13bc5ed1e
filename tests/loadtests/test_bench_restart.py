"""Starts from a snapshot: what is measured, on a small list."""

from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from indexes.backends import Backend
from indexes.exact import ExactIndex
from indexes.snapshot import write
from loadtests.bench_restart import Restart, opened, people, restart, tell_restarts

BACKEND = Backend(ExactIndex, ExactIndex, block_rows=64, tail_rows=16)


@pytest.mark.parametrize("cold", [True, False])
def test_what_is_timed_is_a_start_with_everybody_on_the_list(tmp_path: Path, cold: bool) -> None:
    """From the disk and from the cache, each against reading the same files."""
    write(people(100, 64), tmp_path / "shard")
    found = restart(tmp_path / "shard", BACKEND, cold)
    assert min(found.ready_s, found.alone_s) > 0
    watchlist, blocks = opened(tmp_path / "shard", BACKEND)
    assert [len(block.columns) for block in blocks] == [64, 36]
    assert watchlist.generation().size == 100


def test_only_the_disk_counts_and_only_by_its_median() -> None:
    """A start from the cache is told of, and asked nothing of: no disk reads as fast."""
    slow, fast = Restart(5.0, 1.0), Restart(2.0, 1.0)
    console = Console(file=StringIO())
    assert tell_restarts({True: [fast, slow, fast], False: [slow]}, console)
    assert not tell_restarts({True: [slow, slow, fast], False: [fast]}, console)
