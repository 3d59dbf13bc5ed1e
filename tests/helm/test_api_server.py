"""The chart on a real Kubernetes API server with KubeRay's operator: installed, upgraded, rolled back and removed."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from helm.tools.examples import CHART, EXAMPLES, NAMESPACE
from tests.helm.api_server import Cluster, a_cluster

pytestmark = pytest.mark.chart

EXAMPLE = EXAMPLES / "gpu-h200" / "values.yaml"
RELEASE = "beholden"
WHERE = ("--namespace", NAMESPACE)
CLIENT_SIDE = "--server-side=false"  # how Helm 3 does it: the autoscaler, too, writes into a list of the RayCluster
OWN = 5  # of each namespace a ConfigMap with its authority's certificate and a ServiceAccount; and the claim
MODELS: dict[str, Any] = {"accessModes": ["ReadOnlyMany"], "storageClassName": ""}
# What whoever installs the example has made: two namespaces, a class of nodes' runtimes, and a volume with models.
THERE: list[dict[str, Any]] = [
    {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": NAMESPACE, "labels": {"pod-security.kubernetes.io/enforce": "restricted"}},
    },
    {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "kafka"}},
    {
        "apiVersion": "node.k8s.io/v1",
        "kind": "RuntimeClass",
        "metadata": {"name": "nvidia"},
        "handler": "nvidia",
    },
    {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": "models"},
        "spec": MODELS | {"capacity": {"storage": "1Gi"}, "hostPath": {"path": "/models"}},
    },
    {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "models", "namespace": NAMESPACE},
        "spec": MODELS | {"resources": {"requests": {"storage": "1Gi"}}, "volumeName": "models"},
    },
]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A Kubernetes whose namespace admits nothing that breaks the restricted Pod Security Standard."""
    with a_cluster(tmp_path_factory.mktemp("kubernetes")) as kubernetes:
        for each in THERE:
            kubernetes.kubectl("create", "--filename", "-", given=each)
        yield kubernetes


@pytest.fixture(scope="module")
def before(cluster: Cluster) -> set[str]:
    """What the namespace holds before anything is installed."""
    cluster.wait(lambda: len(everything(cluster)) >= OWN, "two namespaces' own objects")
    return everything(cluster)


@pytest.fixture(scope="module")
def installed(cluster: Cluster, before: set[str]) -> Cluster:
    """The chart, with pods for the head, every recogniser and every shard."""
    del before
    cluster.helm("install", RELEASE, str(CHART), *WHERE, "--values", str(EXAMPLE), CLIENT_SIDE)
    least = sum(group["minReplicas"] for group in ray_cluster(cluster)["spec"]["workerGroupSpecs"])
    cluster.wait(lambda: len(pods(cluster, "--selector", "ray.io/cluster")) > least, "pods of the RayCluster")
    cluster.wait(lambda: all(each["status"].get("phase") == "Running" for each in pods(cluster)), "running pods")
    return cluster


def everything(cluster: Cluster) -> set[str]:
    """Every object of the two namespaces that can be listed, but for what only tells of others."""
    kinds = cluster.kubectl("api-resources", "--verbs", "list,delete", "--namespaced", "--output", "name").split()
    told = {"events", "events.events.k8s.io", "leases.coordination.k8s.io"}
    listed = (
        cluster.kubectl("get", ",".join(set(kinds) - told), "--namespace", namespace, "--output", "name")
        for namespace in (NAMESPACE, "kafka")
    )
    return {f"{number}: {name}" for number, names in enumerate(listed) for name in names.split()}


def pods(cluster: Cluster, *more: str) -> list[dict[str, Any]]:
    """Pods of the namespace."""
    return cluster.get("pods", "--namespace", NAMESPACE, *more)


def ray_cluster(cluster: Cluster) -> dict[str, Any]:
    """The one RayCluster."""
    (found,) = cluster.get("rayclusters", "--namespace", NAMESPACE)
    return found


def uids(found: list[dict[str, Any]]) -> set[str]:
    """What tells pods of one name apart."""
    return {each["metadata"]["uid"] for each in found}


def lost(said: Any, kept: Any, place: str = "") -> Iterator[str]:
    """What was said and is not there, by place."""
    if isinstance(said, dict):
        for key, each in said.items():
            if not isinstance(kept, dict) or key not in kept:
                yield f"{place}.{key}"
            else:
                yield from lost(each, kept[key], f"{place}.{key}")
    elif isinstance(said, list):
        if not isinstance(kept, list) or len(said) != len(kept):
            yield place
        else:
            for index, pair in enumerate(zip(said, kept, strict=True)):
                yield from lost(*pair, f"{place}[{index}]")


def test_lost_fields_are_told_by_place() -> None:
    """So that an empty answer below means something."""
    assert list(lost({"a": [{"b": 1, "c": 2}]}, {"a": [{"b": 1}]})) == [".a[0].c"]


def test_no_field_of_any_object_was_left_out_in_silence(installed: Cluster) -> None:
    """The API server prunes what a definition does not know; a security setting would be gone without a word."""
    said = list(yaml.safe_load_all(installed.helm("get", "manifest", RELEASE, "--namespace", NAMESPACE)))
    assert len(said) > 10
    gone = []
    for each in filter(None, said):
        where = ("--namespace", each["metadata"].get("namespace", NAMESPACE))
        kind = f"{each['kind']}.{each['apiVersion'].rpartition('/')[0]}".rstrip(".")
        (kept,) = installed.get(kind, each["metadata"]["name"], *where)
        gone += [f"{each['kind']}{place}" for place in lost(without_nothing(each), kept)]
    assert gone == []


def without_nothing(said: Any) -> Any:
    """Without what is said to be empty or nothing, which an API server need not keep."""
    if isinstance(said, dict):
        return {key: without_nothing(each) for key, each in said.items() if each not in (None, {}, [], "", 0, False)}
    if isinstance(said, list):
        return [without_nothing(each) for each in said]
    return said


def test_workers_ask_for_gpus_and_nobody_else_does(installed: Cluster) -> None:
    """As the values say, on the node that has them."""
    for each in pods(installed):
        asked = [
            container["resources"].get("limits", {}).get("nvidia.com/gpu") for container in each["spec"]["containers"]
        ]
        is_worker = each["metadata"]["labels"].get("ray.io/group") == "recognisers"
        assert any(asked) == is_worker
        assert not is_worker or each["spec"]["nodeName"] == "gpu"


def test_every_ray_container_has_the_token_and_probes(installed: Cluster) -> None:
    """The token comes from a Secret; the probes are the chart's, which need no dashboard."""
    found = pods(installed, "--selector", "ray.io/cluster")
    assert len(found) > 2
    for each in found:
        ray = each["spec"]["containers"][0]
        environment = {variable["name"]: variable for variable in ray["env"]}
        assert environment["RAY_AUTH_MODE"]["value"] == "token"
        assert environment["RAY_AUTH_TOKEN"]["valueFrom"]["secretKeyRef"]["key"] == "auth_token"
        assert {"grpc"} <= set(ray["livenessProbe"]) & set(ray["readinessProbe"])


def test_policies_of_the_network_cover_every_pod(installed: Cluster) -> None:
    """One that no policy selects could speak to anybody."""
    policies = [each["spec"] for each in installed.get("networkpolicies", "--namespace", NAMESPACE)]
    for each in pods(installed):
        labels = each["metadata"]["labels"].items()
        chosen = [one for one in policies if one["podSelector"].get("matchLabels", {}).items() <= labels]
        assert {kind for one in chosen for kind in one["policyTypes"]} == {"Ingress", "Egress"}


def test_an_upgrade_with_another_policy_restarts_no_gpu_worker(installed: Cluster, tmp_path: Path) -> None:
    """Nor the head, nor a worker that Ray's autoscaler added: the controller alone starts anew. A rollback, too."""
    add_worker(installed)
    replicas = ray_cluster(installed)["spec"]["workerGroupSpecs"][0]["replicas"]
    workers, controller = uids(pods(installed, "--selector", "ray.io/cluster")), controllers_uids(installed)
    settings = settings_of(installed)
    upgrade(installed, tmp_path)
    installed.wait(lambda: controllers_uids(installed).isdisjoint(controller), "another controller")
    assert settings_of(installed) != settings
    assert uids(pods(installed, "--selector", "ray.io/cluster")) == workers
    second = controllers_uids(installed)
    installed.helm("rollback", RELEASE, "1", *WHERE, CLIENT_SIDE)
    installed.wait(lambda: controllers_uids(installed).isdisjoint(second), "the controller of before")
    assert settings_of(installed) == settings
    assert uids(pods(installed, "--selector", "ray.io/cluster")) == workers
    assert ray_cluster(installed)["spec"]["workerGroupSpecs"][0]["replicas"] == replicas


def test_helm_4s_own_way_is_refused_once_the_autoscaler_has_written(installed: Cluster, tmp_path: Path) -> None:
    """So the notes are right to ask for the other: two may not write one list."""
    add_worker(installed)
    with pytest.raises(AssertionError, match=r"conflict with .*\.spec\.workerGroupSpecs"):
        upgrade(installed, tmp_path, "--server-side=true")


def add_worker(cluster: Cluster) -> None:
    """Ask for one more recogniser's pod, as Ray's autoscaler does, and wait until it runs."""
    there = len(pods(cluster, "--selector", "ray.io/cluster"))
    more = ray_cluster(cluster)["spec"]["workerGroupSpecs"][0]["replicas"] + 1
    patch = [{"op": "replace", "path": "/spec/workerGroupSpecs/0/replicas", "value": more}]
    cluster.kubectl("patch", "raycluster", RELEASE, *WHERE, "--type", "json", "--patch", json.dumps(patch))
    cluster.wait(lambda: len(pods(cluster, "--selector", "ray.io/cluster")) > there, "one more pod")


def upgrade(cluster: Cluster, folder: Path, how: str = CLIENT_SIDE) -> None:
    """Upgrade the release to a policy with another number."""
    values = yaml.safe_load(EXAMPLE.read_text())
    release = json.loads(values["policy"]["release"])
    release["policy"]["policy"] += 1
    values["policy"]["release"] = json.dumps(release)
    (folder / "values.yaml").write_text(json.dumps(values))
    changed = ("--values", str(folder / "values.yaml"))
    cluster.helm("upgrade", RELEASE, str(CHART), *WHERE, *changed, how)


def controllers_uids(cluster: Cluster) -> set[str]:
    """The controller's pods."""
    return uids(pods(cluster, "--selector", "app.kubernetes.io/component=controller"))


def settings_of(cluster: Cluster) -> dict[str, str]:
    """What the settings' ConfigMap holds."""
    (found,) = cluster.get("configmap", f"{RELEASE}-settings", "--namespace", NAMESPACE)
    return dict(found["data"])


def test_nothing_is_left_when_it_is_uninstalled(installed: Cluster, before: set[str]) -> None:
    """Not what the operator made either. Topics stay: what they hold is to be deleted in order, not by accident."""
    topics = {each for each in everything(installed) if "kafkatopic." in each}
    assert topics
    installed.helm("uninstall", RELEASE, *WHERE)
    installed.wait(lambda: everything(installed) <= before | topics, f"nothing but {sorted(before | topics)}")
    assert everything(installed) == before | topics
    kinds = installed.kubectl("api-resources", "--verbs", "list", "--namespaced=false", "--output", "name").split()
    kinds = [kind for kind in kinds if not kind.startswith("componentstatuses")]
    owned = ("--selector", f"app.kubernetes.io/instance={RELEASE}", "--output", "name")
    assert installed.kubectl("get", ",".join(kinds), *owned) == ""
