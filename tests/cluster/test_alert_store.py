"""Each alert once, whatever the order of duplicates, restarts and partitions."""

import sqlite3
import tempfile
from contextlib import closing, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cluster.alert_store import AlertStore
from cluster.ports import Record
from operators.errors import SettingsRefused
from operators.types import FrameRef
from tests.builders import NOW

DAY = timedelta(days=1)


class Killed(Exception):
    """The process ends here."""


def alert(name: str, partition: int, offset: int) -> Record:
    """A record of the alerts topic."""
    return Record(FrameRef("alerts", partition, offset), b"gate", b"{}", {"ce_id": name.encode()}, 0)


@dataclass(slots=True)
class Room:
    """A control room: what it has shown, and what it has written in the store's own transactions."""

    file: Path
    shown: list[str] = field(default_factory=list)
    killed: list[str] = field(default_factory=list)

    def open(self) -> AlertStore:
        """Start again."""
        store = AlertStore(self.file)
        store.positions("topic")
        return store

    def take(self, record: Record, database: sqlite3.Connection, die: bool) -> None:
        """Show it and note it; die in between the handing over and the commit."""
        name = record.headers["ce_id"].decode()
        database.execute("CREATE TABLE IF NOT EXISTS note (id TEXT)")
        database.execute("INSERT INTO note VALUES (?)", (name,))
        self.shown.append(name)
        if die:
            self.killed.append(name)
            raise Killed

    def notes(self) -> list[str]:
        """What is written."""
        with closing(sqlite3.connect(self.file)) as database:
            return [name for (name,) in database.execute("SELECT id FROM note")]


TOPIC = st.lists(st.lists(st.integers(0, 9), max_size=8), min_size=1, max_size=3)
STEPS = st.lists(
    st.tuples(st.integers(0, 2), st.integers(1, 4), st.sampled_from(["read", "restart", "kill"])), max_size=12
)


@settings(max_examples=15)
@given(topic=TOPIC, steps=STEPS)
def test_each_alert_once_against_a_plain_set(topic: list[list[int]], steps: list[tuple[int, int, str]]) -> None:
    """Noted exactly once; shown once, and again only if the reader was killed while it showed it."""
    with tempfile.TemporaryDirectory() as folder:
        room = Room(Path(folder) / "store")
        store = room.open()
        for partition, count, what in [*steps, *((number, 8, "read") for number in range(len(topic)))]:
            names = topic[partition % len(topic)]
            start = store.positions("topic").get(partition % len(topic), 0)
            for offset in range(start, min(start + count, len(names))):
                record = alert(str(names[offset]), partition % len(topic), offset)
                with suppress(Killed):
                    store.take(record, NOW, lambda r, d, die=what == "kill": room.take(r, d, die))  # type: ignore[misc]
                    continue
                break
            if what != "read":
                store.close()
                store = room.open()
        store.close()
        expected = {str(name) for names in topic for name in names}
        assert sorted(room.notes() if room.shown else []) == sorted(expected)
        assert sorted(room.shown) == sorted([*expected, *room.killed])


def test_ids_are_forgotten_after_the_window(tmp_path: Path) -> None:
    """The file stays small: what was taken longer ago than the window is deleted, and no earlier."""
    with closing(AlertStore(tmp_path / "store", DAY)) as store:
        taken = [
            store.take(alert(name, 0, offset), NOW + after, lambda record, database: None)
            for offset, (name, after) in enumerate([("a", 0 * DAY), ("a", DAY), ("b", DAY), ("c", 1.5 * DAY)])
        ]
        assert taken == [True, False, True, True]
        assert store.size() == 2


def test_positions_belong_to_one_topic(tmp_path: Path) -> None:
    """In a topic that was made anew reading begins anew, and alerts known by their id stay known."""
    with closing(AlertStore(tmp_path / "store")) as store:
        assert store.positions("first") == {}
        store.take(alert("a", 1, 4), NOW, lambda record, database: None)
        assert store.positions("first") == {1: 5}
        assert store.positions("second") == {}
        assert not store.take(alert("a", 0, 0), NOW, lambda record, database: None)


def test_what_carries_no_id_is_given_once_by_its_place(tmp_path: Path) -> None:
    """A record that is no alert must not hide those after it, nor come again."""
    record = Record(FrameRef("alerts", 0, 7), None, b"?", {}, 0)
    with closing(AlertStore(tmp_path / "store")) as store:
        assert [store.take(record, NOW, lambda record, database: None) for _ in range(2)] == [True, False]


def test_a_file_of_something_else_is_refused(tmp_path: Path) -> None:
    """And so is a store that another process reads with."""
    (tmp_path / "text").write_text("not a database, and long enough to be told from one" * 20)
    with pytest.raises(SettingsRefused, match="not a store"):
        AlertStore(tmp_path / "text")
    with closing(AlertStore(tmp_path / "store")), pytest.raises(SettingsRefused, match="in use"):
        AlertStore(tmp_path / "store")
