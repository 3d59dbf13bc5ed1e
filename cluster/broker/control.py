"""A real Kafka in KRaft mode on this machine, for trying out, for tests and for the demo. It listens on loopback only.

A folder holds one broker: `state.json` says what runs there, `node-1` and so on hold settings, log and partitions.
The folder is readable by its owner only, because frames with faces lie in it.
"""

import os
import shutil
import signal
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import psutil

from cluster.broker.jars import Progress, ensure_jars
from cluster.broker.lock import locked
from cluster.broker.node import Node, find_java, find_process, format_storage, last_words, launch, write_properties
from cluster.broker.probe import wait_ready
from cluster.broker.state import BrokerState, free_port, load_state, new_state, refuse_taken, save_state
from operators.errors import DeploymentFailed

DEFAULT_HEAP_MB = 512
READY_TIMEOUT_S = 60.0
STOP_GRACE_S = 15.0
KILL_WAIT_S = 5.0
STOP_POLL_S = 0.02
# Three nodes that stop together wait 5 s for each other to save what is about to be deleted.
WIPE_GRACE_S = 1.0


@dataclass(frozen=True, slots=True)
class BrokerSpec:
    """What to start.

    Attributes:
        port: Client port of node 1; node n listens on port + n - 1.
        nodes: How many nodes, 1 or 3.
        data: The folder that holds the broker.
        heap_mb: Largest Java heap of each node, MB.
    """

    port: int
    nodes: int
    data: Path
    heap_mb: int = DEFAULT_HEAP_MB


@dataclass(frozen=True, slots=True)
class RunningBroker:
    """A broker whose nodes all answer.

    Attributes:
        bootstrap: Comma-separated host:port of all nodes.
        pids: Process ids, by node.
        data: The folder that holds it.
        started: How many nodes this call has started; 0 when all ran before.
    """

    bootstrap: str
    pids: tuple[int, ...]
    data: Path
    started: int


def start_broker(spec: BrokerSpec, progress: Progress) -> RunningBroker:
    """Start the nodes that do not run yet and wait until all of them answer.

    Args:
        spec: What to start.
        progress: Called with one line of text for each step.

    Returns:
        The broker, all nodes answering.

    Raises:
        DeploymentFailed: Java, Maven, a jar, a port or the folder is not as needed, or a node died at its start.
        BrokerUnavailable: The nodes run but did not answer in time; they are stopped again.
    """
    data = spec.data.expanduser().resolve()
    load_state(data)  # refuses a folder of something else before anything is written into it
    with locked(data / "lock"):
        state = _adopt(load_state(data), spec, data)
        down = [node for node, pid in state.processes(data) if find_process(node, pid) is None]
        if down:
            state = _start(state, down, data, spec.heap_mb, progress)
        else:
            progress(f"broker: already running at {state.bootstrap}")
    return RunningBroker(state.bootstrap, state.pids, data, started=len(down))


def stop_broker(data: Path, wipe: bool) -> int:
    """Stop all nodes of a folder's broker, kindly first.

    Args:
        data: The folder that holds the broker.
        wipe: Delete the folder with everything in it afterwards.

    Returns:
        How many nodes were running.

    Raises:
        DeploymentFailed: The folder holds something else than a broker, or cannot be deleted.
    """
    data = data.expanduser().resolve()
    if not data.exists():
        return 0
    load_state(data)  # refuses a folder of something else
    with locked(data / "lock"):
        state = load_state(data)
        stopped = 0
        if state is not None:
            stopped = _stop(state.processes(data), WIPE_GRACE_S if wipe else STOP_GRACE_S)
            save_state(data, replace(state, pids=(0,) * len(state.pids)))
        if wipe:
            _delete(data)
    return stopped


@contextmanager
def running_broker(data: Path, port: int | None = None, nodes: int = 1) -> Iterator[str]:
    """Run a broker for the length of a block, then stop it and delete its folder, whatever happens.

    Args:
        data: An empty or not yet existing folder.
        port: Client port of node 1; a free one when not given.
        nodes: How many nodes, 1 or 3.

    Yields:
        Comma-separated host:port of all nodes.
    """
    spec = BrokerSpec(port or free_port(nodes), nodes, data)
    try:
        yield start_broker(spec, lambda line: None).bootstrap
    finally:
        stop_broker(data, wipe=True)


def _adopt(state: BrokerState | None, spec: BrokerSpec, data: Path) -> BrokerState:
    """Bring together what a folder's broker is and what was asked for."""
    if state is None:
        return new_state(spec.port, spec.nodes)
    if len(state.pids) != spec.nodes:
        raise DeploymentFailed(
            f"{data} holds a broker with --nodes {len(state.pids)}, not {spec.nodes}: start it with that, "
            "or delete it first (beholden broker stop --wipe)"
        )
    if not any(find_process(node, pid) for node, pid in state.processes(data)):
        return state.moved(spec.port)
    if state.port != spec.port:
        raise DeploymentFailed(
            f"the broker in {data} runs on port {state.port}, not {spec.port}: stop it first, or name another --data"
        )
    return state


def _start(state: BrokerState, down: Sequence[Node], data: Path, heap_mb: int, progress: Progress) -> BrokerState:
    java = find_java()
    refuse_taken(down)
    class_path = os.pathsep.join(str(jar) for jar in ensure_jars(progress))
    if any(state.pids[node.id - 1] for node in down):
        progress("recovering: a process was lost, its data is kept; Kafka takes up to 12 s to forget it")
    save_state(data, state)
    _prepare(state, down, data, java, class_path, progress)
    progress(f"starting: node {', '.join(str(node.id) for node in down)}, at most {heap_mb} MB of heap each")
    started_s = time.monotonic()
    launched: list[tuple[Node, int]] = []
    try:
        for node in down:
            launched.append((node, launch(node, java, class_path, heap_mb)))
            state = _with_pid(state, *launched[-1])
            save_state(data, state)
        wait_ready(state.bootstrap, len(state.pids), READY_TIMEOUT_S, lambda: _refuse_dead(launched))
    except BaseException:
        _end([pid for _, pid in launched], WIPE_GRACE_S)
        raise
    progress(f"ready: {state.bootstrap} in {time.monotonic() - started_s:.1f} s")
    return state


def _prepare(
    state: BrokerState, down: Sequence[Node], data: Path, java: str, class_path: str, progress: Progress
) -> None:
    nodes = state.nodes(data)
    for node in down:
        write_properties(node, nodes)
    if any(not node.is_formatted for node in down):
        progress(f"formatting: {data}")
    with ThreadPoolExecutor(len(down)) as pool:
        list(pool.map(lambda node: format_storage(node, java, class_path, state.cluster_id), down))


def _stop(pairs: Sequence[tuple[Node, int]], grace_s: float) -> int:
    running = [(node, pid) for node, pid in pairs if find_process(node, pid) is not None]
    left = running
    for kind, patience_s in ((signal.SIGTERM, grace_s), (signal.SIGKILL, KILL_WAIT_S)):
        for node, pid in left:
            if (process := find_process(node, pid)) is not None:
                with suppress(psutil.NoSuchProcess):
                    process.send_signal(kind)
        left = _outlive(left, patience_s)
    if left:
        raise DeploymentFailed(f"processes {[pid for _, pid in left]} do not end even when killed: look at the disk")
    for _, pid in running:
        with suppress(ChildProcessError):
            os.waitpid(pid, 0)  # only where this process started it
    return len(running)


def _end(children: Sequence[int], grace_s: float) -> None:
    """End processes that this one has started, whatever their command lines say: a start may go through several."""
    for kind, patience_s in ((signal.SIGTERM, grace_s), (signal.SIGKILL, KILL_WAIT_S)):
        left = [pid for pid in children if not _has_ended(pid)]
        for pid in left:
            os.kill(pid, kind)  # nobody else has this number: it is not buried yet
        deadline_s = time.monotonic() + patience_s
        while not all(map(_has_ended, left)) and time.monotonic() < deadline_s:
            time.sleep(STOP_POLL_S)


def _outlive(pairs: Sequence[tuple[Node, int]], patience_s: float) -> list[tuple[Node, int]]:
    """Wait for nodes to end and give those that did not. A process that nobody has collected yet has ended."""
    deadline_s = time.monotonic() + patience_s
    while True:
        left = [(node, pid) for node, pid in pairs if find_process(node, pid) is not None]
        if not left or time.monotonic() >= deadline_s:
            return left
        time.sleep(STOP_POLL_S)


def _delete(data: Path) -> None:
    """Move the folder away in one step, the lock with it, so that a waiting start does not write into what goes."""
    grave = data.with_name(f".{data.name}.deleted-{os.getpid()}")
    try:
        data.rename(grave)
        shutil.rmtree(grave)
    except OSError as error:
        raise DeploymentFailed(f"{data} cannot be deleted ({error}): delete it by hand, with {grave}") from error


def _has_ended(pid: int) -> bool:
    """Whether a child of ours has ended, and bury it. Its command line says less: it is empty for a moment at first."""
    try:
        return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG) is not None
    except ChildProcessError:
        return True


def _refuse_dead(launched: Sequence[tuple[Node, int]]) -> None:
    for node, pid in launched:
        if _has_ended(pid):
            raise DeploymentFailed(f"node {node.id} died at its start: {last_words(node)} (more in {node.log})")


def _with_pid(state: BrokerState, node: Node, pid: int) -> BrokerState:
    return replace(state, pids=(*state.pids[: node.id - 1], pid, *state.pids[node.id :]))
