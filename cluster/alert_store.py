"""Which alerts have been taken already: a file that outlives the process that reads them."""

import sqlite3
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path

from cluster.ports import Record
from operators.errors import SettingsRefused

WINDOW = timedelta(days=2)  # twice what topic `alerts` keeps; a frame can be read again for 10 minutes
_SCHEMA = """
    CREATE TABLE IF NOT EXISTS topic (name TEXT NOT NULL);
    CREATE TABLE IF NOT EXISTS position (partition INTEGER PRIMARY KEY, next INTEGER NOT NULL);
    CREATE TABLE IF NOT EXISTS taken (id BLOB PRIMARY KEY, at_s REAL NOT NULL) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS taken_at ON taken (at_s);
"""

Take = Callable[[Record, sqlite3.Connection], None]


class AlertStore:
    """Positions in topic `alerts`, and ids of the alerts taken within a window, in one SQLite file.

    One process at a time. Of each alert taken it grows by about 100 bytes, until the window has passed.

    Args:
        file: Where; made when it is missing.
        window: How long an id is remembered.

    Raises:
        SettingsRefused: The file is not such a store, or another process uses it.
    """

    def __init__(self, file: Path, window: timedelta = WINDOW) -> None:
        self._window_s = window.total_seconds()
        self._database = sqlite3.connect(file, isolation_level=None, timeout=0)
        try:
            self._database.execute("PRAGMA locking_mode = EXCLUSIVE")
            # A machine that loses power loses the last seconds of it whole, and they are read again; each alert forced
            # to the disk would make a backlog of a day take many minutes.
            self._database.execute("PRAGMA journal_mode = WAL")
            self._database.execute("PRAGMA synchronous = NORMAL")
            self._database.executescript(f"BEGIN EXCLUSIVE; {_SCHEMA} COMMIT;")
        except sqlite3.Error as error:
            self._database.close()
            raise SettingsRefused(
                f"{file}: not a store of alerts, or in use by another process ({error}): name another file"
            ) from None

    def positions(self, topic: str) -> Mapping[int, int]:
        """By partition, the next offset to read.

        Args:
            topic: The topic's own id: positions in another one mean nothing and are forgotten, the ids are not.
        """
        if self._database.execute("SELECT name FROM topic").fetchall() != [(topic,)]:
            self._database.executescript("BEGIN; DELETE FROM topic; DELETE FROM position; COMMIT;")
            self._database.execute("INSERT INTO topic VALUES (?)", (topic,))
        return dict(self._database.execute("SELECT partition, next FROM position").fetchall())

    def forget_positions(self) -> None:
        """The topic is to be read from its beginning; what was taken stays known."""
        self._database.execute("DELETE FROM position")

    def take(self, record: Record, now: datetime, take: Take) -> bool:
        """Hand one record over unless its alert was taken already; whether it was handed over.

        What `take` writes with the connection it is given is stored together with the position: both, or neither. What
        it does elsewhere is done at least once: again if the process ends between its return and that of this call, or
        if it raises, since the record is then handed over again by the next reader.

        Args:
            record: The next one of its partition.
            now: The time.
            take: Takes an alert.
        """
        at, database = record.ref, self._database
        name = record.headers.get("ce_id") or str(at).encode()  # what carries no id is told apart by its place
        database.execute("BEGIN IMMEDIATE")
        try:
            known = database.execute("SELECT 1 FROM taken WHERE id = ?", (name,)).fetchone()
            if not known:
                take(record, database)
                database.execute("INSERT INTO taken VALUES (?, ?)", (name, now.timestamp()))
            database.execute("INSERT OR REPLACE INTO position VALUES (?, ?)", (at.partition, at.offset + 1))
            database.execute("DELETE FROM taken WHERE at_s < ?", (now.timestamp() - self._window_s,))
            database.execute("COMMIT")
        except BaseException:
            if database.in_transaction:
                database.execute("ROLLBACK")
            raise
        return not known

    def size(self) -> int:
        """Ids that are remembered."""
        return int(self._database.execute("SELECT count(*) FROM taken").fetchone()[0])

    def close(self) -> None:
        """Let go of the file."""
        self._database.close()
