"""The files in configs/ are accepted as they are, and say what they are for."""

import hashlib
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from cluster.plan import Plan, read_plan
from cluster.settings import read_cluster
from cluster.shards.layout import Layout
from cluster.strict_yaml import read
from operators.models import People, read_model
from operators.retention import RetentionProfile

ROOT = Path(__file__).resolve().parents[2]
CONFIGS = ROOT / "configs"
CLUSTERS = sorted((CONFIGS / "clusters").glob("*.yaml"))


def plan(name: str) -> Plan:
    """A cluster file with all that it names."""
    return read_plan(CONFIGS / "clusters" / f"{name}.yaml")


@pytest.mark.parametrize("file", CLUSTERS, ids=lambda file: file.stem)
def test_a_cluster_file_is_accepted_with_its_policy_and_manifests(file: Path) -> None:
    """A policy's deployment is named as its file is, up to the number."""
    found = read_plan(file)
    policy = found.in_force.policy
    assert found.settings.policy.stem == f"{policy.deployment}-{policy.policy}"


def test_every_policy_is_in_a_cluster_file() -> None:
    """Or nothing would check it."""
    named = {read_plan(file).settings.policy.resolve() for file in CLUSTERS}
    assert named == set((CONFIGS / "policies").glob("*.yaml"))


def test_the_demonstration_has_its_models_beside_it() -> None:
    """The very bytes that its policy names; they know only people who do not exist, and see no other."""
    found = plan("demo")
    for manifest in (found.detector, found.embedder):
        assert manifest.people is People.SYNTHETIC
        assert read_model(manifest, found.settings.models.files)
    assert found.in_force.policy.people is People.SYNTHETIC


def test_volunteers_are_seen_by_models_that_know_people() -> None:
    """Their files are not in the repository."""
    found = plan("volunteers")
    assert {found.in_force.policy.people, found.detector.people, found.embedder.people} == {People.REAL}
    assert found.settings.models.files.resolve() == CONFIGS.parent / "models"


def test_a_measurement_that_a_manifest_names_is_the_one_that_is_here() -> None:
    """Measured anew, its digest goes into the manifests of both models."""
    found = hashlib.sha256((CONFIGS.parent / "docs" / "evaluation" / "demo-1.json").read_bytes()).hexdigest()
    assert {manifest.evaluation for manifest in (plan("demo").detector, plan("demo").embedder)} == {found}


def test_a_shipped_policy_keeps_things_as_the_profile_that_it_names() -> None:
    """The profile has a source for each number; what counts is what the policy says, since that is signed."""
    for file in CLUSTERS:
        found = read_plan(file).in_force.policy.retention
        assert found == read(CONFIGS / "retention" / f"{found.profile}.yaml", RetentionProfile)


def test_what_the_page_on_pods_shows_of_a_cluster_file_can_be_read(write_document: Any) -> None:
    """Beside what every cluster file has."""
    [shown] = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs" / "pods.md").read_text(), re.DOTALL)
    others = {"cluster": "shown", "policy": "p.yaml", "models": {"manifests": "m", "files": "f"}}
    found = read_cluster(write_document(others | yaml.safe_load(shown)), {})
    assert found.index.layout == Layout(2, 2)
    assert (found.recognisers.resources, found.supervisor.resources) == ({"recogniser": 1}, {"controller": 1})
