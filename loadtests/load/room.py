"""A bound on the bytes that a process of the generator has on their way, and whose fault it is when it waits."""

import time
from contextlib import suppress
from pathlib import Path

from cluster.frame_publisher import IN_FLIGHT_BYTES
from cluster.in_flight import InFlight
from loadtests.load.tally import Tally

_THREADS = Path("/proc/self/task")


class Room(InFlight):
    """A bound on bytes on their way that counts what Kafka has acknowledged, and how long was waited for it.

    Args:
        tally: Where that is counted. The producer's own thread does it.
    """

    def __init__(self, tally: Tally) -> None:
        super().__init__(IN_FLIGHT_BYTES)
        self._tally = tally
        self.waited_s = 0.0

    def add(self, size_bytes: int) -> None:
        """See `InFlight`."""
        begin_s = time.monotonic()
        super().add(size_bytes)
        self.waited_s += time.monotonic() - begin_s

    def remove(self, size_bytes: int) -> None:
        """See `InFlight`. A frame that is given up counts too; the next one, or the end, raises what it was."""
        super().remove(size_bytes)
        self._tally.frames += 1
        self._tally.bytes += size_bytes


class Holding:
    """How long Kafka, and nothing else, held sending up.

    That is the time for which sending waited for room while no thread of this process wanted a processor: if the client
    needs all it can get, or gets none since others have it, then the generator is slow and not Kafka.

    Args:
        room: What is waited for.
    """

    def __init__(self, room: Room) -> None:
        self._room = room
        self._before = (time.monotonic(), room.waited_s, wanted_s())

    def since(self) -> float:
        """Seconds since the last call."""
        now = (time.monotonic(), self._room.waited_s, wanted_s())
        passed_s, waited_s, used_s = (after - before for after, before in zip(now, self._before, strict=True))
        self._before = now
        return max(0.0, min(waited_s, passed_s - used_s))


def wanted_s() -> float:
    """Processor time that threads of this process have had or waited for, seconds; where Linux does not say, had."""
    total_ns = 0
    for each in _THREADS.glob("*/schedstat"):
        with suppress(OSError):  # it has ended
            total_ns += sum(map(int, each.read_text().split()[:2]))
    return total_ns / 1e9 or time.process_time()
