"""Which frames a process has in hand, written down where it survives the process: whoever comes next finds suspects.

A frame can end the process that looks at it: by a fault in native code, or by the memory that it takes. Ray starts the
process anew, Kafka gives it the same frame, and so on for ever. See docs/decisions/0017-poison-frames.md.
"""

import json
import logging
import os
import time
import zlib
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from cluster.ports import Record
from cluster.same_process import runs, started_s
from operators.errors import FrameReason, FrameRefused

DEATHS = 2  # with a frame in hand, until it is to blame
MOST_SUSPECTS = 200  # remembered; only frames that nobody ever looked at again stay that long
SHOWN = 10  # in one line of the log
LONGEST_S = 30.0  # for one look; a second for a frame is slow already, and a hang would never be told from work
SUFFIX = ".in-hand"
READS, READ_AGAIN_S = 10, 0.001  # of a note that is just being written: half of it is the one before

FrameName = tuple[str, int, int, int]
"""Topic, partition, offset and Kafka's time: a topic that was made anew has other frames at the same offsets."""

log = logging.getLogger("beholden.in_hand")


@dataclass(frozen=True, slots=True)
class Suspect:
    """A frame that was in hand when a process ended.

    Attributes:
        deaths: How often.
        was_alone: Whether at one of them it was the only frame in hand.
    """

    deaths: int = 0
    was_alone: bool = False

    @property
    def is_to_blame(self) -> bool:
        """Whether it is to be looked at no more. A process may be killed from outside, so one death proves nothing."""
        return self.deaths >= DEATHS and self.was_alone


@dataclass(frozen=True, slots=True)
class Note:
    """What a process has written down.

    Attributes:
        pid: Which process.
        started_at: When it was started, to tell it from a later one of the same number; see `started_s`.
        suspects: Frames that ended others, and that nobody has looked at since and lived.
        in_hand: What it is looking at.
    """

    pid: int
    started_at: float
    suspects: Mapping[FrameName, Suspect]
    in_hand: Sequence[FrameName]

    def suspects_now(self, is_alive: bool) -> dict[FrameName, Suspect]:
        """Its suspects, and when it has died those it died with."""
        found = dict(self.suspects)
        for name in () if is_alive else self.in_hand:
            before = found.get(name, Suspect())
            found[name] = Suspect(before.deaths + 1, before.was_alone or len(self.in_hand) == 1)
        return found


def encode(note: Note) -> bytes:
    """One line of text with its checksum: what stands behind it in the file is of an earlier, longer one."""
    suspects = [[*name, each.deaths, each.was_alone] for name, each in note.suspects.items()]
    body = json.dumps([note.pid, note.started_at, suspects, list(note.in_hand)], separators=(",", ":")).encode()
    return b"%08x %s\n" % (zlib.crc32(body), body)


def decode(data: bytes) -> Note:
    """What `encode` was given.

    Raises:
        ValueError: It is damaged, or nothing of ours.
    """
    checksum, _, body = data.partition(b"\n")[0].partition(b" ")
    if checksum != b"%08x" % zlib.crc32(body):
        raise ValueError("no note, or a damaged one")
    try:
        pid, started_at, suspects, in_hand = json.loads(body)
        known = {_name(row[:4]): Suspect(int(row[4]), bool(row[5])) for row in suspects}
        return Note(int(pid), float(started_at), known, [_name(row) for row in in_hand])
    except (TypeError, IndexError, ValueError):
        raise ValueError("a note of another form") from None


def name_of(record: Record) -> FrameName:
    """A frame's name in a note: nothing of what it shows."""
    return record.ref.topic, record.ref.partition, record.ref.offset, record.timestamp_ms


class InHand:
    """What this process has in hand, and which frames are suspected on this machine. Not thread-safe.

    The note is written with one call to the system, and left to its cache: it has to survive the process, and need not
    survive the machine. A note that cannot be read, or a folder that cannot be written to, is told of and done without.

    Args:
        folder: Where the processes of this machine leave their notes; None keeps none.
        owner: Name of this process, the same for whoever is started in its place.
        is_alive: Whether a process of this number that was started then is alive.
    """

    def __init__(
        self, folder: Path | None = None, owner: str = "", is_alive: Callable[[int, float], bool] | None = None
    ) -> None:
        self._folder = folder
        self._file: int | None = None
        self._is_alive = is_alive or runs
        self._suspects: dict[FrameName, Suspect] = {}
        self._left_out: dict[Path, bytes] = {}
        self._me = 0, 0.0
        if folder:
            self._me = os.getpid(), started_s(os.getpid())
            try:
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
                self._file = os.open(folder / f"{owner}{SUFFIX}", flags, 0o600)
            except OSError as error:
                self._do_without(error)
        self.learn()

    @property
    def longest_s(self) -> float | None:
        """How long a look may take before the process ends itself; for ever when nobody would know of it."""
        return None if self._file is None else LONGEST_S

    @property
    def suspects(self) -> Mapping[FrameName, Suspect]:
        """Frames that were in hand when a process ended."""
        return self._suspects

    def learn(self, records: Sequence[Record] | None = None) -> None:
        """Take over what processes of this machine suspect, and what they died with.

        Args:
            records: Only of these; None: of all frames. Others that were looked at meanwhile are still in old notes.
        """
        if self._folder is None or self._file is None:
            return
        among: Container[FrameName] | None = None if records is None else {name_of(record) for record in records}
        notes = [self._read(path) for path in sorted(self._folder.glob(f"*{SUFFIX}"))]
        told = [(name, found) for note in notes for name, found in note.items() if among is None or name in among]
        news = [name for name, found in told if self._suspect(name, found)]
        if news:
            shown = ", ".join("{}/{}/{}".format(*name) for name in news[:SHOWN])
            log.warning("%d frames are suspects, in hand when a recogniser ended: %s", len(news), shown)
        for name in list(self._suspects)[:-MOST_SUSPECTS]:
            del self._suspects[name]
        self._write([])

    def _suspect(self, name: FrameName, found: Suspect) -> bool:
        """Take over what one note says of a frame; whether it was in hand at more deaths than was known."""
        known = self._suspects.get(name, Suspect())
        deaths, was_alone = max(known.deaths, found.deaths), known.was_alone or found.was_alone
        self._suspects[name] = Suspect(deaths, was_alone)
        return deaths > known.deaths

    def check(self, record: Record, camera: str) -> None:
        """Refuse a frame that is to blame.

        Raises:
            FrameRefused: QUARANTINED.
        """
        suspect = self._suspects.get(name_of(record))
        if suspect and suspect.is_to_blame:
            log.warning("camera %s: frame %s is quarantined: %d deaths", camera, record.ref, suspect.deaths)
            detail = f"{suspect.deaths} times a recogniser ended while it was looking at this frame"
            raise FrameRefused(FrameReason.QUARANTINED, detail)

    def parts(self, records: Sequence[Record]) -> Iterator[Sequence[Record]]:
        """Frames in their order, as they may be looked at at once: each suspect by itself."""
        for is_suspect, group in groupby(records, lambda record: name_of(record) in self._suspects):
            part = list(group)
            yield from ([record] for record in part) if is_suspect else [part]

    def take(self, records: Sequence[Record]) -> None:
        """These, and no others, are about to be looked at."""
        self._write([name_of(record) for record in records])

    def put_down(self, looked_at: Sequence[Record]) -> None:
        """Nothing is in hand any more; what was looked at is suspected no longer."""
        for record in looked_at:
            self._suspects.pop(name_of(record), None)
        self._write([])

    def _read(self, path: Path) -> dict[FrameName, Suspect]:
        """What a note says; of one that stays damaged nothing, which is told of once."""
        data = b""
        for _ in range(READS):
            try:
                data = path.read_bytes()
                if not data or data == self._left_out.get(path):
                    return {}
                note = decode(data)
            except ValueError as error:
                trouble: Exception = error
                time.sleep(READ_AGAIN_S)
            except OSError as error:
                trouble = error
                break
            else:
                return note.suspects_now(self._is_alive(note.pid, note.started_at))
        if self._left_out.get(path) != data:
            log.warning("%s is left out, what it says of frames is not known: %s", path, trouble)
        self._left_out[path] = data
        return {}

    def _write(self, in_hand: Sequence[FrameName]) -> None:
        if self._file is None:
            return
        try:
            os.pwrite(self._file, encode(Note(*self._me, self._suspects, in_hand)), 0)
        except OSError as error:
            self._do_without(error)

    def _do_without(self, error: OSError) -> None:
        log.warning(
            "frames in hand are not written down, one that ends a recogniser can do so for ever: %s; "
            "make the folder of temporary files writable, or name another with TMPDIR",
            error,
        )
        if self._file is not None:
            os.close(self._file)
        self._file = None


def _name(row: Sequence[object]) -> FrameName:
    topic, partition, offset, timestamp_ms = row
    if not isinstance(topic, str):
        raise TypeError("a topic is text")
    numbers = [number for number in (partition, offset, timestamp_ms) if isinstance(number, int)]
    if len(numbers) != 3:
        raise TypeError("partition, offset and time are whole numbers")
    return topic, numbers[0], numbers[1], numbers[2]
