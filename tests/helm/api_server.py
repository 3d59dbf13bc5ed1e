"""A real Kubernetes API server on this machine, without a kubelet: KWOK says of every pod that it runs.

etcd, the API server, the controllers that make and remove pods, the scheduler and KubeRay's operator are the real
programs, built from their Go modules. Nothing runs in the pods. All of it listens on the loopback address alone and
ends with the test.
"""

import json
import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from helm.tools.build import tool
from tests.helm.needed import needed, needed_definitions
from tests.helm.schemas import STRIMZI

WAIT_S = 600.0  # whoever waits so long has failed; a machine that has ten times as much to do as it can is no reason
TOKEN = "of-a-test"  # noqa: S105
CONTROLLERS = (
    "deployment-controller,replicaset-controller,job-controller,cronjob-controller,garbage-collector-controller,"
    "namespace-controller,serviceaccount-controller,root-ca-certificate-publisher-controller,disruption-controller,"
    "persistentvolume-binder-controller"
)
GPUS = {"nvidia.com/gpu": "8"}
STAGES = Path(__file__).with_name("stages.yaml")

Command = list[str | Path]


@dataclass(frozen=True, slots=True)
class Cluster:
    """A Kubernetes that answers, and how to speak to it."""

    kubeconfig: Path

    def kubectl(self, *arguments: str, given: object = None, may_fail: bool = False) -> str:
        """Run kubectl; what is given is handed to it as a document."""
        return self._run([str(tool("cluster", "kubectl")), *arguments], given, may_fail=may_fail)

    def helm(self, *arguments: str) -> str:
        """Run Helm 4."""
        return self._run([str(tool("charts", "helm4")), *arguments])

    def get(self, *arguments: str) -> list[dict[str, Any]]:
        """Objects of a kind, as the API server has them."""
        found = json.loads(self.kubectl("get", *arguments, "--output", "json"))
        items: list[dict[str, Any]] = found["items"] if found["kind"] == "List" else [found]
        return items

    def wait(self, until: Callable[[], bool], what: str) -> None:
        """Look until something is so.

        Raises:
            AssertionError: It has not become so.
        """
        began = time.monotonic()
        while not until():
            assert time.monotonic() - began < WAIT_S, f"this has not come about: {what}"
            time.sleep(0.5)

    def _run(self, command: Sequence[str], given: object = None, *, may_fail: bool = False) -> str:
        done = subprocess.run(
            command,
            input=None if given is None else yaml.safe_dump(given),
            env=os.environ | {"KUBECONFIG": str(self.kubeconfig)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert may_fail or done.returncode == 0, f"{' '.join(command)}\n{done.stdout}\n{done.stderr}"
        return done.stdout


@contextmanager
def a_cluster(folder: Path) -> Iterator[Cluster]:
    """A Kubernetes with KubeRay's operator, the kinds of Strimzi, Prometheus and KEDA, and two nodes, one with GPUs."""
    definitions = [STRIMZI, needed_definitions("kuberay-1.6"), needed_definitions("monitoring")]
    store, server = (f"127.0.0.1:{port}" for port in free_ports(2))
    cluster = Cluster(write_kubeconfig(folder / "kubeconfig", server))
    with ExitStack() as stack:

        def start(commands: Mapping[str, Command]) -> None:
            for name, command in commands.items():
                stack.enter_context(running(name, command, folder, cluster.kubeconfig))

        start(store_and_server(folder, store, server))
        cluster.wait(lambda: "ok" in cluster.kubectl("get", "--raw", "/readyz", may_fail=True), "an API server")
        for each in definitions:
            cluster.kubectl("create", "--filename", str(each))
        cluster.wait(lambda: all(map(is_established, cluster.get("crd"))), "definitions that are in use")
        start(controllers(folder, cluster.kubeconfig))
        for each in (node("gpu", GPUS), node("plain", {})):
            cluster.kubectl("create", "--filename", "-", given=each)
        yield cluster


def is_established(definition: dict[str, Any]) -> bool:
    """Whether objects of a custom resource definition can be made."""
    conditions = definition.get("status", {}).get("conditions") or ()
    return any(each["type"] == "Established" and each["status"] == "True" for each in conditions)


def store_and_server(folder: Path, store: str, server: str) -> dict[str, Command]:
    """The store and the API server, which admits whoever has the token as an administrator."""
    (peer,) = (f"http://127.0.0.1:{port}" for port in free_ports(1))
    (folder / "tokens.csv").write_text(f"{TOKEN},admin,admin,system:masters\n")
    key = write_key(folder / "accounts.key")
    return {
        "etcd": [
            *(needed("cluster", "etcd"), "--data-dir", folder / "etcd", "--unsafe-no-fsync", "--log-level", "error"),
            *("--listen-client-urls", f"http://{store}", "--advertise-client-urls", f"http://{store}"),
            *("--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer),
            *("--initial-cluster", f"default={peer}"),
        ],
        "kube-apiserver": [
            *(needed("cluster", "kube-apiserver"), "--etcd-servers", f"http://{store}"),
            *("--bind-address", "127.0.0.1", "--secure-port", server.rsplit(":")[-1]),
            *("--cert-dir", folder / "certificates", "--endpoint-reconciler-type", "none"),
            *("--authorization-mode", "RBAC", "--token-auth-file", folder / "tokens.csv"),
            *("--disable-admission-plugins", "TaintNodesByCondition"),  # nobody would take the taint away
            *(
                "--service-cluster-ip-range",
                "10.0.0.0/24",
                "--service-account-issuer",
                "https://kubernetes.default.svc",
            ),
            *("--service-account-key-file", key, "--service-account-signing-key-file", key),
        ],
    }


def controllers(folder: Path, kubeconfig: Path) -> dict[str, Command]:
    """Who makes pods, gives them a node, says that they run, and removes what belongs to nobody."""
    metrics, health, kubelet = (f"127.0.0.1:{port}" for port in free_ports(3))
    alone = ["--kubeconfig", kubeconfig, "--leader-elect=false", "--secure-port", "0"]
    return {
        "kube-controller-manager": [
            *(needed("cluster", "kube-controller-manager"), *alone, "--controllers", CONTROLLERS),
            *("--service-account-private-key-file", folder / "accounts.key"),
            *("--root-ca-file", folder / "certificates" / "apiserver.crt"),
        ],
        "kube-scheduler": [needed("cluster", "kube-scheduler"), *alone],
        "kwok": [
            *(needed("cluster", "kwok"), "--kubeconfig", kubeconfig),
            *("--manage-all-nodes", "--server-address", kubelet, "--config", STAGES),
        ],
        "kuberay-operator": [
            *(needed("kuberay-1.6", "kuberay-operator"), "--enable-leader-election=false"),
            *("--metrics-addr", metrics, "--health-probe-bind-address", health),
        ],
    }


def node(name: str, more: Mapping[str, str]) -> dict[str, Any]:
    """A large machine that is not there; one with GPUs has the label and the taint that NVIDIA's operators give it."""
    capacity = {"cpu": "64", "memory": "512Gi", "pods": "110", "ephemeral-storage": "1Ti", **more}
    labels = {"kubernetes.io/hostname": name, "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64"}
    taint = {"key": "nvidia.com/gpu", "value": "present", "effect": "NoSchedule"}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "annotations": {"kwok.x-k8s.io/node": "fake"},
            "labels": labels | ({"nvidia.com/gpu.product": "NVIDIA-H200"} if more else {}),
        },
        "spec": {"taints": [taint] if more else []},
        "status": {"capacity": capacity, "allocatable": capacity},
    }


def free_ports(count: int) -> list[int]:
    """Ports of the loopback address that nobody listens on."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def write_key(path: Path) -> Path:
    """A key by which service accounts' tokens are signed."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption())
    path.write_bytes(key.private_bytes(*form))
    return path


def write_kubeconfig(path: Path, server: str) -> Path:
    """What kubectl and all programs of the cluster read."""
    path.write_text(
        yaml.safe_dump(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "clusters": [
                    {"name": "t", "cluster": {"server": f"https://{server}", "insecure-skip-tls-verify": True}}
                ],
                "users": [{"name": "t", "user": {"token": TOKEN}}],
                "contexts": [{"name": "t", "context": {"cluster": "t", "user": "t"}}],
                "current-context": "t",
            }
        )
    )
    path.chmod(0o600)
    return path


@contextmanager
def running(name: str, command: Command, folder: Path, kubeconfig: Path) -> Iterator[None]:
    """A program that runs until the block ends; what it says lies in the folder."""
    with (folder / f"{name}.log").open("wb") as log:
        environment = os.environ | {"KUBECONFIG": str(kubeconfig)}
        with subprocess.Popen(
            [str(each) for each in command], stdout=log, stderr=log, env=environment, cwd=folder
        ) as process:
            try:
                yield
            finally:
                process.terminate()
                try:
                    process.wait(10)
                except subprocess.TimeoutExpired:
                    process.kill()
