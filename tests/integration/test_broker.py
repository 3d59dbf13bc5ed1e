"""A real Kafka: one node and three."""

import shutil
from pathlib import Path

import psutil
import pytest
from click.testing import CliRunner
from kafka import KafkaConsumer, KafkaProducer
from kafka.admin import KafkaAdminClient

from cluster.broker.control import BrokerSpec, running_broker, start_broker
from cluster.broker.probe import live_brokers
from cluster.broker.state import free_port
from cluster.broker.status import broker_status
from cluster.cli.broker import broker as command
from tests.integration.scene import wait

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(shutil.which("java") is None, reason="needs Java 17; see `beholden broker start`"),
]
WAIT_S = 60.0  # a node has a second for an answer: on a machine that is busy it may be asked again
RECORD_BYTES = 3 * 1024 * 1024  # larger than Kafka's own limit of 1 MiB


def _processes(data: Path) -> list[int]:
    found = (process.info for process in psutil.process_iter(["pid", "cmdline"]))
    return [info["pid"] for info in found if any(str(data) in part for part in info["cmdline"] or [])]


def _carry(bootstrap: str, copies: int) -> bytes:
    """Send one large record through a topic and give back what comes out."""
    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    admin.create_topics({"frames": {"num_partitions": 1, "replication_factor": copies}}, wait_for_metadata=True)
    admin.close()
    producer = KafkaProducer(bootstrap_servers=bootstrap, max_request_size=2 * RECORD_BYTES, enable_idempotence=True)
    producer.send("frames", key=b"camera", value=b"x" * RECORD_BYTES).get(timeout=WAIT_S)
    producer.close()
    consumer = KafkaConsumer(
        "frames", bootstrap_servers=bootstrap, group_id="readers", auto_offset_reset="earliest",
        max_partition_fetch_bytes=2 * RECORD_BYTES, consumer_timeout_ms=int(1000 * WAIT_S),
    )  # fmt: skip
    record = next(consumer)
    consumer.commit()
    consumer.close()
    return bytes(record.value)


def test_one_node_carries_records_and_leaves_nothing(tmp_path: Path) -> None:
    """A large record passes, status is healthy, a second start finds the first, stop --wipe leaves nothing."""
    port, data = free_port(), tmp_path / "data"
    with running_broker(data, port) as bootstrap:
        assert _carry(bootstrap, copies=1) == b"x" * RECORD_BYTES
        where = ["--port", str(port), "--data", str(data)]
        wait(lambda: CliRunner().invoke(command, ["status", *where]).exit_code == 0, "healthy")
        assert start_broker(BrokerSpec(port, 1, data), lambda line: None).started == 0
        assert len(_processes(data)) == 1
        assert CliRunner().invoke(command, ["stop", "--wipe", *where]).exit_code == 0
        assert not data.exists()
        assert _processes(data) == []
    assert CliRunner().invoke(command, ["status", *where]).exit_code == 3


def test_three_nodes_outlive_one(tmp_path: Path) -> None:
    """Three nodes answer and copy a large record; when one is killed, start brings it back; then nothing is left."""
    port, data = free_port(3), tmp_path / "data"
    with running_broker(data, port, nodes=3) as bootstrap:
        wait(lambda: [live_brokers(address) for address in bootstrap.split(",")] == [{1, 2, 3}] * 3, "all know all")
        assert _carry(bootstrap, copies=3) == b"x" * RECORD_BYTES
        wait(lambda: broker_status(data).healthy, "healthy")
        lost = psutil.Process(broker_status(data).nodes[2].pid)
        lost.kill()
        lost.wait(timeout=WAIT_S)
        assert not broker_status(data).healthy
        assert start_broker(BrokerSpec(port, 3, data), lambda line: None).started == 1
        wait(lambda: broker_status(data).healthy, "healthy again")
    assert _processes(data) == []
    assert not data.exists()
