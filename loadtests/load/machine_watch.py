"""What the parts of a run use of this machine, sample by sample."""

import os
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

import psutil

from cluster.telemetry.gpu import Gpu, gpu_in_use
from loadtests.quiet import LIMIT_CORES, Key, load, look, used_s

RECOGNISERS, SHARDS, RAY, BROKER, LOAD = "recognisers", "index shards", "ray", "broker", "load test"
OTHERS, HYPERVISOR = "others", "hypervisor"
GROUPS = (RECOGNISERS, SHARDS, RAY, BROKER, LOAD, OTHERS, HYPERVISOR)
_TITLES = {"ray::RecogniserActor": RECOGNISERS, "ray::ShardActor": SHARDS}


@dataclass(frozen=True, slots=True)
class Usage:
    """What was used between two samples.

    Attributes:
        cores: By group; 1.0 is one core all the time.
        memory_bytes: By group of the run itself, resident.
        gpu: The first GPU; None without one.
    """

    cores: Mapping[str, float]
    memory_bytes: Mapping[str, int]
    gpu: Gpu | None


def is_disturbed(cores: Mapping[str, float]) -> bool:
    """Whether other programs, or the hypervisor, took so much that it would have been another run without them."""
    return max(cores.get(OTHERS, 0.0), cores.get(HYPERVISOR, 0.0)) > LIMIT_CORES


class MachineWatch:
    """Looks at all processes and says whose they are; others and the hypervisor are counted as `quiet` counts them.

    Args:
        leader: The session of the cluster's Ray: its processes are nobody's children.
    """

    def __init__(self, leader: int) -> None:
        self._leader = leader
        self._groups: dict[Key, str] = {}
        self._before = look((leader,))

    def look(self) -> Usage:
        """What was used since the last look. A process that began since then counts with all it used."""
        before, now = self._before, look((self._leader,))
        self._before, found = now, load(before, now)
        pids, memory = defaultdict[str, set[int]](set), defaultdict[str, int](int)
        for key in now.own:
            try:
                process = psutil.Process(key[0])
                group = self._group(process, key)
                memory[group] += process.memory_info().rss
            except (psutil.Error, ProcessLookupError, PermissionError):
                continue
            pids[group].add(key[0])
        cores = {group: used_s(before.own, now.own, some) / found.wall_s for group, some in pids.items()}
        cores |= {OTHERS: found.foreign_cores, HYPERVISOR: found.stolen_cores}
        return Usage(cores, dict(memory), gpu_in_use())

    def _group(self, process: psutil.Process, key: Key) -> str:
        known = self._groups.get(key)
        if known is None:
            known = self._find(process)
            if known != RAY:  # a worker that waits for its actor gets its title later
                self._groups[key] = known
        return known

    def _find(self, process: psutil.Process) -> str:
        if os.getsid(process.pid) != self._leader:
            return BROKER if process.name() == "java" else LOAD
        title = " ".join(process.cmdline())
        return next((group for start, group in _TITLES.items() if title.startswith(start)), RAY)
