"""Two hosts with a cable between them, for `tests/integration/test_two_hosts.py`, which runs this in namespaces.

Host `first` has the broker and Ray's head, host `second` a Ray node; each has room for one recogniser. People walk by
while the cable is pulled for longer than Kafka and Ray wait for anyone, and is put back.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

from cluster import ray_local
from cluster.broker import node, state
from cluster.kafka.topics import ALERTS
from cluster.watchlists.register import read_topic
from tests.drawn import write_deployment
from tests.faults.checker import Verdict, check
from tests.faults.traffic import PEOPLE, Pair, Passage, pairs, publish, ref_of
from tests.running import WAIT_S, Running, prepared

FIRST, SECOND, PORT = "10.77.0.1", "10.77.0.2", 6399
PULLED_S = 20.0
PASSAGES = 60  # 12 s of them with the cable pulled
SEED = 20261126


@contextmanager
def two_hosts() -> Iterator[Sequence[str]]:
    """Call this process's network the first host, and make the second; the words that run a command there."""
    with subprocess.Popen(["unshare", "--net", "--uts", "sleep", "infinity"]) as second:
        there = ("nsenter", f"--target={second.pid}", "--net", "--uts")
        try:
            wait_for_namespace(second.pid)
            ip(f"link add cable type veth peer name cable netns {second.pid}")
            for words, name, address in (((), "first", FIRST), (there, "second", SECOND)):
                subprocess.run([*words, "hostname", name], check=True)
                ip("link set lo up", words)
                ip(f"address add {address}/24 dev cable", words)
                ip("link set cable up", words)
            yield there
        finally:
            second.kill()


def wait_for_namespace(pid: int) -> None:
    """A process that was just started is in our network for a moment."""
    own = Path("/proc/self/ns/net").readlink()
    while Path(f"/proc/{pid}/ns/net").readlink() == own:
        time.sleep(0.01)


def ip(arguments: str, words: Sequence[str] = ()) -> None:
    """Call `ip`, here or on the other host."""
    subprocess.run([*words, "ip", *arguments.split()], check=True)


@contextmanager
def ray_node(
    words: Sequence[str], address: str, place: Sequence[str], cpus: int = 1
) -> Iterator[subprocess.Popen[str]]:
    """A Ray node with room for one recogniser, or for as many as it is said, for the length of a block."""
    command = [*words, str(Path(sys.executable).parent / "ray"), "start", "--block", f"--node-ip-address={address}"]
    command += [*place, f"--num-cpus={cpus}", f"--object-store-memory={ray_local.OBJECT_STORE_BYTES}"]
    environment = {**os.environ, **ray_local.ENVIRONMENT}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            assert any("Ray runtime started" in line for line in process.stdout), f"no Ray on {address}"
            yield process
        finally:
            process.terminate()


def watch_on(running: Running, hosts: set[str]) -> bool:
    """Whether a recogniser watches on each of these hosts, and none does anything else anywhere."""
    lanes = [(lane["state"], (lane["status"] or {}).get("node", "")) for lane in running.lanes()]
    return sorted(lanes) == sorted(("watching", host) for host in hosts)


def settled(running: Running, expected: dict[Pair, datetime], known: set[Pair], began: datetime) -> Verdict:
    """What the alerts say once all are there, or none has come for long."""
    deadline = time.monotonic() + WAIT_S
    while True:
        records = [record.value for record in read_topic(running.plan.settings.kafka, ALERTS, began)]
        verdict = check(records, expected, known)
        if not verdict.lost or time.monotonic() > deadline:
            return verdict
        time.sleep(0.5)


def pulled_and_put_back(running: Running, there: Sequence[str], head: str) -> None:
    """The whole story; an assertion fails where it goes wrong."""
    kafka, began = running.plan.settings.kafka, datetime.now(UTC) - timedelta(minutes=2)
    meet, known = pairs(SEED), set[Pair]()
    both = {"first", "second"}
    with ray_node(there, SECOND, [f"--address={head}"]):
        running.run.beholden("up", "-f", str(running.run.file))
        running.wait(lambda: watch_on(running, both), "both hosts watch")
        ip("link set cable down")
        pulled = time.monotonic()
        expected = publish(kafka, [Passage(*next(meet)) for _ in range(PASSAGES)], "pulled")
        verdict = settled(running, expected, known, began)
        click.echo(f"pulled: {verdict}")
        assert verdict.is_good
        known |= expected.keys()
        time.sleep(max(0.0, pulled + PULLED_S - time.monotonic()))
        ip("link set cable up")
    with ray_node(there, SECOND, [f"--address={head}"]):
        running.wait(lambda: watch_on(running, both), "both hosts watch again")
        expected = publish(kafka, [Passage(*next(meet)) for _ in range(PASSAGES)], "put back")
        verdict = settled(running, expected, known, began)
        click.echo(f"put back: {verdict}")
        assert verdict.is_good


def main() -> None:
    """Everything that this starts ends with its namespaces."""
    node.HOST = state.HOST = FIRST  # the broker is for one machine, and stays so outside of here
    with two_hosts() as there, tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_STATE_HOME"] = folder
        ray_local.authenticate()
        head = ["--head", f"--port={PORT}", f"--temp-dir={folder}/ray", "--include-dashboard=false"]
        document = write_deployment(Path(folder)) | {"ray": f"{FIRST}:{PORT}"}
        document["index"] |= {"replicas": 2}
        with ray_node((), FIRST, head), prepared(document) as running:
            running.put({ref_of(number): number for number in range(PEOPLE)})
            pulled_and_put_back(running, there, f"{FIRST}:{PORT}")


if __name__ == "__main__":
    main()
