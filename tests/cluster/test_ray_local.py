"""What is remembered of a Ray on this machine."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from cluster import ray_local
from cluster.ray_local import LocalRay, find_ray, locked_cluster, start_ray, stop_ray
from cluster.same_process import started_s
from operators.errors import DeploymentFailed
from tests.waiting import LOOK_S, PATIENCE_S

ROOT = Path(__file__).resolve().parents[2]


def test_a_node_is_known_by_its_process_and_its_start() -> None:
    """A process of the same number that was started at another time is somebody else's, and is never ended."""
    started_at = started_s(os.getpid())
    other = (os.getpid(), started_at - 5)
    assert LocalRay("here:1", os.getpid(), started_at).is_alive
    assert not LocalRay("here:1", *other).is_alive
    assert LocalRay("here:1", os.getpid(), started_at, [other]).leaders == {os.getpid()}
    assert LocalRay("here:1", *other, more=[other]).leaders == set()


def test_a_node_is_written_down_before_a_signal_ends_its_start(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A process that nobody knows of would run on, and the next `beholden up` would start another beside it."""
    started: list[subprocess.Popen[bytes]] = []

    def popen(*_: Any) -> subprocess.Popen[bytes]:
        started.append(subprocess.Popen(["sleep", "60"], start_new_session=True))
        os.kill(os.getpid(), signal.SIGTERM)
        return started[0]

    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setattr(ray_local, "_popen_node", popen)
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        with pytest.raises(SystemExit):
            start_ray("begun", 1, lambda _: None)
    finally:
        signal.signal(signal.SIGTERM, before)
    found = find_ray("begun")
    assert found is not None
    assert found.pid == started[0].pid
    assert stop_ray("begun")
    started[0].wait(PATIENCE_S)
    assert not psutil.pid_exists(started[0].pid)


def test_a_ray_that_does_not_start_says_why(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What it wrote last, and where the rest is."""

    def popen(place: Any, cpus: int, log: Path) -> subprocess.Popen[bytes]:
        with log.open("wb") as output:
            return subprocess.Popen(["sh", "-c", "echo one; echo two; exit 1"], stdout=output, start_new_session=True)

    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setattr(ray_local, "_popen_node", popen)
    with pytest.raises(DeploymentFailed, match=r"^Ray did not start: one \| two \(more in .*/ray-0\.log\)$"):
        start_ray("dead", 1, lambda _: None)
    assert find_ray("dead") is None


def test_nobody_waits_for_what_nobody_buries(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """In such a container `down` would wait for all of Ray for as long as it may, and then kill what is dead."""
    killed: list[int] = []

    def wait(members: list[psutil.Process], timeout: float) -> tuple[list[psutil.Process], list[psutil.Process]]:
        time.sleep(LOOK_S)
        return [], members

    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setattr(psutil, "wait_procs", wait)
    monkeypatch.setattr(psutil.Process, "kill", lambda process: killed.append(process.pid))
    monkeypatch.setattr(ray_local, "STOP_TIMEOUT_S", PATIENCE_S)
    monkeypatch.setattr(ray_local, "_await", lambda *_: True)
    with subprocess.Popen(["sleep", "60"], start_new_session=True) as child:
        monkeypatch.setattr(ray_local, "_popen_node", lambda *_: child)
        start_ray("unburied", 1, lambda _: None)
        assert stop_ray("unburied")
        assert killed == []


def test_a_node_that_ends_while_it_is_looked_for_is_no_fault(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As one that has lost its head a moment before `down` comes to it."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    with subprocess.Popen(["sleep", "60"]) as child:

        def look(_: object) -> list[psutil.Process]:
            child.kill()
            child.wait()
            return []

        monkeypatch.setattr(ray_local, "_members", look)
        monkeypatch.setattr(ray_local, "_popen_node", lambda *_: child)
        monkeypatch.setattr(ray_local, "_await", lambda *_: True)
        start_ray("lost", 1, lambda _: None)
        assert stop_ray("lost")


@pytest.mark.parametrize("named", ["RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"])
def test_a_token_that_the_environment_names_is_used_and_none_is_made(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, named: str
) -> None:
    """As Ray's operator gives one to its pods, where this user's own would open nothing."""
    for name in ("RAY_AUTH_MODE", "RAY_USAGE_STATS_ENABLED", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"):
        monkeypatch.setenv(name, "before")
    for name in {"RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"} - {named}:
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    ray_local.authenticate()
    assert (os.environ["RAY_AUTH_MODE"], os.environ[named]) == ("token", "before")
    assert list(tmp_path.rglob("*")) == []


def test_a_folder_that_cannot_be_written_is_told_of_by_the_variable_that_names_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """As in a container; what fails within is another matter."""
    (tmp_path / "beholden").write_text("no folder")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    with pytest.raises(DeploymentFailed, match=r"cannot be written .*: set XDG_STATE_HOME"), locked_cluster("drawn"):
        pass
    (tmp_path / "beholden").unlink()
    with pytest.raises(BlockingIOError), locked_cluster("drawn"):
        raise BlockingIOError


def test_processes_of_a_node_have_one_heap(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """With glibc's heaps for each thread a process that asks others grows with each call, and without end."""
    environments: list[dict[str, str]] = []

    def popen(*_: Any, env: dict[str, str], **__: Any) -> subprocess.Popen[bytes]:
        environments.append(env)
        raise OSError("no node is started in this test")

    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setenv("MALLOC_ARENA_MAX", "8")
    monkeypatch.setattr(subprocess, "Popen", popen)
    with pytest.raises(OSError, match="no node"):
        start_ray("heaps", 1, lambda _: None)
    assert [each["MALLOC_ARENA_MAX"] for each in environments] == ["1"]


def test_the_page_about_machines_names_what_our_own_ray_is_given() -> None:
    """Whoever starts Ray by hand has the same; the chart is given it as well, some of it as a value."""
    page, chart = ((ROOT / name).read_text() for name in ("docs/machines.md", "helm/beholden/templates/_ray.tpl"))
    lines = "\n".join(re.findall(r"^ +export (.*)$", page, re.MULTILINE))
    named = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": "~/.beholden-ray-token", "RAY_USAGE_STATS_ENABLED": "0"}
    exported = dict(each.split("=") for each in lines.split())
    assert exported == ray_local.ENVIRONMENT | named
    assert [name for name in ray_local.ENVIRONMENT if f"name: {name}," not in chart] == []
