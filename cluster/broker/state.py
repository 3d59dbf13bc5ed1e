"""What is noted about a local broker between two commands, and the ports it may take."""

import base64
import json
import os
import secrets
import socket
import uuid
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from cluster.broker.node import HOST, Node
from cluster.folders import state_folder
from operators.errors import DeploymentFailed

STATE_FILE = "state.json"
# Below the range from which Linux gives ports to outgoing connections, so that nothing takes one between the
# question and its use.
FREE_PORTS = "20000-31999"


@dataclass(frozen=True, slots=True)
class BrokerState:
    """What a folder's broker is.

    Attributes:
        cluster_id: Kafka's name for the cluster, written into the storage of every node.
        port: Client port of node 1; the others follow.
        controller_port: Controller port of node 1; the others follow.
        pids: Process ids, by node; 0 while a node does not run.
    """

    cluster_id: str
    port: int
    controller_port: int
    pids: tuple[int, ...]

    @property
    def bootstrap(self) -> str:
        """Comma-separated host:port of all nodes."""
        return ",".join(f"{HOST}:{self.port + index}" for index in range(len(self.pids)))

    def nodes(self, data: Path) -> list[Node]:
        """Give the nodes, living under `data`."""
        return [
            Node(index + 1, self.port + index, self.controller_port + index, data / f"node-{index + 1}")
            for index in range(len(self.pids))
        ]

    def moved(self, port: int) -> "BrokerState":
        """Give the same broker on another client port, its controllers on free ports. Nothing of it may run."""
        count = len(self.pids)
        return replace(self, port=port, controller_port=free_port(count, range(port, port + count)))

    def processes(self, data: Path) -> list[tuple[Node, int]]:
        """Give each node under `data` with the process id noted for it."""
        return list(zip(self.nodes(data), self.pids, strict=True))


def default_data(port: int) -> Path:
    """Give the folder of the broker on a port."""
    return state_folder() / "broker" / str(port)


def new_state(port: int, nodes: int) -> BrokerState:
    """Describe a broker that does not exist yet."""
    cluster_id = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode("ascii").rstrip("=")
    return BrokerState(cluster_id, port, 0, (0,) * nodes).moved(port)


def load_state(data: Path) -> BrokerState | None:
    """Read what a folder's broker is; nothing when the folder holds none.

    Raises:
        DeploymentFailed: The file cannot be understood, or the folder holds something else.
    """
    path = data / STATE_FILE
    if path.is_file():
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
            return BrokerState(**{**values, "pids": tuple(values["pids"])})
        except (ValueError, TypeError, KeyError) as error:
            raise DeploymentFailed(f"{path} cannot be understood ({error}): delete {data} and start anew") from error
    if data.is_file() or (data.is_dir() and any(entry.name != "lock" for entry in data.iterdir())):
        raise DeploymentFailed(f"{data} holds something else than a broker: name an empty folder with --data")
    return None


def save_state(data: Path, state: BrokerState) -> None:
    """Note what a folder's broker is, whole or not at all."""
    partial = data / f"{STATE_FILE}.partial"
    partial.write_text(json.dumps(asdict(state), indent=2) + "\n", encoding="utf-8")
    partial.replace(data / STATE_FILE)


def free_port(count: int = 1, reserved: Collection[int] = ()) -> int:
    """Find adjacent loopback ports that nothing listens on and give the first.

    Args:
        count: How many.
        reserved: Ports not to take although nothing listens on them yet.

    Raises:
        DeploymentFailed: There are none among those that may be taken.
    """
    named, allowed = _allowed()
    firsts = allowed[: max(len(allowed) - count + 1, 0)]
    for port in secrets.SystemRandom().sample(firsts, len(firsts)):
        ports = range(port, port + count)
        if not set(ports) & set(reserved) and all(_is_free(each) for each in ports):
            return port
    raise DeploymentFailed(f"no {count} free ports among {named}: stop something, or name others in BEHOLDEN_PORTS")


def _allowed() -> tuple[str, range]:
    """The ports that may be taken, as somebody has named them and as numbers."""
    named = os.environ.get("BEHOLDEN_PORTS") or FREE_PORTS
    first, _, last = named.partition("-")
    if not (first.isdecimal() and last.isdecimal() and 0 < int(first) <= int(last) < 65_536):
        raise DeploymentFailed(f"BEHOLDEN_PORTS is {named!r}: name the first and the last port, as {FREE_PORTS}")
    return named, range(int(first), int(last) + 1)


def refuse_taken(nodes: Sequence[Node]) -> None:
    """Check that nothing listens on the client ports of nodes that are about to start.

    Raises:
        DeploymentFailed: Something does.
    """
    for node in nodes:
        if not _is_free(node.port):
            raise DeploymentFailed(
                f"port {node.port} is taken by another program: choose another with --port, or stop that program"
            )


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        # As Java does it: a port on which connections of a former broker still time out can be used.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True
