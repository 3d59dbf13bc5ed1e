from collections.abc import Sequence
from functools import partial
from typing import Any

import pytest

from cluster.clocks import HandClock
from cluster.ledger.writer import LedgerWriter
from cluster.memory_io import MemorySink
from cluster.policies import confirmed
from cluster.policies.confirmed import Recognisers, await_confirmation
from cluster.ports import Record
from cluster.wire.policy_records import FOLLOWED
from cluster.wire.settings import IN_FORCE
from operators.errors import TopicMissing
from operators.types import FrameRef
from tests.builders import NOW

NEW, OLD = "a" * 64, "b" * 64


class World:
    """A ledger in memory."""

    def __init__(self) -> None:
        self.sink = MemorySink()

    def writer(self, name: str = "recogniser-0", deployment: str = "test") -> LedgerWriter:
        """Begins another chain."""
        return LedgerWriter(self.sink, deployment, name, NEW, HandClock(NOW))

    def found(self, kind: str = IN_FORCE) -> Recognisers:
        """What it says."""
        found = Recognisers("test", kind, NEW)
        for message in self.sink.messages:
            found.take(message.value)
        return found


@pytest.fixture
def world() -> World:
    """Nothing written."""
    return World()


def test_whoever_runs_and_has_not_said_so_is_missing(world: World) -> None:
    """What a recogniser said last counts; what is not one, or is another deployment's, is passed over."""
    lane = world.writer()
    lane.write(IN_FORCE, {"digest": OLD})
    world.writer("recogniser-1").write(IN_FORCE, {"digest": NEW})
    world.writer("supervisor").write(IN_FORCE, {"digest": OLD})
    world.writer("recogniser-2", "other").write(IN_FORCE, {"digest": OLD})
    world.sink.send("x", b"no record", [])
    assert world.found().missing == ("recogniser-0",)
    lane.write(IN_FORCE, {"digest": NEW})
    assert world.found().missing == ()
    assert set(world.found().open) == {"recogniser-0", "recogniser-1"}
    lane.write(IN_FORCE, {"digest": OLD})
    assert world.found().missing == ("recogniser-0",)


def test_an_order_stays_confirmed_whatever_else_is_told(world: World) -> None:
    """Until another order is followed."""
    lane = world.writer()
    lane.write(FOLLOWED, {"digest": NEW})
    lane.write(IN_FORCE, {"digest": OLD})
    assert world.found(FOLLOWED).missing == ()
    lane.write(FOLLOWED, {"digest": OLD})
    assert world.found(FOLLOWED).missing == ("recogniser-0",)


def test_whoever_has_ended_does_not_run_unless_it_has_begun_anew(world: World) -> None:
    """The end of a chain is that of no other."""
    first = world.writer()
    first.write(IN_FORCE, {"digest": OLD})
    first.end()
    assert world.found().missing == ()
    late = world.writer()
    late.write(IN_FORCE, {"digest": OLD})
    world.writer().write(IN_FORCE, {"digest": OLD})
    late.end()
    assert world.found().missing == ("recogniser-0",)


def test_it_waits_for_what_comes_and_no_longer(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the ledger was never written nobody runs."""
    lane = world.writer()
    lane.write(IN_FORCE, {"digest": OLD})
    monkeypatch.setattr(confirmed, "_POLL_S", 0.0)

    class Reader:
        def __init__(self, comes_at: int) -> None:
            self.polls, self.read, self.comes_at, self.is_closed = 0, 0, comes_at, False

        def poll(self, timeout_s: float) -> Sequence[Record]:
            self.polls += 1
            if self.polls == self.comes_at:
                lane.write(IN_FORCE, {"digest": NEW})
            new = world.sink.messages[self.read :]
            self.read += len(new)
            return [Record(FrameRef("ledger", 0, 0), b"", message.value, {}, 0) for message in new]

        def is_current(self) -> bool:
            return self.read == len(world.sink.messages)

        def close(self) -> None:
            self.is_closed = True

    reader = Reader(comes_at=9)
    assert await_confirmation(lambda: reader, "test", IN_FORCE, NEW).missing == ()
    assert (reader.polls, reader.is_closed) == (9, True)
    lane.write(IN_FORCE, {"digest": OLD})
    monkeypatch.setattr(confirmed, "WITHIN_S", 0.02)
    assert await_confirmation(partial(Reader, 0), "test", IN_FORCE, NEW).missing == ("recogniser-0",)

    def absent() -> Any:
        raise TopicMissing("no ledger")

    assert await_confirmation(absent, "test", IN_FORCE, NEW).open == {}
