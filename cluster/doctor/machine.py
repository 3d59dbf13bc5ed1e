"""Checks of this machine: `beholden doctor`."""

from __future__ import annotations

import os
import resource
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from cluster.doctor.findings import Checks, Finding, fault, ok, warning
from cluster.doctor.services import running_ray

if TYPE_CHECKING:
    from cluster.plan import Plan

OPEN_FILES = 4096
DISK_BYTES = 2e9
# Resident memory measured on two cores: Ray 2.60, onnxruntime 1.31, YuNet and MobileFaceNet, frames of 720 to 2160
# lines. A GB is 1e9 bytes here.
RAY_BYTES = 0.6e9  # head node 0.31, supervisor 0.17
SHARD_BYTES = 0.2e9  # 0.17 without entries
LANE_BYTES = 0.4e9  # 0.17 imports, 0.15 frames at work, 0.02 and more fetched frames
MODEL_COPIES = 3  # the file, the session's weights, and those as its kernels want them
_SHM = Path("/dev/shm")  # noqa: S108 - where Ray keeps its object store
_CGROUP = Path("/sys/fs/cgroup")


def checks(plan: Plan | None) -> Checks:
    """Checks of whether this machine has room for what `plan` asks for."""
    return {
        "cores": lambda: cores(usable_cores(_CGROUP), plan),
        "memory": lambda: memory(available_bytes(_CGROUP), plan, running_ray(plan) is not None),
        "shared memory": lambda: shared_memory(shutil.disk_usage(_SHM).free if _SHM.exists() else None),
        "disk": _disks,
        "open files": lambda: open_files(*resource.getrlimit(resource.RLIMIT_NOFILE)),
    }


def cores(count: float, plan: Plan | None) -> list[Finding]:
    """Whether there is a core for each thread of each recogniser; `count` is what this process may use."""
    if plan is None or not plan.settings.starts_ray:
        return [ok(f"{count:g}")]
    lanes = plan.settings.recognisers
    text = f"{count:g}; recognisers x threads: {lanes.count} x {lanes.threads}"
    if lanes.count * lanes.threads > count:
        return [warning(f"{text}, so they slow each other down", "lower recognisers.count or recognisers.threads")]
    return [ok(text)]


def memory(available_bytes: float, plan: Plan | None, running: bool) -> list[Finding]:
    """Whether there is room for the cluster; one that is `running`, or runs elsewhere, needs no more of it here."""
    text = f"{available_bytes / 1e9:.1f} GB available"
    if running or (plan and not plan.settings.starts_ray):
        return [ok(f"{text}, the cluster needs no more here")]
    need = RAY_BYTES + LANE_BYTES
    if plan:
        lanes, index = plan.settings.recognisers, plan.settings.index
        models = MODEL_COPIES * (plan.detector.size_bytes + plan.embedder.size_bytes)
        shards = len(index.layout.all()) if index.layout else 0
        need = RAY_BYTES + shards * SHARD_BYTES + lanes.count * (LANE_BYTES + models)
    text += f", about {need / 1e9:.1f} needed besides broker and watchlist"
    if available_bytes < need:
        return [warning(text, "end other programs, or lower recognisers.count")]
    return [ok(text)]


def shared_memory(free_bytes: float | None) -> list[Finding]:
    """Whether Ray's object store has its place; None where the system has no /dev/shm."""
    from cluster.ray_local import OBJECT_STORE_BYTES

    if free_bytes is None:
        return [ok("no /dev/shm on this system: Ray uses files")]
    text = f"{free_bytes / 1e6:.0f} MB free in /dev/shm, Ray takes {OBJECT_STORE_BYTES / 1e6:.0f}"
    if free_bytes < OBJECT_STORE_BYTES:
        return [warning(text, "start the container with --shm-size=256m, or clear /dev/shm")]
    return [ok(text)]


def _disks() -> list[Finding]:
    from cluster.folders import cache_folder, state_folder

    folders = {"state": state_folder(), "cache": cache_folder(), "temporary": Path(tempfile.gettempdir())}
    findings = []
    for use, folder in folders.items():
        there = next(each for each in (folder, *folder.parents) if each.exists())
        findings.append(disk(use, folder, shutil.disk_usage(there).free, os.access(there, os.W_OK)))
    return findings


def disk(use: str, folder: Path, free_bytes: float, writable: bool) -> Finding:
    """Whether a folder has room; `free_bytes` and `writable` are its own or those of the parent it will be made in."""
    if not writable:
        return fault(f"{use}: {folder} cannot be written", "give this user the right to write there")
    text = f"{use}: {free_bytes / 1e9:.1f} GB free in {folder}"
    return warning(text, f"make {DISK_BYTES / 1e9:.0f} GB free") if free_bytes < DISK_BYTES else ok(text)


def open_files(soft: int, hard: int) -> list[Finding]:
    """Whether Ray and Kafka may open the files and sockets they need."""
    if soft == resource.RLIM_INFINITY or soft >= OPEN_FILES:
        return [ok("no limit" if soft == resource.RLIM_INFINITY else f"at most {soft}")]
    allowed = hard == resource.RLIM_INFINITY or hard >= OPEN_FILES
    advice = f"ulimit -n {OPEN_FILES}" if allowed else "raise nofile in /etc/security/limits.conf"
    return [warning(f"at most {soft}; Ray and Kafka together may need {OPEN_FILES}", advice)]


def usable_cores(cgroup: Path) -> float:
    """Cores that this process may use: those of its affinity, or fewer by the quota of a container."""
    affinity = getattr(os, "sched_getaffinity", None)  # Linux only
    count = float(len(affinity(0)) if affinity else os.cpu_count() or 1)
    quota, _, period = _read(cgroup / "cpu.max").partition(" ")
    return min(count, int(quota) / int(period)) if quota.isdecimal() else count


def available_bytes(cgroup: Path) -> float:
    """Memory that can still be taken: of the machine, or less by the limit of a container."""
    import psutil

    machine = float(psutil.virtual_memory().available)
    limit = _read(cgroup / "memory.max")
    if not limit.isdecimal():
        return machine
    statistics = dict(line.split() for line in _read(cgroup / "memory.stat").splitlines())
    # Pages of files read once count as used and are given up first.
    used = int(_read(cgroup / "memory.current")) - int(statistics.get("inactive_file", 0))
    return min(machine, float(int(limit) - used))


def _read(path: Path) -> str:
    return path.read_text().strip() if path.is_file() else ""
