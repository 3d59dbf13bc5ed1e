"""What is done beside following the watchlist, on another thread: blocks, erasure of withdrawn rows, snapshots."""

import logging
from collections.abc import Callable, Mapping
from concurrent.futures import Executor, Future
from datetime import datetime, timedelta
from pathlib import Path

from indexes.backends import Backend
from indexes.blocks import Block
from indexes.columns import Columns, microseconds
from indexes.snapshot import Snapshot, write
from indexes.watchlist import Merge, Watchlist

ERASE_EVERY = timedelta(seconds=30)
WRITE_EVERY = timedelta(minutes=5)

log = logging.getLogger("beholden.watchlist")


class Aside:
    """One thing at a time; called by the thread that follows, which alone touches the watchlist.

    Args:
        watchlist: Whose blocks are built.
        backend: How.
        pool: Of one thread.
        folder: Where snapshots are written; None: nowhere.
        identity: What they belong to.
    """

    def __init__(
        self,
        watchlist: Watchlist,
        backend: Backend,
        pool: Executor,
        folder: Path | None,
        identity: Mapping[str, str],
    ) -> None:
        self._watchlist = watchlist
        self._backend = backend
        self._pool = pool
        self._folder = folder
        self._identity = identity
        self._building: tuple[Merge, Future[Block | None]] | None = None
        self._writing: Future[None] | None = None
        self._erased_at: datetime | None = None
        self._written_at: datetime | None = None
        self._written = ""

    def step(self, now: datetime) -> bool:
        """Put what is ready in its place and begin what is due; whether the watchlist has changed.

        Args:
            now: UTC-aware.
        """
        changed = self._install()
        if self._building is None and (due := self._watchlist.due(erase=self._may_erase(now))):
            self._building = due, self._pool.submit(due.build, self._backend)
        elif self._building is None:
            self._write(now)
        return changed

    def _install(self) -> bool:
        if self._building is None or not self._building[1].done():
            return False
        (merge, block), self._building = self._building, None
        self._watchlist.install(merge, block.result())
        return True

    def _may_erase(self, now: datetime) -> bool:
        if self._erased_at is not None and now - self._erased_at < ERASE_EVERY:
            return False
        self._erased_at = now
        return True

    def _write(self, now: datetime) -> None:
        """Write a snapshot when one is due; a disk that is full is told of and tried again."""
        if self._writing and self._writing.done():
            if error := self._writing.exception():
                self._written = ""
                log.warning("the watchlist's snapshot could not be written: %s", error)
            self._writing = None
        early = self._written_at is not None and now - self._written_at < WRITE_EVERY
        if self._folder is None or self._writing or early:
            return
        if (digest := self._watchlist.generation().name.digest) != self._written:
            self._written_at, self._written = now, digest
            take = self._watchlist.snapshot(self._identity, microseconds(now))
            self._writing = self._pool.submit(_write, take, self._folder)


def _write(take: Callable[[], Snapshot[Columns]], folder: Path) -> None:
    write(take(), folder)
