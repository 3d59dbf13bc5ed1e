"""The foreign-CPU gate: a sample counts only while other programs leave the machine alone.

Without it figures were wrong by up to four times on a shared machine. "Own" is this process, what it started, and every
process of the named sessions (a Ray that has been let go is nobody's child); everything else in user space is foreign.
Kernel threads are left out: they work for whoever asked last.
"""

import os
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TypeVar

import psutil

T = TypeVar("T")
Key = tuple[int, float]
"""A process: its number and when it was started, Unix seconds, since numbers are used again."""

LIMIT_CORES = 0.15
ATTEMPTS = 4
PATIENCE_S = 60.0
LOOK_S = 1.0
_THREADS_PARENT = Path("/proc/2")


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Processor time used until one moment, seconds.

    Attributes:
        at_s: The moment, monotonic.
        own: By own process.
        foreign: By foreign process: what it used itself, and what its ended children did.
        stolen_s: Taken by the hypervisor, all cores together.
    """

    at_s: float
    own: Mapping[Key, float]
    foreign: Mapping[Key, tuple[float, float]]
    stolen_s: float


@dataclass(frozen=True, slots=True)
class Load:
    """Who used the cores between two moments; 1.0 is one core all the time.

    Attributes:
        wall_s: How long that was.
        own_cores: By own processes.
        foreign_cores: By foreign ones.
        stolen_cores: By the hypervisor.
    """

    wall_s: float
    own_cores: float
    foreign_cores: float
    stolen_cores: float

    def is_quiet(self, limit_cores: float = LIMIT_CORES) -> bool:
        """Whether neither foreign processes nor the hypervisor took more than `limit_cores`."""
        return max(self.foreign_cores, self.stolen_cores) <= limit_cores

    def __str__(self) -> str:
        return f"other programs took {self.foreign_cores:.2f} core, the hypervisor {self.stolen_cores:.2f}"


@dataclass(frozen=True, slots=True)
class Spoilt:
    """What stands in place of a sample that measures nothing, however quiet it was.

    Attributes:
        why: In one sentence, for whoever waits.
    """

    why: str


def look(leaders: Collection[int] = ()) -> Snapshot:
    """The present.

    Args:
        leaders: Sessions that belong to this process although it is not their parent.
    """
    parents: dict[int, int] = {}
    times: dict[Key, tuple[float, float]] = {}
    for process in psutil.process_iter():
        try:
            with process.oneshot():
                parent, used = process.ppid(), process.cpu_times()
                key = (process.pid, process.create_time())
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
        if not is_kernel(process.pid, parent):
            parents[process.pid] = parent
            times[key] = (used.user + used.system, used.children_user + used.children_system)
    own = family(parents, os.getpid()) | _members(parents, leaders)
    return Snapshot(
        at_s=time.monotonic(),
        own={key: itself for key, (itself, _) in times.items() if key[0] in own},
        foreign={key: each for key, each in times.items() if key[0] not in own},
        stolen_s=psutil.cpu_times().steal,
    )


def is_kernel(pid: int, parent: int) -> bool:
    """Whether a process is a thread of the kernel.

    Args:
        pid: Its number.
        parent: Its parent's.
    """
    return _kernel_parent() in (pid, parent)


@cache
def _kernel_parent() -> int | None:
    """2, but not in a container, where that is a program like others."""
    try:
        return 2 if (_THREADS_PARENT / "comm").read_text().strip() == "kthreadd" else None
    except OSError:
        return None


def family(parents: Mapping[int, int], root: int) -> set[int]:
    """`root` and all its descendants.

    Args:
        parents: The parent of every process.
        root: Whose descendants are wanted.
    """
    found = {root}
    while more := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= more
    return found


def load(before: Snapshot, after: Snapshot) -> Load:
    """What happened between two snapshots. A process that began in between counts with all it used."""
    wall_s = after.at_s - before.at_s
    return Load(
        wall_s=wall_s,
        own_cores=used_s(before.own, after.own) / wall_s,
        foreign_cores=foreign_s(before.foreign, after.foreign) / wall_s,
        stolen_cores=(after.stolen_s - before.stolen_s) / wall_s,
    )


def watched(call: Callable[[], T]) -> tuple[T, Load]:
    """What a call gives, and who used the cores meanwhile."""
    before = look()
    found = call()
    return found, load(before, look())


def used_s(before: Mapping[Key, float], after: Mapping[Key, float], pids: Collection[int] | None = None) -> float:
    """Processor time that processes used between two moments, seconds; all of them when `pids` is None."""
    return sum(max(0.0, now - before.get(key, 0.0)) for key, now in after.items() if pids is None or key[0] in pids)


def foreign_s(before: Mapping[Key, tuple[float, float]], after: Mapping[Key, tuple[float, float]]) -> float:
    """Processor time that foreign processes used between two moments, seconds, those included that have ended.

    A compiler that lives for 50 ms is in neither snapshot, but its parent then has an ended child. What an ended child
    had used before is taken off again.
    """
    none = (0.0, 0.0)
    itself = sum(max(0.0, now[0] - before.get(key, none)[0]) for key, now in after.items())
    ended = sum(max(0.0, now[1] - before.get(key, none)[1]) for key, now in after.items())
    known = sum(sum(then) for key, then in before.items() if key not in after)
    return itself + max(0.0, ended - known)


class Gate:
    """Repeats samples until one is quiet, and counts those that were not.

    Args:
        look: Gives the present.
        limit_cores: Most that foreign processes, and the hypervisor, may take.
        attempts: How often a sample is taken at most.
        patience_s: Longest wait for quiet before another attempt.
        sleep: Waits; for tests.
        told: Told why, of every sample that is rejected.

    Attributes:
        taken: Samples taken, all attempts.
        reasons: Why samples were rejected, one entry for each.
    """

    def __init__(
        self,
        look: Callable[[], Snapshot],
        limit_cores: float = LIMIT_CORES,
        attempts: int = ATTEMPTS,
        patience_s: float = PATIENCE_S,
        sleep: Callable[[float], None] = time.sleep,
        told: Callable[[str], None] = lambda why: None,
    ) -> None:
        self._look = look
        self._limit_cores = limit_cores
        self._attempts = attempts
        self._patience_s = patience_s
        self._sleep = sleep
        self._told = told
        self.taken = 0
        self.reasons: list[str] = []

    @property
    def rejected(self) -> int:
        """Samples that were rejected."""
        return len(self.reasons)

    def take(self, sample: Callable[[], tuple[T | Spoilt, Load]]) -> T | None:
        """The first quiet sample that is one; None when none of the attempts was.

        Args:
            sample: Measures, or says why it could not, and who used the cores meanwhile.
        """
        for attempt in range(self._attempts):
            if attempt:
                self._await_quiet()
            found, load = sample()
            self.taken += 1
            if load.is_quiet(self._limit_cores) and not isinstance(found, Spoilt):
                return found
            self.reasons.append(self._why(found, load))
            self._told(self.reasons[-1])
        return None

    def _why(self, found: object, load: Load) -> str:
        """A machine that was busy may have spoilt the sample, so that is said first."""
        busy = [] if load.is_quiet(self._limit_cores) else [f"{load}; {self._limit_cores} are allowed"]
        return "; ".join([*busy, *([found.why] if isinstance(found, Spoilt) else [])])

    def _await_quiet(self) -> None:
        waited_s = 0.0
        while waited_s < self._patience_s:
            before = self._look()
            self._sleep(LOOK_S)
            waited_s += LOOK_S
            if load(before, self._look()).is_quiet(self._limit_cores):
                return


def _members(pids: Iterable[int], leaders: Collection[int]) -> set[int]:
    """Every process of these sessions."""
    found = set()
    for pid in pids:
        try:
            if os.getsid(pid) in leaders:
                found.add(pid)
        except (ProcessLookupError, PermissionError):
            continue
    return found
