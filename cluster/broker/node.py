"""One node of the local broker: its settings, its storage and its process."""

import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from cluster.broker.jars import asset
from operators.errors import DeploymentFailed

HOST = "127.0.0.1"
JAVA_MINIMUM = 17
INSTALL_JAVA = "install openjdk-17-jre-headless (Debian/Ubuntu) or set JAVA_HOME to a newer Java"
# A frame is at most 4 MiB; what one broker accepts the others must be able to copy.
MESSAGE_MAX_BYTES = 4 * 1024 * 1024
# The collector and the compiler flag take a third off start time and memory (docs/decisions/0003-broker-from-maven.md).
JVM_FLAGS = ("-Xms128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:+ExitOnOutOfMemoryError")

PROPERTIES = """\
process.roles=broker,controller
node.id={id}
controller.quorum.voters={voters}
listeners=PLAINTEXT://{host}:{port},CONTROLLER://{host}:{controller_port}
advertised.listeners=PLAINTEXT://{host}:{port}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
log.dirs={storage}
auto.create.topics.enable=false
default.replication.factor={replicas}
min.insync.replicas={in_sync}
# 50 partitions each by default: slow at first use, for nothing on one machine.
offsets.topic.num.partitions=1
offsets.topic.replication.factor={replicas}
transaction.state.log.num.partitions=1
transaction.state.log.replication.factor={replicas}
transaction.state.log.min.isr={in_sync}
share.coordinator.state.topic.num.partitions=1
share.coordinator.state.topic.replication.factor={replicas}
share.coordinator.state.topic.min.isr={in_sync}
group.initial.rebalance.delay.ms=0
# A record that says nothing, twice a second by default, for controllers that follow: what they must know comes anyway.
metadata.max.idle.interval.ms=5000
message.max.bytes={message_max_bytes}
replica.fetch.max.bytes={message_max_bytes}
# 128 MB of heap by default.
log.cleaner.dedupe.buffer.size=4194304
# Frames are promised a short life: look for expired segments often, unlink them soon.
log.retention.check.interval.ms=30000
log.segment.delete.delay.ms=5000
"""


@dataclass(frozen=True, slots=True)
class Node:
    """Where one node listens and lives: id from 1, loopback ports, and a folder of its own."""

    id: int
    port: int
    controller_port: int
    folder: Path

    @property
    def properties(self) -> Path:
        """The settings file, which also tells this node's process from any other."""
        return self.folder / "server.properties"

    @property
    def storage(self) -> Path:
        """Where Kafka keeps the partitions."""
        return self.folder / "storage"

    @property
    def is_formatted(self) -> bool:
        """Whether the storage has been prepared."""
        return (self.storage / "meta.properties").exists()

    @property
    def log(self) -> Path:
        """What the broker has to say; rotated, 12 MB at most."""
        return self.folder / "broker.log"

    @property
    def console(self) -> Path:
        """What the Java machine itself has to say, normally nothing."""
        return self.folder / "console.log"


def find_java() -> str:
    """Find a Java that can run the broker: in JAVA_HOME when that is set, else on the PATH.

    Raises:
        DeploymentFailed: There is none, or it is too old.
    """
    home = os.environ.get("JAVA_HOME")
    java = shutil.which("java", path=str(Path(home) / "bin") if home else None)
    if java is None:
        where = f"in JAVA_HOME ({home})" if home else "on the PATH"
        raise DeploymentFailed(f"Java {JAVA_MINIMUM} or newer is needed and there is none {where}: {INSTALL_JAVA}")
    answer = subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr
    version = re.search(r'version "(?:1\.)?(\d+)', answer)
    if version is None or int(version[1]) < JAVA_MINIMUM:
        found = f"Java {version[1]}" if version else "something else"
        raise DeploymentFailed(f"Java {JAVA_MINIMUM} or newer is needed and {java} is {found}: {INSTALL_JAVA}")
    return java


def write_properties(node: Node, nodes: Sequence[Node]) -> None:
    """Write the settings of one node.

    Args:
        node: The node.
        nodes: All nodes of the cluster, it included.
    """
    text = PROPERTIES.format(
        id=node.id,
        host=HOST,
        port=node.port,
        controller_port=node.controller_port,
        voters=",".join(f"{each.id}@{HOST}:{each.controller_port}" for each in nodes),
        storage=node.storage,
        replicas=len(nodes),
        in_sync=min(2, len(nodes)),
        message_max_bytes=MESSAGE_MAX_BYTES,
    )
    node.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    node.properties.write_text(text, encoding="utf-8")


def format_storage(node: Node, java: str, class_path: str, cluster_id: str) -> None:
    """Prepare the storage of one node; nothing happens when that was done before.

    Args:
        node: The node, its settings written.
        java: The Java to use.
        class_path: The broker's jars.
        cluster_id: The same for all nodes: 16 bytes, URL-safe base64 without padding.

    Raises:
        DeploymentFailed: Kafka's storage tool refuses.
    """
    if node.is_formatted:
        return
    tool = [java, *JVM_FLAGS, *_logging(node), "-cp", class_path, "kafka.tools.StorageTool"]
    command = [*tool, "format", "--ignore-formatted", f"--cluster-id={cluster_id}", "-c", str(node.properties)]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise DeploymentFailed(f"Kafka could not prepare {node.storage}: {last_lines(done.stdout + done.stderr)}")


def launch(node: Node, java: str, class_path: str, heap_mb: int) -> int:
    """Start the process of one node, which then outlives its parent.

    Args:
        node: The node, its storage prepared.
        java: The Java to use.
        class_path: The broker's jars.
        heap_mb: Largest heap, MB.

    Returns:
        The process id.
    """
    flags = [*JVM_FLAGS, f"-Xmx{heap_mb}m", f"-XX:ErrorFile={node.folder}/crash.log", *_logging(node)]
    write = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    # Not Popen: its destructor warns about a process that is meant to stay.
    return os.posix_spawn(
        java,
        [java, *flags, "-cp", class_path, "kafka.Kafka", str(node.properties)],
        os.environ,
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, str(node.console), write, 0o600),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ],
        setsid=True,
    )


def find_process(node: Node, pid: int) -> psutil.Process | None:
    """Give the process of a node, or nothing when it has ended or its id belongs to another program by now.

    Args:
        node: The node.
        pid: The process id noted at its start; 0 for none.
    """
    try:
        process = psutil.Process(pid)
        arguments = process.cmdline() if pid > 0 else []
    except psutil.Error:
        return None
    return process if "kafka.Kafka" in arguments and str(node.properties) in arguments else None


def last_words(node: Node) -> str:
    """Give the end of what a node wrote before it died."""
    written = [path.read_text(errors="replace") for path in (node.log, node.console) if path.exists()]
    return last_lines("\n".join(written)) or "it wrote nothing"


def _logging(node: Node) -> list[str]:
    return [f"-Dlog4j2.configurationFile={asset('log4j2.properties')}", f"-Dbeholden.log={node.log}"]


def last_lines(text: str, count: int = 3) -> str:
    """The end of what a program wrote, in one line."""
    return " | ".join([line.strip() for line in text.splitlines() if line.strip()][-count:])
