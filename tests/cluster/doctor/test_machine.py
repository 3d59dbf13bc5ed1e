"""Checks of the machine at each of their levels."""

from pathlib import Path

import pytest

from cluster import ray_local
from cluster.doctor import machine as doctor
from cluster.doctor.findings import Level
from cluster.settings import IndexSettings, Placement
from tests.cluster.doctor.values import FAULT, OK, WARNING, levels, planned

GB = 1_000_000_000


def test_cores() -> None:
    """Two recognisers of one thread need two cores here; elsewhere they are not this machine's."""
    assert levels(doctor.cores(2, planned())) == [OK]
    assert levels(doctor.cores(1.5, planned())) == [WARNING]
    assert levels(doctor.cores(1, planned(ray="head:6379"))) == [OK]
    assert levels(doctor.cores(1, None)) == [OK]


def test_memory() -> None:
    """What is needed grows with recognisers, models and shards; a running cluster needs no more."""
    assert levels(doctor.memory(1 * GB, None, False)) == [OK]
    assert levels(doctor.memory(0.9 * GB, None, False)) == [WARNING]
    assert levels(doctor.memory(1.5 * GB, planned(), False)) == [OK]
    assert levels(doctor.memory(1.5 * GB, planned(data=bytes(20_000_000)), False)) == [WARNING]
    sharded = IndexSettings(Placement.SHARDED, 2)
    assert levels(doctor.memory(1.5 * GB, planned(index=sharded), False)) == [WARNING]
    assert levels(doctor.memory(0.1 * GB, planned(), True)) == [OK]
    assert levels(doctor.memory(0.1 * GB, planned(ray="head:6379"), False)) == [OK]


@pytest.mark.parametrize(
    ("free", "level"), [(None, OK), (ray_local.OBJECT_STORE_BYTES, OK), (64 * 1024 * 1024, WARNING)]
)
def test_shared_memory(free: int | None, level: Level) -> None:
    """The 64 MB that Docker gives are too few for Ray's object store."""
    assert levels(doctor.shared_memory(free)) == [level]


@pytest.mark.parametrize(("free", "writable", "level"), [(3e9, True, OK), (1e9, True, WARNING), (3e9, False, FAULT)])
def test_disk(free: float, writable: bool, level: Level) -> None:
    """Too full is a warning, read-only a fault."""
    assert levels([doctor.disk("state", Path("/state"), free, writable)]) == [level]


@pytest.mark.parametrize(
    ("soft", "hard", "level", "advice"),
    [
        (4096, 4096, OK, ""),
        (-1, -1, OK, ""),
        (1024, -1, WARNING, "ulimit -n 4096"),
        (1024, 4096, WARNING, "ulimit -n 4096"),
        (1024, 2048, WARNING, "raise nofile in /etc/security/limits.conf"),
    ],
)
def test_open_files(soft: int, hard: int, level: Level, advice: str) -> None:
    """-1 is no limit; the advice is one that the hard limit allows."""
    (found,) = doctor.open_files(soft, hard)
    assert (found.level, found.advice) == (level, advice)


def test_container_limits(tmp_path: Path) -> None:
    """A container's quota and limit count where they are less than the machine has; file pages are not lost memory."""
    cores, memory = doctor.usable_cores(tmp_path), doctor.available_bytes(tmp_path)
    assert cores >= 1
    assert memory > 1e6
    (tmp_path / "cpu.max").write_text("50000 100000\n")
    (tmp_path / "memory.max").write_text("1000000\n")
    (tmp_path / "memory.current").write_text("900000\n")
    (tmp_path / "memory.stat").write_text("anon 500000\ninactive_file 400000\n")
    assert (doctor.usable_cores(tmp_path), doctor.available_bytes(tmp_path)) == (0.5, 500_000)
    (tmp_path / "cpu.max").write_text("max 100000\n")
    (tmp_path / "memory.max").write_text("max\n")
    assert doctor.usable_cores(tmp_path) == cores
