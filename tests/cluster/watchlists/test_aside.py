"""Blocks, erasure and snapshots, beside the thread that follows the watchlist."""

from collections.abc import Callable
from concurrent.futures import Executor, Future
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from cluster.watchlists.aside import ERASE_EVERY, WRITE_EVERY, Aside
from indexes.backends import Backend
from indexes.exact import ExactIndex
from indexes.snapshot import read
from indexes.watchlist import Watchlist
from tests.builders import CONTRACT, NOW, entry, random_units

BACKEND = Backend(ExactIndex, ExactIndex, block_rows=64, tail_rows=4)
IDENTITY = {"shard": "0 of 1"}
SECOND = timedelta(seconds=1)


class Later(Executor):
    """Runs what it was given when told to."""

    def __init__(self) -> None:
        self.waiting: list[tuple[Future[Any], Callable[[], Any]]] = []

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Remember it."""
        future: Future[Any] = Future()
        self.waiting.append((future, lambda: fn(*args, **kwargs)))
        return future

    def run(self) -> int:
        """Do all of it; how much there was."""
        done, self.waiting = self.waiting, []
        for future, work in done:
            try:
                future.set_result(work())
            except OSError as error:
                future.set_exception(error)
        return len(done)


def _people(count: int) -> Watchlist:
    watchlist = Watchlist(0, 1, CONTRACT, BACKEND)
    for at, row in enumerate(random_units(1, count)):
        watchlist.apply(0, at, f"e{at}", entry(f"e{at}", row))
    return watchlist


def test_a_block_is_built_beside_and_put_in_place_when_it_is_ready() -> None:
    """Until then the tail is searched; one thing at a time."""
    watchlist, later = _people(5), Later()
    aside = Aside(watchlist, BACKEND, later, None, IDENTITY)
    assert not aside.step(NOW)
    assert not aside.step(NOW)
    assert watchlist.generation().size == 5
    assert later.run() == 1
    assert aside.step(NOW)
    assert [len(part.block.columns) for part in watchlist.generation().parts] == [5]
    assert not aside.step(NOW)
    assert later.run() == 0


def test_a_withdrawn_vector_is_erased_within_the_half_minute() -> None:
    """One of many: too few marks to be worth a merge for speed. Not more often, however many are withdrawn."""
    watchlist, later = _people(40), Later()
    watchlist.merge_all()
    aside = Aside(watchlist, BACKEND, later, None, IDENTITY)
    aside.step(NOW)
    watchlist.apply(0, 40, "e7", None)
    aside.step(NOW + ERASE_EVERY - SECOND)
    assert later.run() == 0
    aside.step(NOW + ERASE_EVERY)
    assert later.run() == 1
    assert aside.step(NOW + ERASE_EVERY)
    [part] = watchlist.generation().parts
    assert (len(part.block.columns.rows), part.gone) == (39, frozenset())
    watchlist.apply(0, 41, "e8", None)
    aside.step(NOW + ERASE_EVERY + SECOND)
    assert later.run() == 0


def test_a_snapshot_is_written_at_once_and_then_when_something_has_changed(tmp_path: Path) -> None:
    """Not more often than every five minutes; as of the moment it was begun."""
    watchlist, later, folder = _people(3), Later(), tmp_path / "shard-0"
    aside = Aside(watchlist, BACKEND, later, folder, IDENTITY)
    aside.step(NOW)
    watchlist.apply(0, 3, "e0", None)
    assert later.run() == 1
    assert read(folder, IDENTITY, 0, lambda columns: columns).next_offsets == {0: 3}
    aside.step(NOW + SECOND)
    assert later.run() == 0
    aside.step(NOW + WRITE_EVERY)
    assert later.run() == 1
    assert sorted(read(folder, IDENTITY, 0, lambda columns: columns).blocks[0].refs) == ["e1", "e2"]
    aside.step(NOW + 3 * WRITE_EVERY)
    assert later.run() == 0


def test_a_snapshot_that_cannot_be_written_is_told_of_and_tried_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A file stands where the folder should be; when it is gone all is well."""
    later, folder = Later(), tmp_path / "there" / "shard-0"
    folder.parent.write_text("in the way")
    aside = Aside(_people(3), BACKEND, later, folder, IDENTITY)
    aside.step(NOW)
    later.run()
    aside.step(NOW + SECOND)
    assert "could not be written" in caplog.text
    folder.parent.unlink()
    aside.step(NOW + WRITE_EVERY)
    assert later.run() == 1
    assert len(read(folder, IDENTITY, 0, lambda columns: columns).blocks[0]) == 3
