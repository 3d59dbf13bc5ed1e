"""No environment variable may change a decision: the environment carries addresses and secrets only."""

import ast
import dataclasses
import json
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import cluster
from cluster.plan import read_plan
from cluster.policies.in_force import read_policy
from tests.drawn import write_deployment

ADDRESSES = {"BEHOLDEN_KAFKA_BOOTSTRAP", "BEHOLDEN_KAFKA_PASSWORD", "BEHOLDEN_RAY_ADDRESS"}
NAMES = ["POLICY", "DEVICE", "CLUSTER", "MODELS", "THRESHOLD", "WATCHLISTS__SOUGHT__THRESHOLD", "RECOGNISERS", "LIMITS"]
READERS = {
    "cluster/broker/node.py",  # where Java is
    "cluster/broker/state.py",  # which ports may be taken
    "cluster/cli/camera.py",  # a camera's address, which may hold its password
    "cluster/doctor/services.py",  # whether an address was named
    "cluster/folders.py",  # where the user keeps state
    "cluster/ray_local.py",  # Ray's token
    "cluster/kafka_settings.py",  # two of the three that are named
    "cluster/settings.py",  # the third
    "cluster/telemetry/otel_environment.py",  # takes OpenTelemetry's out
    "cluster/telemetry/gpu.py",  # which GPU this process was given
    "indexes/blas.py",  # keeps it from choosing how FAISS multiplies
}
WAYS = {"environ", "environb", "getenv", "getenvb", "expandvars", "envvar", "auto_envvar_prefix"}
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
    """Only Kafka's and Ray's address may differ; Kafka's password is no part of either."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ADDRESSES:
            patch.delenv(name, raising=False)
        plain, policy = read_plan(file), read_policy(file.parent / "policy.yaml")
        for name, value in environment.items():
            patch.setenv(name, value)
        found = read_plan(file)
        assert read_policy(file.parent / "policy.yaml") == policy == found.in_force
    kafka = dataclasses.replace(found.settings.kafka, bootstrap=plain.settings.kafka.bootstrap)
    settings = dataclasses.replace(found.settings, kafka=kafka, ray=plain.settings.ray)
    assert dataclasses.replace(found, settings=settings) == plain
    assert found.context == plain.context


def test_what_decides_never_looks_at_the_environment() -> None:
    """Only files that find addresses, folders, secrets and other programs do; the settings read the three named."""
    root = Path(str(cluster.__file__)).parent.parent
    files = [path for folder in ("operators", "indexes", "cluster") for path in root.glob(f"{folder}/**/*.py")]
    assert len(files) > 100
    named = {path: text for path in files if any(way in (text := path.read_text()) for way in WAYS)}
    readers = {str(path.relative_to(root)) for path, text in named.items() if _reads_environment(text)}
    assert readers == READERS
    texts = [(root / f"cluster/{name}.py").read_text() for name in ("kafka_settings", "settings")]
    assert set(re.findall(r"BEHOLDEN_\w+", "".join(texts))) == ADDRESSES


@pytest.mark.parametrize(
    ("source", "reads"),
    [
        ("import os\nfloor = os.environ['FLOOR']", True),
        ("import os\nfloor = os.environ.get('FLOOR', 0.5)", True),
        ("import os as o\nfloor = o.getenv('FLOOR')", True),
        ("from os import environ as e", True),
        ("import os\nfor name in os.environb: pass", True),
        ("import os\npath = os.path.expandvars('$FLOOR')", True),
        ("import click\n@click.option('--floor', envvar='FLOOR')\ndef run(floor): pass", True),
        ("import click\nrun(auto_envvar_prefix='BEHOLDEN')", True),
        ("import os\nos.environ['ORT_DISABLE_TELEMETRY'] = '1'", False),
        ("environment = {}\nfloor = environment.get('FLOOR')", False),
    ],
)
def test_whoever_looked_would_be_found(source: str, reads: bool) -> None:
    """Under whichever name; a variable that is set for a library is not read."""
    assert _reads_environment(source) is reads


def _reads_environment(source: str) -> bool:
    nodes = list(ast.walk(ast.parse(source)))
    set_ = {id(node.value) for node in nodes if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store)}
    return any(id(node) not in set_ and WAYS & _names(node) for node in nodes)


def _names(node: ast.AST) -> set[str]:
    """What a piece of code refers to by name."""
    if isinstance(node, ast.Attribute):
        return {node.attr}
    if isinstance(node, ast.ImportFrom):
        return {alias.name for alias in node.names}
    return {node.arg or ""} if isinstance(node, ast.keyword) else set()
