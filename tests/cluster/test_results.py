"""What follows from frames, and when it is there for good."""

from typing import Any

import pytest

from cluster.memory_io import MemoryDelivery
from cluster.results import Undelivered, settle
from operators.errors import BrokerUnavailable
from tests.builders import record

FRAMES = [record(b"", at).ref for at in range(3)]


def test_frames_are_finished_when_the_last_of_their_messages_is_acknowledged() -> None:
    """With the moment of that; frames for which nothing was written are finished too."""
    finished: list[Any] = []
    both = [MemoryDelivery(acknowledged_ns=7), MemoryDelivery(acknowledged_ns=5)]
    pending = [Undelivered(FRAMES[:1], both), Undelivered(FRAMES[1:], [])]
    settle(pending, lambda frames, at_ns: finished.append((frames, at_ns)))
    assert finished == [(FRAMES[:1], 7), (FRAMES[1:], 0)]


def test_what_is_not_acknowledged_finishes_nothing_after_it() -> None:
    """Nothing of it may be committed."""
    finished: list[Any] = []
    pending = [Undelivered(FRAMES[:1], [MemoryDelivery(acknowledged=False)]), Undelivered(FRAMES[1:], [])]
    with pytest.raises(BrokerUnavailable):
        settle(pending, lambda *given: finished.append(given))
    assert finished == []
