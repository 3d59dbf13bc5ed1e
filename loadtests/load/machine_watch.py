"""What the parts of a run use of this machine, sample by sample."""

import os
import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

import psutil

from cluster.telemetry.gpu import Gpu, gpu_in_use
from loadtests.quiet import is_kernel

RECOGNISERS, SHARDS, RAY, BROKER, LOAD, OTHERS = "recognisers", "index shards", "ray", "broker", "load test", "others"
GROUPS = (RECOGNISERS, SHARDS, RAY, BROKER, LOAD, OTHERS)
_TITLES = {"ray::RecogniserActor": RECOGNISERS, "ray::ShardActor": SHARDS}

_Key = tuple[int, float]


@dataclass(frozen=True, slots=True)
class Usage:
    """What was used between two samples.

    Attributes:
        cores: By group; 1.0 is one core all the time.
        memory_bytes: By group, resident.
        gpu: The first GPU; None without one.
    """

    cores: Mapping[str, float]
    memory_bytes: Mapping[str, int]
    gpu: Gpu | None


class MachineWatch:
    """Looks at all processes and says whose they are.

    Args:
        leader: The session of the cluster's Ray: its processes are nobody's children.
    """

    def __init__(self, leader: int) -> None:
        self._leader = leader
        self._groups: dict[_Key, str] = {}
        self._used_s: dict[_Key, float] = {}
        self._at_s = time.monotonic()
        self.look()

    def look(self) -> Usage:
        """What was used since the last look."""
        cores, memory = defaultdict[str, float](float), defaultdict[str, int](int)
        used_s: dict[_Key, float] = {}
        own = {process.pid for process in psutil.Process().children(recursive=True)} | {os.getpid()}
        for process in psutil.process_iter():
            try:
                with process.oneshot():
                    if is_kernel(process.pid, process.ppid()):
                        continue
                    times, key = process.cpu_times(), (process.pid, process.create_time())
                    group = self._group(process, key, own)
                    memory[group] += process.memory_info().rss
            except (psutil.NoSuchProcess, psutil.AccessDenied):
                continue
            used_s[key] = times.user + times.system
            cores[group] += max(0.0, used_s[key] - self._used_s.get(key, used_s[key]))
        now = time.monotonic()
        wall_s, self._at_s, self._used_s = max(now - self._at_s, 1e-3), now, used_s
        return Usage({group: spent / wall_s for group, spent in cores.items()}, dict(memory), gpu_in_use())

    def _group(self, process: psutil.Process, key: _Key, own: set[int]) -> str:
        known = self._groups.get(key)
        if known is None:
            known = self._find(process, own)
            if known != RAY:  # a worker that waits for its actor gets its title later
                self._groups[key] = known
        return known

    def _find(self, process: psutil.Process, own: set[int]) -> str:
        if process.pid in own:
            return BROKER if process.name() == "java" else LOAD
        try:
            if os.getsid(process.pid) != self._leader:
                return OTHERS
        except (ProcessLookupError, PermissionError):
            return OTHERS
        title = " ".join(process.cmdline())
        return next((group for start, group in _TITLES.items() if title.startswith(start)), RAY)
