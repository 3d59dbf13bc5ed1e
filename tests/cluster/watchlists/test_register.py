from typing import Any

import pytest

from cluster.kafka.topics import LEDGER, WATCHLIST
from cluster.kafka_settings import KafkaSettings
from cluster.ports import Record
from cluster.watchlists import register
from cluster.watchlists.register import read_events, read_register
from cluster.wire.entries import encode_entry
from operators.types import FrameRef
from tests.builders import entry_record
from tests.cluster.wire.test_list_events import event, event_value

TOPICS: dict[str, list[tuple[bytes | None, bytes]]] = {}


class Reader:
    """Gives one record a poll, and none at the first."""

    def __init__(self, _: KafkaSettings, topic: str, *__: Any, **___: Any) -> None:
        self._left = list(TOPICS[topic])
        self._read = -1

    def poll(self, _: float) -> list[Record]:
        """The next one."""
        self._read += 1
        if not self._read:
            return []
        key, value = self._left[self._read - 1]
        return [Record(FrameRef("t", 0, self._read - 1), key, value, {}, 0)]

    def is_caught_up(self) -> bool:
        """Whether all have been given."""
        return self._read == len(self._left)

    def close(self) -> None:
        """Nothing to let go of."""


@pytest.fixture(autouse=True)
def topics(monkeypatch: pytest.MonkeyPatch) -> None:
    """Topics in the place of Kafka's."""
    monkeypatch.setattr(register, "TopicReader", Reader)


def test_the_register_is_what_the_last_record_of_each_key_says() -> None:
    """Replaced and withdrawn entries are not in it; what is no entry is told of until it is replaced."""
    first, second = (encode_entry(entry_record("anna", necessity=text)) for text in ("once", "again"))
    bert = encode_entry(entry_record("bert"))
    TOPICS[WATCHLIST] = [
        (b"anna", first),
        (b"bert", bert),
        (b"cleo", b"no entry"),
        (b"dora", bert),
        (b"anna", second),
        (b"bert", b""),
        (None, b"x"),
        (b"eric", b"{}"),
        (b"eric", b""),
    ]
    found = read_register(KafkaSettings())
    assert {ref: record.necessity for ref, record in found.entries.items()} == {"anna": "again"}
    assert [photo.crop for photo in found.entries["anna"].photos] == [b""]
    assert sorted(found.invalid) == ["", "cleo", "dora"]


def test_events_are_those_of_the_deployment_in_their_order() -> None:
    """Records of others, and about other things, are passed over; those that cannot be read are counted."""
    own, more, other = event(member="a"), event(member="b"), event(deployment="elsewhere")
    TOPICS[LEDGER] = [(None, event_value(each)) for each in (own, other)]
    TOPICS[LEDGER] += [(None, b"garbage"), (None, event_value(more))]
    found = read_events(KafkaSettings(), "test")
    assert found.events == [own, more]
    assert found.invalid == [2]
