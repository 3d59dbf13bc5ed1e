"""Every pod of every example against the restricted Pod Security Standard and a linter, and against our own rules."""

import functools
import json

import pytest
import yaml

from helm.tools.examples import NAMESPACE, names
from tests.helm.manifests import Manifest, containers, manifests, of_kind, pods
from tests.helm.needed import answered, needed, ran, rendered

PERFECT = 10  # kube-score's best grade

ALL_PODS = [pytest.param(pod, id=f"{example}: {place}") for example in names() for place, pod in pods(example)]
# What kube-score would have and we do not, each with the reason.
EXCEPTIONS: dict[str, str] = {
    "container-image-pull-policy": "an image's version or digest never comes to mean something else",
    "container-resources": "CPU limits throttle Ray's heartbeats until nodes count as lost; memory has a test here",
    "container-ephemeral-storage-request-and-limit": "nothing is written to a disk, but to memory alone",
}


@pytest.mark.chart
@pytest.mark.parametrize("example", names())
def test_pods_keep_the_restricted_standard(example: str) -> None:
    """Judged by the code of the admission plugin, groups of the RayCluster included."""
    said = ran([needed("charts", "podsecurity"), "restricted"], rendered(example))
    assert "pods keep the standard" in said


@pytest.mark.parametrize("pod", ALL_PODS)
def test_a_container_cannot_write_where_it_was_not_told_to(pod: Manifest) -> None:
    """The root is read-only; what is written lies in named volumes."""
    assert [each["name"] for each in containers(pod) if not each["securityContext"].get("readOnlyRootFilesystem")] == []


@pytest.mark.parametrize("pod", ALL_PODS)
def test_a_pod_mounts_no_token_of_its_service_account(pod: Manifest) -> None:
    """What needs one, Ray's autoscaler alone, is given it by a projected volume."""
    assert pod["spec"]["automountServiceAccountToken"] is False


@pytest.mark.parametrize("pod", ALL_PODS)
def test_what_lies_in_tmp_and_shared_memory_lies_in_memory(pod: Manifest) -> None:
    """Faces and vectors pass there; they must not reach a disk. Every container mounts /tmp, Ray's /dev/shm as well."""
    in_memory = {each["name"] for each in pod["spec"]["volumes"] if each.get("emptyDir", {}).get("medium") == "Memory"}
    for each in containers(pod):
        mounts = {mount["mountPath"]: mount["name"] for mount in each["volumeMounts"]}
        needed_here = {"/tmp", "/dev/shm"} if "ray" in each["name"] else {"/tmp"}  # noqa: S108
        assert {path for path in needed_here if mounts.get(path) in in_memory} == needed_here, each["name"]


@pytest.mark.parametrize("example", names())
def test_whoever_joins_ray_sees_the_processes_of_the_node_beside_it(example: str) -> None:
    """Ray's driver finds its node among them: without, `beholden up` and `down` wait for it in vain."""
    beside = [
        (place, pod["spec"].get("shareProcessNamespace"))
        for place, pod in pods(example)
        if {"ray", "beholden"} <= {each["name"] for each in containers(pod)}
    ]
    assert [place.partition("/")[0] for place, shared in beside if shared is True] == ["Deployment", "Job"], beside


@pytest.mark.parametrize("example", names())
def test_every_container_says_what_memory_it_may_use(example: str) -> None:
    """A limit equal to its request: what is over it is ended, not its neighbours."""
    for place, pod in pods(example):
        for each in containers(pod):
            resources = each["resources"]
            assert resources["limits"]["memory"] == resources["requests"]["memory"], f"{place}: {each['name']}"


@pytest.mark.parametrize("example", names())
def test_no_secret_is_in_the_chart(example: str) -> None:
    """Keys, passwords and tokens are named, never carried."""
    assert of_kind(example, "Secret") == []


@functools.cache
def findings(example: str) -> dict[str, list[str]]:
    """What kube-score finds in an example, by check; pods of the RayCluster are shown to it as pods."""
    objects = [each for each in manifests(example) if each["kind"] != "RayCluster"]
    objects += [_pod(place, template) for place, template in pods(example) if place.startswith("RayCluster/")]
    command = [needed("score", "kube-score"), "score", "--output-format", "json", "--exit-one-on-warning=false"]
    said = answered([*command, "--kubernetes-version", "v1.30", "-"], yaml.safe_dump_all(objects))
    found: dict[str, list[str]] = {}
    for each in json.loads(said):
        for check in each["checks"] or ():
            if check["grade"] < PERFECT and not check["skipped"]:
                found.setdefault(check["check"]["id"], []).append(f"{each['object_name']}: {check['comments']}")
    return found


def _pod(place: str, template: Manifest) -> Manifest:
    name = place.rpartition("[")[2].rstrip("]").replace(".", "-").replace("/", "-").lower()
    metadata = template["metadata"] | {"name": name, "namespace": NAMESPACE}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"]}


@pytest.mark.chart
@pytest.mark.parametrize("example", names())
def test_a_linter_finds_nothing_but_what_is_excepted(example: str) -> None:
    """kube-score, with a reason for each of its rules that is not ours."""
    assert {check: where for check, where in findings(example).items() if check not in EXCEPTIONS} == {}


@pytest.mark.chart
def test_every_exception_is_still_one() -> None:
    """One that nothing breaks any more is to go."""
    assert set(EXCEPTIONS) <= {check for example in names() for check in findings(example)}
