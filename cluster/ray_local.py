"""A Ray of our own on this machine, with token authentication; it lives until `stop_ray`."""

import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from cluster.broker.lock import locked
from cluster.broker.node import last_lines
from cluster.broker.state import free_port
from cluster.folders import make_private, state_folder, temporary_folder
from cluster.same_process import runs, started_s
from operators.errors import DeploymentFailed

START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 8.0
OBJECT_STORE_BYTES = 100_000_000  # nothing of the data path goes through it

# What every Ray of a cluster is to have, whoever starts it.
ENVIRONMENT = {
    # Ray's own values take 65.8 s to give up a frozen node; these take 9.9 s (Ray 2.60, 2 cores).
    "RAY_health_check_initial_delay_ms": "1000",
    "RAY_health_check_period_ms": "1000",
    "RAY_health_check_timeout_ms": "2000",
    "RAY_health_check_failure_threshold": "3",
    # What was asked of a process that has ended is given up this soon; by Ray's own values after 1.4 to 1.6 s, which is
    # how long a search would wait for a shard that is dead, and a dead recogniser keep its partitions.
    "RAY_timeout_ms_task_wait_for_death_info": "100",
    "RAY_core_worker_internal_heartbeat_ms": "100",  # how often it is looked whether that is over
    # SIGTERM to `ray start --block` marks the node as ending first; within this time recognisers leave it (its own 30 s
    # are more than `down` waits).
    "RAY_GRACEFUL_SHUTDOWN_DRAIN_TIMEOUT_S": "10",
    # What one thread allocates and another frees, as with each call of Ray, scatters over the heaps that glibc gives
    # each thread: who asks others grew by 90 bytes a search, in a line (docs/decisions/0007-actors-and-local-ray.md).
    "MALLOC_ARENA_MAX": "1",
}


@dataclass(frozen=True, slots=True)
class LocalRay:
    """A Ray that `start_ray` started.

    Attributes:
        address: HOST:PORT.
        pid: Leader of its session.
        started_at: When that process was started, to tell it from a later one of the same number; see `started_s`.
        more: The same of further nodes, (pid, start time) of each.
    """

    address: str
    pid: int
    started_at: float
    more: Sequence[tuple[int, float]] = ()

    @property
    def is_alive(self) -> bool:
        """Whether that very process runs."""
        return runs(self.pid, self.started_at)

    @property
    def nodes(self) -> list[tuple[int, float]]:
        """Leader of the session, and its start time, of every node; the head comes first."""
        return [(self.pid, self.started_at), *self.more]

    @property
    def leaders(self) -> set[int]:
        """Leaders of the sessions of all its nodes that run."""
        return {pid for pid, started_at in self.nodes if runs(pid, started_at)}


def find_ray(cluster: str) -> LocalRay | None:
    """The local Ray of this cluster, when it runs."""
    try:
        found = LocalRay(**json.loads((_folder(cluster) / "ray.json").read_text()))
    except (OSError, ValueError, TypeError):
        return None
    return found if found.is_alive else None


def authenticate() -> bool:
    """Have every Ray that this process starts or joins speak with a token and report to nobody. Before Ray is imported.

    A token that the environment names already, as that of a Ray elsewhere, is left as it is; whether it does.
    """
    os.environ["RAY_AUTH_MODE"] = "token"  # a Ray that lets anyone in runs anyone's code
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    is_named = "RAY_AUTH_TOKEN" in os.environ or "RAY_AUTH_TOKEN_PATH" in os.environ
    if not is_named:
        os.environ["RAY_AUTH_TOKEN_PATH"] = str(_token())
    return is_named


def _token() -> Path:
    """This user's own token, made on first use, readable by nobody else."""
    path = state_folder() / "ray-token"
    with locked(path.with_suffix(".lock")):
        if not path.exists():
            path.touch(mode=0o600)
            path.write_text(secrets.token_hex(32))
    return path


@contextmanager
def locked_cluster(cluster: str) -> Iterator[None]:
    """One command at a time starts or ends a cluster.

    Raises:
        DeploymentFailed: This user's folder for what runs cannot be written.
    """
    with ExitStack() as lock:
        try:
            lock.enter_context(locked(state_folder() / f"{cluster}.lock"))
        except OSError as error:
            raise DeploymentFailed(
                f"{state_folder()} cannot be written ({error.strerror}): set XDG_STATE_HOME to a folder that can be"
            ) from None
        yield


def start_ray(cluster: str, cpus: int, progress: Callable[[str], None], nodes: int = 1) -> LocalRay:
    """Start a head node, and wait until it takes connections.

    Args:
        cluster: Whose Ray it is.
        cpus: Cores that each node says it has.
        progress: Is told what happens.
        nodes: How many, all on this machine: more than one shows how a cluster of several machines behaves.

    Raises:
        DeploymentFailed: It did not come up; the message says what it wrote last, and names its log.
    """
    folder = _folder(cluster)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    make_private(temporary_folder(cluster).parent)
    port = free_port()
    progress(f"starting Ray on port {port}, with token authentication")
    place = ["--head", f"--port={port}", f"--temp-dir={temporary_folder(cluster)}", "--include-dashboard=false"]
    running = _start_node(cluster, cpus, place, f"127.0.0.1:{port}", [])
    for _ in range(nodes - 1):
        running = add_node(cluster, cpus)
    return running


def add_node(cluster: str, cpus: int) -> LocalRay:
    """Start one more node of a local Ray that runs, on this machine, and wait until it takes connections.

    Args:
        cluster: Whose Ray it is.
        cpus: Cores that the node says it has.

    Raises:
        DeploymentFailed: It did not come up, or there is no Ray to join.
    """
    found = find_ray(cluster)
    if not found:
        raise DeploymentFailed(f"cluster {cluster} has no local Ray that runs: 'beholden up' starts it")
    return _start_node(cluster, cpus, [f"--address={found.address}"], found.address, found.nodes)


def _start_node(
    cluster: str, cpus: int, place: Sequence[str], address: str, before: Sequence[tuple[int, float]]
) -> LocalRay:
    """Start a node, and write down what runs then before waiting for it."""
    log = _folder(cluster) / f"ray-{len(before)}.log"
    with _uninterrupted():
        process = _popen_node(place, cpus, log)
        head, *more = [*before, (process.pid, started_s(process.pid))]
        running = LocalRay(address, *head, more=more)
        (_folder(cluster) / "ray.json").write_text(json.dumps(asdict(running)))
    if not _await(process, log):
        said = last_lines(log.read_text(errors="replace")) or "it wrote nothing"
        stop_ray(cluster)
        raise DeploymentFailed(f"Ray did not start: {said} (more in {log})")
    return running


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """SIGTERM and SIGINT wait until the block is over: nobody would know of a node that is not written down yet."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []
    signals = (signal.SIGTERM, signal.SIGINT)
    before = {number: signal.signal(number, lambda number, _: came.append(number)) for number in signals}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        for each in came:
            signal.raise_signal(each)


def _popen_node(place: Sequence[str], cpus: int, log: Path) -> subprocess.Popen[bytes]:
    command = [str(Path(sys.executable).parent / "ray"), "start", "--block", "--node-ip-address=127.0.0.1", *place]
    command += [
        f"--num-cpus={cpus}",
        f"--object-store-memory={OBJECT_STORE_BYTES}",
        "--disable-usage-stats",
        "--include-log-monitor=false",  # it reads what processes write for drivers that show it: ours show nothing
    ]
    with log.open("wb") as output:
        return subprocess.Popen(
            command,
            env={**os.environ, **ENVIRONMENT},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def _await(process: subprocess.Popen[bytes], log: Path) -> bool:
    """Whether a node has come up."""
    deadline = time.monotonic() + START_TIMEOUT_S
    while b"Ray runtime started" not in log.read_bytes():
        if process.poll() is not None or time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


def stop_ray(cluster: str) -> bool:
    """End the local Ray of this cluster with all its processes and files; whether there was one."""
    found = find_ray(cluster)
    if found:
        leaders = found.leaders
        members = _members(leaders)
        for leader in leaders:
            with suppress(ProcessLookupError):  # it has ended meanwhile
                os.kill(leader, signal.SIGTERM)
        left = _outlive(members, STOP_TIMEOUT_S)
        for process in left:
            process.kill()
        _outlive(left, STOP_TIMEOUT_S)
    shutil.rmtree(temporary_folder(cluster), ignore_errors=True)
    (_folder(cluster) / "ray.json").unlink(missing_ok=True)
    return found is not None


def _outlive(processes: list[psutil.Process], patience_s: float) -> list[psutil.Process]:
    """Wait for processes to end and give those that did not."""
    deadline, left = time.monotonic() + patience_s, processes
    while left and time.monotonic() < deadline:
        _, left = psutil.wait_procs(left, timeout=0.1)
        left = [each for each in left if not _has_ended(each)]
    return left


def _has_ended(process: psutil.Process) -> bool:
    """Also one that nobody has buried yet: in a container the first process may never do so."""
    try:
        return bool(process.status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True


def _members(leaders: Collection[int]) -> list[psutil.Process]:
    """Every process of these leaders' sessions, themselves included."""
    found = []
    for process in psutil.process_iter():
        try:
            if os.getsid(process.pid) in leaders:
                found.append(process)
        except (ProcessLookupError, PermissionError):
            continue
    return found


def _folder(cluster: str) -> Path:
    return state_folder() / "clusters" / cluster
