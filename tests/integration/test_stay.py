"""`beholden up --stay` as in pods: a Ray that is not ours, keys that are there already, and whoever stays replaced."""

import secrets
import signal
import subprocess
import sys
import tempfile
import urllib.error
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import psutil
import pytest
import yaml

from cluster.broker.state import free_port
from cluster.policies.desk import read_book, renumbered, whole_ms
from cluster.policies.release import draft
from cluster.wire.release import encode_release
from tests.drawn import write_deployment
from tests.local_http import ask
from tests.running import Running, prepared
from tests.two_hosts import ray_node

pytestmark = pytest.mark.integration

HERE = "127.0.0.1"
END_S = 60.0
_KILL = """
import sys
from cluster.ray_driver import connected
from cluster.settings import read_cluster
settings = read_cluster(__import__("pathlib").Path(sys.argv[1]))
with connected(settings):
    import ray
    ray.kill(ray.get_actor("supervisor"))
"""


@dataclass(frozen=True, slots=True)
class Stayer:
    """A process that stays, and what it has said."""

    process: subprocess.Popen[bytes]
    file: Path
    port: int

    def has_said(self, text: str) -> bool:
        """Whether that stands in one of its lines."""
        return text in self.file.read_text()

    def is_ready(self) -> bool:
        """What it answers to whoever asks over HTTP."""
        try:
            with ask(f"http://{HERE}:{self.port}/readyz", timeout=10) as answer:
                return bool(answer.status == 200)
        except (urllib.error.HTTPError, OSError):
            return False

    def end(self) -> int:
        """Its exit status after SIGTERM."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(END_S)


@contextmanager
def staying(running: Running, name: str) -> Iterator[Stayer]:
    """One that stays for the length of a block at most."""
    port, file = free_port(), running.run.folder / name
    command = [sys.executable, "-m", "cluster", "up", "-f", str(running.run.file), "--stay"]
    with file.open("wb") as output:
        process = subprocess.Popen(
            [*command, "--health", f"{HERE}:{port}"], env=dict(running.run.environment), stderr=output
        )
    try:
        yield Stayer(process, file, port)
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def ray() -> Iterator[ExitStack]:
    """What a Ray is to be started in, so that it is there for as long as anybody may ask it to end something."""
    with ExitStack() as found:
        yield found


@pytest.fixture
def running(ray: ExitStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spare_ports: str) -> Iterator[Running]:
    """Keys as a store of secrets gives them, a token as Ray's operator gives it, and no Ray yet."""
    with monkeypatch.context() as patch:  # it is a while until somebody listens there
        patch.setenv("BEHOLDEN_PORTS", spare_ports)
        port = free_port()
    for name, value in (("MODE", "token"), ("TOKEN", secrets.token_hex(32))):
        monkeypatch.setenv(f"RAY_AUTH_{name}", value)
    document = write_deployment(tmp_path) | {
        "ray": f"{HERE}:{port}",
        "recognisers": {"count": 2, "resources": {"lane": 1}},
        "index": {"placement": "sharded", "shards": 1, "replicas": 2, "resources": {"index": 1}},
        "supervisor": {"resources": {"desk": 1}},
    }
    with prepared(document) as found:
        keys, made = found.run.folder / "keys", found.run.folder / "made"
        found.run.beholden("keys", "make", str(made))
        for file in made.iterdir():
            if not (keys / file.name).exists():  # whoever has listed somebody has made some of them
                file.rename(keys / file.name)
        for file in keys.iterdir():
            file.chmod(0o400)
        keys.chmod(0o500)
        yield found


def _start(ray: ExitStack, running: Running) -> list[subprocess.Popen[str]]:
    """A head without a core that may have the supervisor, and two nodes with room for one of each other kind."""
    address = running.plan.settings.ray
    folder = ray.enter_context(tempfile.TemporaryDirectory(prefix="ray-"))
    head = ["--head", f"--port={address.rpartition(':')[2]}", f"--temp-dir={folder}"]
    head += ["--include-dashboard=false", '--resources={"desk": 1}']
    worker = [f"--address={address}", '--resources={"lane": 1, "index": 1}']
    nodes = [ray.enter_context(ray_node((), HERE, head, cpus=0))]
    return nodes + [ray.enter_context(ray_node((), HERE, worker)) for _ in range(2)]


def _nodes_of(kind: str, running: Running, nodes: list[subprocess.Popen[str]]) -> list[int]:
    """On which nodes the members of a kind are."""
    pids = [each["status"]["pid"] for each in running.onlooker.members() if each["name"].startswith(kind)]
    above = [{parent.pid for parent in psutil.Process(pid).parents()} for pid in pids]
    return sorted(at for at, node in enumerate(nodes) for found in above if node.pid in found)


def _pids(running: Running) -> dict[str, int]:
    return {each["name"]: each["status"]["pid"] for each in running.onlooker.members()}


def _supervisors(node: subprocess.Popen[str]) -> list[int]:
    children = psutil.Process(node.pid).children(recursive=True)
    return [child.pid for child in children if "ray::Supervisor" in " ".join(child.cmdline())]


def _release_2(running: Running) -> Path:
    """The policy in force under the next number, released."""
    plan = running.plan
    first = read_book(plan.settings, plan.in_force.policy.deployment).in_force
    assert first is not None
    file = running.run.folder / "2.release.json"
    second = draft(renumbered(plan.in_force, 2), first, "ada", whole_ms(datetime.now(UTC)), "the test")
    file.write_bytes(encode_release(second))
    return file


def test_whoever_stays_may_come_first_go_and_come_back(ray: ExitStack, running: Running) -> None:
    """It waits for Ray, each process is where its resources are, a release restarts nobody, and down is down."""
    keys = {file.name: file.read_bytes() for file in (running.run.folder / "keys").iterdir()}
    with staying(running, "first") as first:
        running.wait(lambda: first.has_said("waits: nothing answers at"), "it waits for Ray")
        nodes = _start(ray, running)
        running.wait(first.is_ready, "the first is ready")
        assert _nodes_of("recogniser", running, nodes) == _nodes_of("shard", running, nodes) == [1, 2]
        assert len(_supervisors(nodes[0])) == 1
        pids = _pids(running)
        assert first.end() == 0

    content = yaml.safe_load(running.run.file.read_text())
    running.run.file.write_text(yaml.safe_dump(content | {"policy": str(_release_2(running))}))
    with staying(running, "second") as second:
        running.wait(second.is_ready, "the second is ready")
        assert second.has_said("policy 2 is in force, written to topic policy")
        running.wait(lambda: second.has_said("policy: 2 ("), "what runs goes by policy 2")
        assert _pids(running) == pids

        before = _supervisors(nodes[0])
        command = [sys.executable, "-c", _KILL, str(running.run.file)]
        subprocess.run(command, env=dict(running.run.environment), check=True)
        running.wait(lambda: second.has_said("the supervisor is missing: starting it anew"), "it is missed")
        running.wait(lambda: _supervisors(nodes[0]) not in ([], before), "it is there again")

        running.run.beholden("down", "-f", str(running.run.file))
        running.wait(lambda: second.has_said("taken down by 'beholden down'"), "it is taken down")
        assert not second.is_ready()
        assert second.end() == 0
    assert keys == {file.name: file.read_bytes() for file in (running.run.folder / "keys").iterdir()}
