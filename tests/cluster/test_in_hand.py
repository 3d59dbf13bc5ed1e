"""What processes leave behind about the frames they had in hand, and what those who come next make of it."""

import contextlib
import json
import logging
import os
import stat
import tempfile
import zlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster import in_hand
from cluster.in_hand import InHand, Note, Suspect, decode, encode, name_of
from cluster.ports import Record
from operators.errors import FrameReason, FrameRefused
from operators.sightings import SightingSettings
from operators.vision import Seen
from tests.builders import NOW, FakeVision, Lane, policy, record

FRAMES = ("frames", 0)
NO_COOL_DOWN = policy(sightings=SightingSettings(1, 1, 0.3, 1, 0))
NAMES = st.tuples(st.text(max_size=5), st.integers(0, 99), st.integers(0, 2**63), st.integers(-1, 2**41))
NOTES = st.builds(
    Note,
    st.integers(1, 2**22),
    st.floats(0, 2e9),
    st.dictionaries(NAMES, st.builds(Suspect, st.integers(1, 9), st.booleans()), max_size=4),
    st.lists(NAMES, max_size=4),
)


def _gone(folder: Path, slot: str = "recogniser-0") -> InHand:
    """A process in whose eyes all others have died."""
    return InHand(folder, slot, lambda *_: False)


def _is_refused(notes: InHand, frame: Record) -> bool:
    try:
        notes.check(frame, "gate")
    except FrameRefused as refused:
        return refused.reason is FrameReason.QUARANTINED
    return False


@given(NOTES)
def test_a_note_says_what_was_written(note: Note) -> None:
    """Whatever stands behind it of an earlier, longer one."""
    assert decode(encode(note)) == note
    assert decode(encode(note) + b"of an earlier one\n") == note


@given(NOTES, st.integers(0, 10_000), st.integers(1, 255))
def test_a_damaged_note_is_not_believed(note: Note, place: int, change: int) -> None:
    """One byte of another value, or an end that is missing."""
    data = bytearray(encode(note))
    place %= len(data) - 1
    data[place] ^= change
    for damaged in (bytes(data), encode(note)[:place]):
        with pytest.raises(ValueError, match="damaged"):
            decode(damaged)


@given(st.binary(max_size=60))
def test_anything_else_is_no_note(data: bytes) -> None:
    """It is refused, by no other error."""
    with pytest.raises(ValueError, match="no note"):
        decode(data)


@pytest.mark.parametrize(
    "body", [b"7", b"[1,2]", b"[1,2,[[1,2,3,4,5,6]],[]]", b'[1,2,[],[["a",1,"b",3]]]', b'[1,2,[["a"]],[]]']
)
def test_a_note_of_another_form_is_not_believed(body: bytes) -> None:
    """As a later version may write it, with a checksum that is right."""
    with pytest.raises(ValueError, match="of another form"):
        decode(b"%08x %s\n" % (zlib.crc32(body), body))


@pytest.mark.parametrize(
    ("hands", "is_to_blame"),
    [
        ([[0]], False),
        ([[0, 1]], False),
        ([[0, 1], [0, 1]], False),
        ([[0, 1], [0]], True),
        ([[0], [0]], True),
        ([[0], [0, 1]], True),
        ([[0, 1], [1]], False),
    ],
    ids=["alone once", "among others", "among others twice", "then alone", "alone twice", "then among others", "other"],
)
def test_two_deaths_are_to_blame_on_a_frame_that_was_alone_at_one(
    tmp_path: Path, hands: Sequence[Sequence[int]], is_to_blame: bool
) -> None:
    """One may be anybody's fault, and so may two at which others were in hand, too."""
    for hand in hands:
        _gone(tmp_path).take([record(b"anna", offset) for offset in hand])
    assert _is_refused(_gone(tmp_path), record(b"anna", 0)) is is_to_blame


def test_what_was_looked_at_is_suspected_no_longer(tmp_path: Path) -> None:
    """Neither what a process puts down, nor what was suspected before and did no harm."""
    frames = [record(b"anna", offset) for offset in range(3)]
    _gone(tmp_path).take(frames)
    second = _gone(tmp_path)
    assert [len(part) for part in second.parts([*frames, record(b"anna", 3), record(b"anna", 4)])] == [1, 1, 1, 2]
    second.take(frames[:1])
    second.put_down(frames[:1])
    third = _gone(tmp_path)
    assert set(third.suspects) == {name_of(frames[1]), name_of(frames[2])}
    assert [len(part) for part in third.parts(frames)] == [1, 1, 1]
    assert [list(part) for part in third.parts(frames)] == [[each] for each in frames]


def test_suspects_are_named_in_the_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Also those that are never looked at again, because they have grown too old meanwhile."""
    _gone(tmp_path).take([record(b"anna", offset) for offset in range(2)])
    with caplog.at_level(logging.WARNING):
        notes = _gone(tmp_path)
    assert "2 frames are suspects, in hand when a recogniser ended: frames/0/0, frames/0/1" in caplog.text
    caplog.clear()
    notes.learn()
    assert caplog.text == ""


def test_a_topic_that_was_made_anew_has_other_frames(tmp_path: Path) -> None:
    """At the same offset, of another time."""
    for _ in range(2):
        _gone(tmp_path).take([record(b"anna")])
    assert _is_refused(_gone(tmp_path), record(b"anna"))
    assert not _is_refused(_gone(tmp_path), record(b"anna", timestamp_ms=5))


def test_another_slot_of_the_machine_learns_of_a_death(tmp_path: Path) -> None:
    """The frame that killed one process may kill another once, and no third."""
    alive = {1.0}
    slots = [InHand(tmp_path, f"recogniser-{slot}", lambda *_: bool(alive)) for slot in range(2)]
    slots[0].take([record(b"anna", 0), record(b"anna", 1)])
    slots[1].learn()
    assert slots[1].suspects == {}
    alive.clear()
    slots[1].learn()
    assert [len(part) for part in slots[1].parts([record(b"anna", 1), record(b"anna", 2)])] == [1, 1]
    slots[1].take([record(b"anna", 1)])
    alive.add(1.0)
    third = InHand(tmp_path, "recogniser-2", lambda *_: not alive)
    assert _is_refused(third, record(b"anna", 1))
    assert not _is_refused(third, record(b"anna", 0))
    third.take([])
    slots[0].learn()
    assert _is_refused(slots[0], record(b"anna", 1))


def test_this_very_process_is_alive(tmp_path: Path) -> None:
    """What it has in hand is nobody's suspect; a number that is another process's by now does not mislead."""
    InHand(tmp_path, "recogniser-0").take([record(b"anna")])
    assert InHand(tmp_path, "recogniser-1").suspects == {}
    path = tmp_path / "recogniser-0.in-hand"
    note = decode(path.read_bytes())
    path.write_bytes(encode(replace(note, started_at=note.started_at - 5)))
    assert len(InHand(tmp_path, "recogniser-1").suspects) == 1
    path.write_bytes(encode(replace(note, pid=2**22 + 1)))
    assert len(InHand(tmp_path, "recogniser-2").suspects) == 1


def test_a_note_is_for_its_owner_alone_and_shows_nothing(tmp_path: Path) -> None:
    """References, and no byte of a frame, of its camera or of its headers."""
    notes = _gone(tmp_path / "in-hand")
    notes.take([record(b"planted-pattern", key=b"planted-key", headers={"seq": b"planted-9"})])
    [path] = (tmp_path / "in-hand").iterdir()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert b"planted" not in path.read_bytes()
    assert b'"frames",0,0' in path.read_bytes()


def test_a_damaged_note_is_told_of_and_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Others are read; whoever has it writes it anew."""
    _gone(tmp_path, "recogniser-1").take([record(b"bert")])
    (tmp_path / "recogniser-0.in-hand").write_bytes(b"\0" * 64)
    with caplog.at_level(logging.WARNING):
        notes = _gone(tmp_path)
    assert "recogniser-0.in-hand is left out" in caplog.text
    assert set(notes.suspects) == {name_of(record(b"bert"))}
    caplog.clear()
    _gone(tmp_path)
    assert "left out" not in caplog.text


def test_a_note_that_stays_damaged_is_told_of_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Notes are read before each look; what its owner makes of it later is read again."""
    path = tmp_path / "recogniser-1.in-hand"
    notes = _gone(tmp_path)
    for _ in range(2):
        path.write_bytes(b"\0" * 64)
        notes.learn()
    assert caplog.text.count("left out") == 1
    path.unlink()
    path.mkdir()
    for _ in range(2):
        notes.learn()
    assert caplog.text.count("left out") == 2
    path.rmdir()
    _gone(tmp_path, "recogniser-1").take([record(b"bert")])
    notes.learn()
    assert set(notes.suspects) == {name_of(record(b"bert"))}


def test_a_note_that_is_just_being_written_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the death that it tells of would be missed, and the frame end one process more."""
    _gone(tmp_path, "recogniser-1").take([record(b"bert")])
    path = tmp_path / "recogniser-1.in-hand"
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    monkeypatch.setattr(in_hand.time, "sleep", lambda _: path.write_bytes(whole))
    assert set(_gone(tmp_path).suspects) == {name_of(record(b"bert"))}


def test_what_is_learnt_before_a_look_is_of_its_frames_alone(tmp_path: Path) -> None:
    """What was looked at and did no harm is not suspected again because it is still in a neighbour's note."""
    frames = [record(b"anna", offset) for offset in range(2)]
    _gone(tmp_path, "recogniser-1").take(frames)
    notes = _gone(tmp_path)
    notes.put_down(frames)
    notes.learn(frames[1:])
    assert set(notes.suspects) == {name_of(frames[1])}


def test_a_folder_that_cannot_be_written_to_stops_nobody(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """It is told of once, with what to do."""
    (tmp_path / "file").touch()
    with caplog.at_level(logging.WARNING):
        notes = _gone(tmp_path / "file" / "folder")
        notes.take([record(b"anna")])
        notes.put_down([])
        notes.learn()
    assert caplog.text.count("TMPDIR") == 1
    assert (notes.suspects, notes.longest_s) == ({}, None)


def test_a_full_disk_stops_nobody(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From then on nothing is written, which is told of once."""
    notes = _gone(tmp_path)
    assert notes.longest_s

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(in_hand.os, "pwrite", full)
    with caplog.at_level(logging.WARNING):
        notes.take([record(b"anna")])
        notes.put_down([])
    assert caplog.text.count("No space left") == 1
    assert notes.longest_s is None


def test_suspects_that_never_come_again_are_forgotten_in_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The latest are kept."""
    monkeypatch.setattr(in_hand, "MOST_SUSPECTS", 3)
    for offset in range(5):
        _gone(tmp_path).take([record(b"anna", offset)])
    assert [name[2] for name in _gone(tmp_path).suspects] == [2, 3, 4]


class Killed(BaseException):
    """The process ends here."""


class Deadly(FakeVision):
    """Ends the process that looks at `deadly`; from outside, it is ended at its `outside`th look."""

    def __init__(self, outside: int = 0) -> None:
        self.outside = outside
        self.deaths = 0

    def see(self, jpegs: Sequence[bytes]) -> list[Seen | FrameRefused]:
        """See `FakeVision`."""
        self.outside -= 1
        if b"deadly" in jpegs or not self.outside:
            self.deaths += 1
            raise Killed
        return super().see(jpegs)


def _live(values: Sequence[bytes], vision: Deadly, polls: Sequence[int], slots: Sequence[int]) -> list[Lane]:
    """Processes one after the other, until one has done everything."""
    now_ms = int(NOW.timestamp() * 1000)
    records = [record(value, offset, timestamp_ms=now_ms + 10 * offset) for offset, value in enumerate(values)]
    lanes: list[Lane] = []
    committed: dict[tuple[str, int], int] = {}
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as ended:
        while not lanes or committed.get(FRAMES, 0) < len(records):
            assert len(lanes) < 4 * len(records) + 4, "for ever"
            turn = len(lanes)
            notes = _gone(Path(folder), f"recogniser-{slots[turn % len(slots)]}")
            ended.callback(os.close, notes._file)
            lane = Lane(vision=vision, in_hand=notes, poll_records=polls[turn % len(polls)], policy=NO_COOL_DOWN)
            lanes.append(lane)
            with contextlib.suppress(Killed):
                lane.run(records[committed.get(FRAMES, 0) :])
            committed |= lane.source.stored
    return lanes


def _reasons(lanes: Sequence[Lane]) -> dict[int, str]:
    found = {}
    for lane in lanes:
        for message in lane.dead_letters.messages:
            letter = json.loads(message.value)
            found[letter["offset"]] = letter["reason"]
    return found


VALUES = st.lists(st.sampled_from([b"anna", b"empty", b"stranger", b"deadly"]), min_size=1, max_size=12)
TURNS = st.lists(st.integers(1, 5), min_size=1, max_size=4)


@given(VALUES, TURNS, st.lists(st.integers(0, 2), min_size=1, max_size=3))
def test_whatever_ends_processes_does_so_twice_and_nothing_else_is_lost(
    values: Sequence[bytes], polls: Sequence[int], slots: Sequence[int]
) -> None:
    """Any number of such frames, anywhere, in whatever slot of a machine the next process is started."""
    vision = Deadly()
    lanes = _live(values, vision, polls, slots)
    deadly = [offset for offset, value in enumerate(values) if value == b"deadly"]
    assert _reasons(lanes) == dict.fromkeys(deadly, "quarantined")
    assert vision.deaths <= 2 * len(deadly)
    alerted = {json.loads(one.value)["frame"]["offset"] for lane in lanes for one in lane.alerts.messages}
    assert alerted == {offset for offset, value in enumerate(values) if value == b"anna"}


@given(VALUES.filter(lambda values: b"deadly" not in values), TURNS, st.integers(1, 12))
def test_one_kill_from_outside_puts_nothing_into_quarantine(
    values: Sequence[bytes], polls: Sequence[int], outside: int
) -> None:
    """Whenever it comes."""
    assert _reasons(_live(values, Deadly(outside), polls, [0])) == {}
