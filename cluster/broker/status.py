"""How a local broker is at this moment."""

import os
from dataclasses import dataclass
from pathlib import Path

import psutil

from cluster.broker.node import HOST, Node, find_process
from cluster.broker.probe import live_brokers
from cluster.broker.state import load_state


@dataclass(frozen=True, slots=True)
class NodeStatus:
    """One node at one moment.

    Attributes:
        id: From 1.
        port: Where clients reach it.
        pid: Its process; None when it does not run.
        answers: Whether it runs, answers a metadata request and counts itself among the living.
        memory_bytes: Resident memory of the process.
        data_bytes: What its folder occupies on disk.
    """

    id: int
    port: int
    pid: int | None
    answers: bool
    memory_bytes: int
    data_bytes: int


@dataclass(frozen=True, slots=True)
class BrokerStatus:
    """All nodes at one moment; no nodes and no bootstrap when the folder holds no broker."""

    data: Path
    bootstrap: str
    nodes: tuple[NodeStatus, ...]

    @property
    def healthy(self) -> bool:
        """Whether there are nodes and all of them answer."""
        return bool(self.nodes) and all(node.answers for node in self.nodes)


def broker_status(data: Path) -> BrokerStatus:
    """Look at every node of a folder's broker and ask it whether it is alive.

    Args:
        data: The folder that holds the broker.

    Raises:
        DeploymentFailed: The folder holds something else than a broker.
    """
    data = data.expanduser().resolve()
    state = load_state(data)
    if state is None:
        return BrokerStatus(data, "", ())
    nodes = tuple(_node_status(node, find_process(node, pid)) for node, pid in state.processes(data))
    return BrokerStatus(data, state.bootstrap, nodes)


def _node_status(node: Node, process: psutil.Process | None) -> NodeStatus:
    return NodeStatus(
        id=node.id,
        port=node.port,
        pid=None if process is None else process.pid,
        answers=process is not None and node.id in live_brokers(f"{HOST}:{node.port}"),
        memory_bytes=_memory_bytes(process),
        data_bytes=_disk_bytes(node.folder),
    )


def _memory_bytes(process: psutil.Process | None) -> int:
    try:
        return 0 if process is None else int(process.memory_info().rss)
    except psutil.Error:
        return 0


def _disk_bytes(folder: Path) -> int:
    """Count blocks, not lengths: Kafka's index files are 10 MB long and empty. Files come and go meanwhile."""
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            try:
                total += (Path(parent) / name).stat().st_blocks * 512
            except FileNotFoundError:
                continue
    return total
