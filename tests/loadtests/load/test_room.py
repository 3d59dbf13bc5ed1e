"""A bound on bytes on their way, and whose fault it is when it makes somebody wait."""

import os
import threading
import time
from pathlib import Path

import pytest

from loadtests.load import room as room_module
from loadtests.load.room import IN_FLIGHT_BYTES, Holding, Room, wanted_s
from loadtests.load.tally import Tally
from tests.waiting import wait_until


def test_what_is_acknowledged_is_counted_and_makes_room() -> None:
    """Nothing more is added while it is full; the wait is counted."""
    tally = Tally()
    room = Room(tally)
    room.add(IN_FLIGHT_BYTES)
    waiting = threading.Thread(target=room.add, args=(7,))
    waiting.start()
    wait_until(lambda: bool(room._room._waiters))  # type: ignore[attr-defined]
    assert (tally.frames, tally.bytes, room.size_bytes) == (0, 0, IN_FLIGHT_BYTES)
    room.remove(IN_FLIGHT_BYTES)
    waiting.join()
    assert (tally.frames, tally.bytes, room.size_bytes) == (1, IN_FLIGHT_BYTES, 7)
    assert room.waited_s > 0


@pytest.mark.parametrize(
    ("passed_s", "waited_s", "used_s", "held_s"),
    [(5.0, 3.0, 0.5, 3.0), (5.0, 5.0, 2.0, 3.0), (5.0, 5.0, 6.0, 0.0), (5.0, 0.0, 0.0, 0.0)],
)
def test_kafka_holds_up_only_who_waits_and_wants_no_processor(
    passed_s: float, waited_s: float, used_s: float, held_s: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the time that was waited, what nobody in this process needed; two threads may want more than has passed."""
    now, used = [100.0], [7.0]
    monkeypatch.setattr(room_module.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(room_module, "wanted_s", lambda: used[0])
    room = Room(Tally())
    room.waited_s = 1.0
    holding = Holding(room)
    now[0], used[0], room.waited_s = now[0] + passed_s, used[0] + used_s, room.waited_s + waited_s
    assert holding.since() == pytest.approx(held_s)
    assert holding.since() == 0.0


def test_processor_time_of_all_threads_is_wanted() -> None:
    """What this process has used at the least: time for which a thread stood in the queue comes on top."""
    before, used = wanted_s(), time.process_time()
    thread = threading.Thread(target=lambda: sum(range(300_000)))
    thread.start()
    while time.process_time() - used < 0.02:
        os.getpid()
    alive = wanted_s()
    thread.join()
    assert alive - before > 0.005


def test_where_linux_does_not_say_it_is_what_was_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As on a Mac."""
    monkeypatch.setattr(room_module, "_THREADS", tmp_path / "task")
    assert wanted_s() == pytest.approx(time.process_time(), abs=1.0)
