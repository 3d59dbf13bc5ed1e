"""No environment variable may change a decision: the environment carries addresses and secrets only."""

import dataclasses
import json
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import cluster
from cluster.plan import read_plan
from cluster.policy import read_policy
from tests.drawn import write_deployment

ADDRESSES = {"BEHOLDEN_KAFKA_BOOTSTRAP", "BEHOLDEN_KAFKA_PASSWORD", "BEHOLDEN_RAY_ADDRESS"}
NAMES = ["POLICY", "DEVICE", "CLUSTER", "MODELS", "THRESHOLD", "WATCHLISTS__SOUGHT__THRESHOLD", "RECOGNISERS", "LIMITS"]
ENVIRONMENTS = st.dictionaries(
    st.sampled_from([f"BEHOLDEN_{name}" for name in NAMES] + [name.lower() for name in NAMES] + sorted(ADDRESSES)),
    st.sampled_from(["0.1", "cuda", "/elsewhere", "true", "other:1"]),
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """The cluster file of a deployment of drawn people."""
    path = tmp_path / "cluster.yaml"
    path.write_text(json.dumps({"cluster": "drawn", **write_deployment(tmp_path)}))
    return path


@settings(max_examples=15)
@given(environment=ENVIRONMENTS)
def test_policy_and_plan_are_the_same_in_any_environment(file: Path, environment: dict[str, str]) -> None:
    """Only Kafka's address, its password and Ray's address may differ."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ADDRESSES:
            patch.delenv(name, raising=False)
        plain, policy = read_plan(file), read_policy(file.parent / "policy.yaml")
        for name, value in environment.items():
            patch.setenv(name, value)
        found = read_plan(file)
        assert read_policy(file.parent / "policy.yaml") == policy == found.in_force
    kafka = dataclasses.replace(
        found.settings.kafka, bootstrap=plain.settings.kafka.bootstrap, security=plain.settings.kafka.security
    )
    settings = dataclasses.replace(found.settings, kafka=kafka, ray=plain.settings.ray)
    assert dataclasses.replace(found, settings=settings) == plain
    assert found.context == plain.context
    assert dataclasses.replace(found.settings.kafka.security, password=None) == plain.settings.kafka.security


def test_the_layers_that_decide_never_look_at_the_environment() -> None:
    """They read no variable (one is set, for onnxruntime); the settings read the three that are named."""
    root = Path(str(cluster.__file__)).parent.parent
    deciding = [*root.glob("operators/*.py"), *root.glob("indexes/*.py"), *root.glob("cluster/wire/*.py")]
    deciding += [root / "cluster" / f"{name}.py" for name in ("policy", "plan", "pipeline", "enrol", "strict_yaml")]
    readers = [path.name for path in deciding if re.search(r"os\.environ(?!\[[^]]+\] = )|getenv", path.read_text())]
    assert len(deciding) > 20
    assert readers == []
    assert set(re.findall(r"BEHOLDEN_\w+", (root / "cluster/settings.py").read_text())) == ADDRESSES
