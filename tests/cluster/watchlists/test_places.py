"""A watchlist topic whose partitions were added to after somebody was put on a list."""

import pytest

from cluster.kafka.partitions import partition_of
from cluster.kafka_settings import KafkaSettings
from cluster.ports import Record
from cluster.watchlists import places
from cluster.watchlists.places import check_places, is_misplaced
from operators.errors import SettingsRefused
from operators.types import FrameRef

KEYS = [f"e{at}" for at in range(40)]
TOPIC: dict[int, list[Record]] = {}
POLLED: list[Record] = []


class Reader:
    """Reads one partition of `TOPIC`, a record a poll."""

    def __init__(self, kafka: KafkaSettings, topic: str, shard: int, shards: int, from_beginning: bool) -> None:
        assert (topic, shards, from_beginning) == ("watchlist", KafkaSettings().watchlist_partitions, True)
        self._left = list(TOPIC.get(shard, []))

    def poll(self, _: float) -> list[Record]:
        """The next one."""
        found, self._left = self._left[:1], self._left[1:]
        POLLED.extend(found)
        return found

    def is_caught_up(self) -> bool:
        """Whether all were given."""
        return not self._left

    def close(self) -> None:
        """Nothing to let go of."""


@pytest.fixture(autouse=True)
def topic(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is on a list."""
    TOPIC.clear()
    POLLED.clear()
    monkeypatch.setattr(places, "TopicReader", Reader)


def _write(keys: list[str], partitions: int, value: bytes = b"entry") -> None:
    for key in keys:
        number = partition_of(key.encode(), partitions)
        there = TOPIC.setdefault(number, [])
        there.append(Record(FrameRef("watchlist", number, len(there)), key.encode(), value, {}, 0))


def test_a_topic_with_the_partitions_that_it_was_made_with_fits() -> None:
    """Nobody on a list, or many."""
    check_places(KafkaSettings())
    _write(KEYS, 8)
    check_places(KafkaSettings())
    assert len(POLLED) == len(KEYS)


def test_a_topic_that_grew_after_entries_were_written_is_refused() -> None:
    """Who is withdrawn would go on matching; the message says so, what to do, and nobody's name."""
    _write(KEYS, 4)
    _write([f"later{at}" for at in range(40)], 8)
    with pytest.raises(SettingsRefused, match=r"topic watchlist has 8 partitions .* withdrawn .* enrol") as refused:
        check_places(KafkaSettings())
    assert not any(key in str(refused.value).split() for key in KEYS)


def test_what_was_withdrawn_before_it_grew_is_nobody() -> None:
    """Kafka forgets it within a day."""
    _write(KEYS, 4, b"")
    check_places(KafkaSettings())


def test_it_reads_the_oldest_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are the ones from before; a list of a million is not read once more for it."""
    monkeypatch.setattr(places, "OLDEST", 2)
    _write(KEYS, 8, b"")
    _write(KEYS, 8)
    check_places(KafkaSettings())
    found: dict[int, int] = {}
    for record in POLLED:
        found[record.ref.partition] = found.get(record.ref.partition, 0) + bool(record.value)
    assert set(found.values()) == {2}


@pytest.mark.parametrize(("key", "value", "expected"), [(None, b"x", False), (b"e0", b"", True), (b"e0", b"x", True)])
def test_a_record_without_a_key_belongs_nowhere(key: bytes | None, value: bytes, expected: bool) -> None:
    """It is no entry, whatever its place."""
    elsewhere = (partition_of(b"e0", 8) + 1) % 8
    record = Record(FrameRef("watchlist", elsewhere, 0), key, value, {}, 0)
    assert is_misplaced(record, 8) is expected
