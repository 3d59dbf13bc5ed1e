"""How long faces that match nobody exist: measured for each batch, told of by the minute, never of one face."""

import gc
import logging
import time
import weakref
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cluster import intake
from cluster import pipeline as pipeline_module
from cluster.account import Account
from cluster.memory_io import MemorySink
from cluster.ports import Record
from cluster.privacy.nonmatches import Batch, Nonmatches, p99_ms
from cluster.wire.ledger import parse_record
from cluster.wire.nonmatches import DROPPED, LATE, Dropped
from operators.errors import BrokerUnavailable, FrameRefused, IndexIncomplete
from operators.types import Float32, Frame, Hit
from operators.vision import Seen
from tests.builders import NOW, FakeIndex, FakeVision, Lane, chain, record


def told(sink: MemorySink, kind: str) -> list[dict[str, Any]]:
    """Bodies of the ledger's records of one kind."""
    found = [parse_record(message.value) for message in sink.messages]
    return [dict(each.body) for each in found if each.kind == kind]


def stalled(lane: Lane, stall_s: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """The lane's index takes so long for its first search, on a clock that only it moves."""
    now_s = [0.0]
    times = SimpleNamespace(perf_counter=lambda: now_s[0], monotonic=time.monotonic, sleep=time.sleep)
    monkeypatch.setattr(pipeline_module, "time", times)
    monkeypatch.setattr(intake, "time", times)
    search = lane.index.search

    def slow(vectors: Float32, k: int, at_least: float) -> list[list[Hit]]:
        now_s[0] += stall_s if lane.index.searches == 0 else 0.0
        return search(vectors, k, at_least)

    monkeypatch.setattr(lane.index, "search", slow)


def test_a_search_that_stalls_for_three_seconds_is_an_alarm(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """In the log at once, in the status, and in the ledger with the policy's ceiling."""
    lane = Lane()
    stalled(lane, 3.0, monkeypatch)
    with caplog.at_level(logging.WARNING):
        lane.run([record(b"stranger blurred", 0), record(b"anna stranger", 1)])
    assert "4 faces existed for 3000 ms, longer than the 2000 ms" in caplog.text
    summary = lane.account.summary()
    assert (summary["longest_life_ms"], summary["late_drops"]) == (3000, 1)
    [late] = told(lane.ledger, LATE)
    assert {name: late[name] for name in ("batches", "faces", "max_ms", "ceiling_ms")} == {
        "batches": 1,
        "faces": 4,
        "max_ms": 3000,
        "ceiling_ms": 2000,
    }


def test_a_search_in_time_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """The ceiling itself is within it."""
    lane = Lane()
    stalled(lane, 2.0, monkeypatch)
    lane.run([record(b"stranger")])
    assert told(lane.ledger, LATE) == []
    assert lane.account.summary()["late_drops"] == 0
    assert told(lane.ledger, DROPPED)[0]["max_ms"] == 2000


def test_every_face_of_a_minute_is_in_one_record() -> None:
    """Alerted, gated or dropped; nothing in it tells one from another."""
    lane = Lane()
    lane.run([record(b"anna bert stranger blurred", 0), record(b"anna blurred half", 1), record(b"empty", 2)])
    [body] = told(lane.ledger, DROPPED)
    assert (body["faces"], body["alerted"], body["gated"], body["dropped"]) == (7, 2, 2, 3)
    assert set(body) == {"begin", "end", "faces", "alerted", "gated", "dropped", "max_ms", "p99_ms"}
    assert all(type(body[name]) is int for name in body if name not in ("begin", "end"))


def test_a_minute_is_written_once_it_is_over() -> None:
    """A lane that goes on for hours writes one record a minute."""
    lane = Lane()
    pipeline = lane.pipeline()
    for number in range(130):
        lane.source.records.append(record(b"stranger", number, timestamp_ms=int(lane.clock.time.timestamp() * 1000)))
        pipeline.step(0)
        lane.clock.time += timedelta(seconds=1)
    bodies = told(lane.ledger, DROPPED)
    assert [body["faces"] for body in bodies] == [61, 61]
    pipeline.drain()
    assert sum(body["faces"] for body in told(lane.ledger, DROPPED)) == 130


def test_what_cannot_be_written_ends_the_process() -> None:
    """As everything that the ledger must have."""
    sink = MemorySink()
    nonmatches = Nonmatches(chain(sink), Account())
    nonmatches.add(Batch(0, 1, 0), 0.1, 2.0, NOW)
    sink.acknowledges = False
    nonmatches.write_all(NOW)
    with pytest.raises(BrokerUnavailable):
        nonmatches.settle(0)


BATCHES = st.tuples(st.integers(0, 5), st.integers(0, 5), st.integers(0, 5), st.integers(0, 5000), st.integers(0, 40))


@settings(max_examples=30)
@given(st.lists(BATCHES, max_size=30))
def test_whatever_comes_the_records_add_up(batches: list[tuple[int, int, int, int, int]]) -> None:
    """Faces = alerted + gated + dropped in each record and in all; the account says the same."""
    sink, account, now, longest = MemorySink(), Account(), NOW, 0
    nonmatches, seen = Nonmatches(chain(sink), account), Counter[str]()
    for gated, compared, alerted, lived_ms, later_s in batches:
        batch = Batch(gated, compared, min(alerted, compared))
        nonmatches.add(batch, lived_ms / 1000, 2.0, now)
        seen.update(faces=batch.faces, gated=gated, alerted=batch.alerted, late=lived_ms > 2000 and batch.faces > 0)
        longest = max(longest, lived_ms if batch.faces else 0)
        now += timedelta(seconds=later_s)
        nonmatches.write(now)
    nonmatches.write_all(now)
    bodies = told(sink, DROPPED)
    for body in bodies:
        assert body["faces"] == body["alerted"] + body["gated"] + body["dropped"] > 0
        assert 0 <= body["p99_ms"] <= body["max_ms"]
    for name in ("faces", "alerted", "gated"):
        assert sum(body[name] for body in bodies) == seen[name]
    assert sum(body["batches"] for body in told(sink, LATE)) == seen["late"] == account.late_drops
    assert account.longest_life_ms == longest == max((body["max_ms"] for body in bodies), default=0)
    assert account.lives.total() == seen["faces"] - seen["alerted"]


@given(st.dictionaries(st.integers(0, 3000), st.integers(1, 300), min_size=1))
def test_p99_is_that_of_the_faces_one_by_one(lived: dict[int, int]) -> None:
    """The smallest time within which 99 of 100 are gone."""
    each = sorted(ms for ms, faces in lived.items() for _ in range(faces))
    assert p99_ms(lived) == each[int(np.ceil(0.99 * len(each))) - 1]


def test_each_face_counts_in_the_times_of_a_minute() -> None:
    """One slow batch of one face does not hide in one quick batch of hundreds, nor the other way."""
    sink = MemorySink()
    nonmatches = Nonmatches(chain(sink), Account())
    nonmatches.add(Batch(100, 100, 0), 0.01, 2.0, NOW)
    nonmatches.add(Batch(0, 1, 0), 1.0, 2.0, NOW)
    nonmatches.write_all(NOW)
    [body] = told(sink, DROPPED)
    assert (body["p99_ms"], body["max_ms"]) == (10, 1000)


def test_counts_that_do_not_add_up_are_refused() -> None:
    """No such record can be made."""
    with pytest.raises(ValueError, match="5 faces are not 1"):
        Dropped(NOW, NOW, faces=5, alerted=1, gated=1, dropped=1, max_ms=1, p99_ms=1)


class Watched(FakeVision):
    """Remembers, without holding them, the vectors and crops it has given away."""

    def __init__(self) -> None:
        self.given: list[weakref.ref[Any]] = []

    def see(self, jpegs: Sequence[bytes]) -> list[Seen | FrameRefused]:
        """See `FakeVision`."""
        found = super().see(jpegs)
        for one in found:
            if isinstance(one, Seen):
                self.given += [weakref.ref(each) for each in (one.vectors, one.origin.crops)]
        return found


def test_nothing_holds_a_vector_or_a_crop_once_its_batch_is_decided(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even until the step ends: what is measured is what happens."""
    lane = Lane(vision=Watched())
    held: list[int] = []
    add = Nonmatches.add

    def look(*arguments: Any) -> None:
        gc.collect()
        held.append(sum(each() is not None for each in lane.vision.given))  # type: ignore[attr-defined]
        add(*arguments)

    monkeypatch.setattr(Nonmatches, "add", look)
    lane.run([record(b"stranger anna", 0), record(b"blurred bert half", 1), record(b"rubbish", 2)])
    assert len(lane.vision.given) == 4  # type: ignore[attr-defined]
    assert set(held) == {0}


def test_a_search_that_fails_lets_go_as_well() -> None:
    """Also of a batch that is never decided."""
    lane = Lane(vision=Watched(), index=FakeIndex(silent=1), stopping=True)
    lane.source.records.append(record(b"stranger"))
    pipeline = lane.pipeline()
    with suppress(IndexIncomplete):
        pipeline.step(0)
    gc.collect()
    assert [each() for each in lane.vision.given] == [None] * 2  # type: ignore[attr-defined]


def frames_held() -> list[Any]:
    """Every frame, with its JPEG, that anything holds."""
    gc.collect()
    return [each for each in gc.get_objects() if isinstance(each, Record | Frame)]


@pytest.mark.parametrize("silent", ["evidence", "index"])
def test_a_batch_that_fails_is_let_go_and_measured_while_its_error_is_handled(silent: str) -> None:
    """Whoever handles the error may wait for a broker for long: no picture, no crop, no vector waits with it."""
    before = {id(each) for each in frames_held()}
    lane = Lane(vision=Watched(), stopping=True, poll_records=2, index=FakeIndex(silent=silent == "index"))
    lane.evidence.acknowledges = False
    pipeline = lane.pipeline()
    lane.source.records.extend(record(b"stranger anna blurred", offset) for offset in range(3))
    with pytest.raises((BrokerUnavailable, IndexIncomplete)) as handled:
        pipeline.step(0)
    pipeline.drop()
    assert [each() for each in lane.vision.given] == [None] * 4  # type: ignore[attr-defined]
    assert [each for each in frames_held() if id(each) not in before] == []
    assert handled.value.__traceback__ is not None
    assert lane.account.lives.total() == 6
