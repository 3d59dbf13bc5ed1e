"""What pods are told is what the program reads and what configs/ says: policy, cluster file, topics and alarms."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from cluster.kafka.admin import _topics
from cluster.policies.files import policy_in, read_named
from cluster.settings import ClusterSettings, read_cluster
from cluster.wire.release import Release
from helm.files import copies
from helm.tools.examples import names
from tests.helm.manifests import of_kind

CONFIGS = Path(__file__).resolve().parents[2] / "configs"


def settings(example: str) -> dict[str, str]:
    """The files of an example's settings, by name."""
    (found,) = [each for each in of_kind(example, "ConfigMap") if each["metadata"]["name"].endswith("-settings")]
    return dict(found["data"])


def unpacked(example: str, folder: Path) -> Path:
    """The same as pods see them: clusters and policies side by side; the folder of clusters."""
    (folder / "clusters").mkdir()
    (folder / "policies").mkdir()
    for name, text in settings(example).items():
        (folder / ("policies" if name[0].isdigit() else "clusters") / name).write_text(text)
    return folder / "clusters"


def read(example: str, folder: Path) -> ClusterSettings:
    """The cluster file of recognisers and the controller, as the program reads it."""
    return read_cluster(unpacked(example, folder) / "cluster.yaml", {})


def test_the_demonstrations_policy_arrives_word_for_word() -> None:
    """Its digest is part of every alert, so a blank too many would be another policy."""
    assert settings("minimal-cpu")["1.yaml"].strip() == (CONFIGS / "policies" / "demo-1.yaml").read_text().strip()


@pytest.mark.parametrize("example", names())
def test_every_cluster_file_is_one_that_the_program_reads(example: str, tmp_path: Path) -> None:
    """Each user's of Kafka: an unknown key is an error there."""
    folder = unpacked(example, tmp_path)
    files = sorted(folder.iterdir())
    assert "cluster.yaml" in [path.name for path in files]
    assert len({read_cluster(path, {}).cluster for path in files}) == 1


@pytest.mark.parametrize("example", names())
def test_the_policy_is_one_that_the_program_reads(example: str, tmp_path: Path) -> None:
    """Found where the cluster file says it is."""
    found = read(example, tmp_path)
    assert policy_in(read_named(found.policy)).policy.policy > 0


@pytest.mark.parametrize("example", [name for name in names() if of_kind(name, "KafkaTopic")])
def test_topics_are_made_as_the_program_makes_them(example: str, tmp_path: Path) -> None:
    """So neither changes what the other made, and nothing is kept longer than the policy says."""
    made = of_kind(example, "KafkaTopic")
    found = read(example, tmp_path)
    named = read_named(found.policy)
    profile = named.retention(datetime.now(UTC)) if isinstance(named, Release) else named.policy.retention
    program = _topics(found.kafka, profile)
    specs = {each["spec"]["topicName"]: each["spec"] for each in made}
    assert {name: spec["config"] for name, spec in specs.items()} == {
        name: spec["configs"] for name, spec in program.items()
    }
    assert {name: (spec["partitions"], spec["replicas"]) for name, spec in specs.items()} == {
        name: (spec["num_partitions"], spec["replication_factor"]) for name, spec in program.items()
    }


def test_every_profile_keeps_the_ledger_alike() -> None:
    """The chart refuses less than the profile's, and the file names its profile: no profile may be a way around."""
    profiles = [yaml.safe_load(path.read_text()) for path in (CONFIGS / "retention").glob("*.yaml")]
    assert len(profiles) > 1
    assert {each["ledger"]["keep"] for each in profiles} == {"730 d"}


def test_files_of_the_chart_are_those_of_configs() -> None:
    """A chart reads its own folder alone, so it has copies."""
    pairs = list(copies())
    assert len(pairs) > 5
    assert [target.name for source, target in pairs if source.read_bytes() != target.read_bytes()] == [], (
        "copies are older than configs/: make examples"
    )


@pytest.mark.parametrize("example", [name for name in names() if of_kind(name, "PrometheusRule")])
def test_every_alarm_reaches_prometheus_operator(example: str) -> None:
    """Each rule of configs/telemetry, expressions untouched by Helm's templates."""
    (rule,) = of_kind(example, "PrometheusRule")
    alarms = yaml.safe_load((CONFIGS / "telemetry" / "beholden.rules.yaml").read_text())
    assert rule["spec"]["groups"] == alarms["groups"]
