"""Where the reader for control rooms begins; the rest is in `test_alert_store.py` and `tests/integration`."""

import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path

import pytest

from cluster import alert_reader
from cluster.alert_reader import AlertReader
from cluster.clocks import HandClock
from cluster.kafka.reader import OffsetsUnknown
from cluster.kafka_settings import KafkaSettings
from cluster.ports import Record
from tests.builders import NOW
from tests.cluster.test_alert_store import alert


class Topic:
    """What a `TopicReader` of these records would give."""

    records: Sequence[Record] = ()

    def __init__(
        self, kafka: object, topic: str, shard: int, shards: int, from_beginning: bool, since: Mapping[int, int] = {}
    ) -> None:
        if since.get(0, 0) > len(self.records):
            raise OffsetsUnknown("ends before")
        self._left = [record for record in self.records if record.ref.offset >= since.get(0, 0)]

    def poll(self, timeout_s: float) -> list[Record]:
        """What is left."""
        left, self._left = self._left, []
        return left

    def close(self) -> None:
        """Nothing to let go of."""


def read(file: Path, names: str) -> list[str]:
    """What a reader that starts now gives of a topic with these alerts."""
    shown: list[str] = []

    def show(record: Record, _: sqlite3.Connection) -> None:
        shown.append(record.headers["ce_id"].decode())

    Topic.records = [alert(name, 0, offset) for offset, name in enumerate(names)]
    with closing(AlertReader(KafkaSettings(), file, HandClock(NOW))) as reader:
        assert reader.read(show, 0.0) == len(shown)
    return shown


def test_goes_on_where_it_ended_and_repeats_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From the first alert that is kept, then from where it ended; in a topic that lost records, by ids alone."""
    monkeypatch.setattr(alert_reader, "TopicReader", Topic)
    monkeypatch.setattr(alert_reader, "topic_id", lambda kafka, topic: "one")
    file = tmp_path / "store"
    assert read(file, "abab") == ["a", "b"]
    assert read(file, "ababbc") == ["c"]
    assert read(file, "bd") == ["d"]
