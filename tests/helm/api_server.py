"""A real Kubernetes API server on this machine, without a kubelet: KWOK says of every pod that it runs.

etcd, the API server, the controllers that make and remove pods, the scheduler and KubeRay's operator are the real programs,
built from their Go modules. Nothing runs in the pods. All of it listens on the loopback address alone and ends with the test.
"""

import json
import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
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

WAIT_S = 120.0  # whoever waits so long has failed; all of this shares two cores
TOKEN = "of-a-test"  # noqa: S105
CONTROLLERS = (
    "deployment-controller,replicaset-controller,job-controller,cronjob-controller,garbage-collector-controller,"
    "namespace-controller,serviceaccount-controller,root-ca-certificate-publisher-controller,disruption-controller"
)


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
    """A Kubernetes with KubeRay's operator, Strimzi's and the monitoring operators' kinds, and two nodes of which one has GPUs."""
    etcd, server, manager, scheduler = (
        needed("cluster", name) for name in ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler")
    )
    kwok, operator = needed("cluster", "kwok"), needed("kuberay-1.6", "kuberay-operator")
    definitions = [STRIMZI, needed_definitions("kuberay-1.6"), needed_definitions("monitoring")]
    store, peer, secure, metrics, health, kubelet = (f"127.0.0.1:{port}" for port in free_ports(6))
    (folder / "tokens.csv").write_text(f"{TOKEN},admin,admin,system:masters\n")
    key = write_key(folder / "accounts.key")
    cluster = Cluster(write_kubeconfig(folder / "kubeconfig", secure))
    known = ["--kubeconfig", str(cluster.kubeconfig)]
    with ExitStack() as stack:

        def start(name: str, *command: str | Path) -> None:
            stack.enter_context(running(name, [str(each) for each in command], folder, cluster.kubeconfig))

        start(
            "etcd",
            *(etcd, "--data-dir", folder / "etcd", "--unsafe-no-fsync", "--log-level", "error"),
            *("--listen-client-urls", f"http://{store}", "--advertise-client-urls", f"http://{store}"),
            *("--listen-peer-urls", f"http://{peer}", "--initial-advertise-peer-urls", f"http://{peer}"),
            *("--initial-cluster", f"default=http://{peer}"),
        )
        start(
            "kube-apiserver",
            *(server, "--etcd-servers", f"http://{store}", "--cert-dir", folder / "certificates"),
            *("--bind-address", "127.0.0.1", "--secure-port", secure.rsplit(":")[-1]),
            *("--endpoint-reconciler-type", "none", "--service-cluster-ip-range", "10.0.0.0/24"),
            *("--authorization-mode", "RBAC", "--token-auth-file", folder / "tokens.csv"),
            *("--service-account-issuer", "https://kubernetes.default.svc", "--service-account-key-file", key),
            *("--service-account-signing-key-file", key, "--enable-priority-and-fairness=false"),
        )
        cluster.wait(lambda: "ok" in cluster.kubectl("get", "--raw", "/readyz", may_fail=True), "an API server")
        for each in definitions:
            cluster.kubectl("create", "--filename", str(each))
        cluster.kubectl("wait", "--for", "condition=Established", "crd", "--all", "--timeout", f"{WAIT_S:.0f}s")
        start(
            "kube-controller-manager",
            manager,
            *known,
            "--controllers",
            CONTROLLERS,
            *ELECT_NOBODY,
            "--secure-port",
            "0",
            "--service-account-private-key-file",
            key,
            "--root-ca-file",
            folder / "certificates" / "apiserver.crt",
        )
        start("kube-scheduler", scheduler, *known, *ELECT_NOBODY, "--secure-port", "0")
        start("kwok", kwok, *known, "--manage-all-nodes", "--server-address", kubelet)
        start(
            "kuberay-operator",
            operator,
            "--enable-leader-election=false",
            "--metrics-addr",
            metrics,
            "--health-probe-bind-address",
            health,
        )
        for name, capacity in (("gpu", {"nvidia.com/gpu": "8"}), ("plain", {})):
            cluster.kubectl("create", "--filename", "-", given=node(name, capacity))
        yield cluster


ELECT_NOBODY = ("--leader-elect=false",)


def node(name: str, more: dict[str, str]) -> dict[str, Any]:
    """A node of large machines that are not there."""
    capacity = {"cpu": "64", "memory": "512Gi", "pods": "110", "ephemeral-storage": "1Ti"} | more
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "annotations": {"kwok.x-k8s.io/node": "fake"},
            "labels": {"kubernetes.io/hostname": name, "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64"},
        },
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
def running(name: str, command: Sequence[str], folder: Path, kubeconfig: Path) -> Iterator[None]:
    """A program that runs until the block ends; what it says lies in the folder."""
    with (folder / f"{name}.log").open("wb") as log:
        environment = os.environ | {"KUBECONFIG": str(kubeconfig)}
        with subprocess.Popen(command, stdout=log, stderr=log, env=environment, cwd=folder) as process:
            try:
                yield
            finally:
                process.terminate()
                try:
                    process.wait(10)
                except subprocess.TimeoutExpired:
                    process.kill()
