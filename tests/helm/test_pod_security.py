"""Every pod of every example against the restricted Pod Security Standard and a linter, and against our own rules."""

import json

import pytest

from helm.tools.examples import EXAMPLES, names, template
from tests.helm.manifests import Manifest, containers, of_kind, pods
from tests.helm.needed import needed, ran

ALL_PODS = [pytest.param(pod, id=f"{example}: {place}") for example in names() for place, pod in pods(example)]
# What kube-score would have and we do not, each with the reason.
EXCEPTIONS: dict[str, str] = {
    "container-image-pull-policy": "images are named by digest or version, which never mean something else later",
    "container-resources": "CPU limits are left out: they throttle Ray's heartbeats, and a node then counts as lost",
    "deployment-has-poddisruptionbudget": "one controller; while it moves, recognisers and shards go on",
    "deployment-has-host-podantiaffinity": "one controller has nobody to be kept away from",
    "deployment-replicas": "one controller, started anew elsewhere: two would bring up one cluster",
    "pod-probes": "a job's end is its answer, and a liveness probe that is the readiness probe kills what only waits",
    "label-values": "",
}


@pytest.mark.chart
@pytest.mark.parametrize("example", names())
def test_pods_keep_the_restricted_standard(example: str) -> None:
    """Judged by the code of the admission plugin, groups of the RayCluster included."""
    rendered = ran(template(needed("charts", "helm4"), EXAMPLES / example / "values.yaml"))
    said = ran([needed("charts", "podsecurity"), "restricted"], rendered)
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
    """Faces and vectors pass there; they must not reach a disk."""
    media = {volume["name"]: volume.get("emptyDir", {}).get("medium") for volume in pod["spec"].get("volumes", [])}
    mounts = {mount["mountPath"]: mount["name"] for each in containers(pod) for mount in each.get("volumeMounts", [])}
    assert {path: media[name] for path, name in mounts.items() if path in ("/tmp", "/dev/shm")}.items() <= {  # noqa: S108
        "/tmp": "Memory",  # noqa: S108
        "/dev/shm": "Memory",  # noqa: S108
    }.items()


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


@pytest.mark.chart
@pytest.mark.parametrize("example", names())
def test_a_linter_finds_nothing_but_what_is_excepted(example: str) -> None:
    """kube-score, with a reason for each of its rules that is not ours."""
    command = [needed("score", "kube-score"), "score", "--output-format", "json", "--kubernetes-version", "v1.30", "-"]
    rendered = ran(template(needed("charts", "helm4"), EXAMPLES / example / "values.yaml"))
    ignored = [option for name in EXCEPTIONS for option in ("--ignore-test", name)]
    objects = json.loads(ran([*command[:2], *ignored, *command[2:]], rendered))
    found = [
        f"{each['object_name']}: {check['check']['id']}: {comment['summary']}"
        for each in objects
        for check in each["checks"] or ()
        if check["grade"] < 10 and not check["skipped"]
        for comment in check["comments"] or ({"summary": ""},)
    ]
    assert found == []
