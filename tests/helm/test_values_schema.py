"""What the values' schema refuses: a slip of the hand, a number out of range, and a secret that is written down."""

import json
from typing import Any

import jsonschema
import pytest
import yaml

from helm.tools.examples import CHART

VALUES = (CHART / "values.yaml").read_text()
SCHEMA: dict[str, Any] = json.loads((CHART / "values.schema.json").read_text())


def with_value(place: str, value: object) -> dict[str, Any]:
    """The chart's own values with another one somewhere, or one more."""
    values: dict[str, Any] = yaml.safe_load(VALUES)
    *above, last = place.split(".")
    under: Any = values
    for part in above:
        under = under.setdefault(part, {})
    under[last] = value
    return values


def faults(values: dict[str, Any]) -> list[str]:
    """Where values break the schema."""
    validator = jsonschema.validators.validator_for(SCHEMA)(SCHEMA)
    return [".".join(map(str, error.absolute_path)) or error.message for error in validator.iter_errors(values)]


def test_the_charts_own_values_fit() -> None:
    """So that what is refused below is refused for what was changed."""
    assert faults(yaml.safe_load(VALUES)) == []


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("recognizers", {"count": 2}),
        ("recognisers.cuont", 2),
        ("networkPolicy.enable", False),
        ("policy.threshold", 0.7),
        ("kafka.users.cluster.pasword", "x"),
        ("extraEnv", [{"name": "BEHOLDEN_THRESHOLD", "value": "0.5"}]),
    ],
)
def test_what_the_chart_does_not_know_is_refused(place: str, value: object) -> None:
    """Silence would leave somebody in the belief that it is so; and no variable may decide about anybody."""
    assert faults(with_value(place, value))


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("kafka.users.cluster.password", "hunter2"),
        ("kafka.users.cluster.existingSecret", {"password": "hunter2"}),
        ("keys.evidence", "00" * 32),
        ("keys.existingSecret", "00" * 32 + " "),
        ("ray.auth.token", "hunter2"),
        ("ray.gcs.redisPassword", "hunter2"),
        ("ray.gcs.redisAddress", "redis://:hunter2@redis:6379"),
        ("telemetry.traces.otlp", "http://user:hunter2@collector:4318"),
        ("image.repository", "user:hunter2@registry/beholden"),
    ],
)
def test_a_secret_that_is_written_down_is_refused(place: str, value: object) -> None:
    """Values are kept by Helm in clear, and by whoever keeps values."""
    assert faults(with_value(place, value))


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("device", "gpu"),
        ("recognisers.count", 0),
        ("recognisers.count", 1.5),
        ("index.replicas", 0),
        ("kafka.protocol", "SASL_PLAINTEXT"),
        ("delivery", "at-most-once"),
        ("telemetry.traces.share", 1.5),
        ("networkPolicy.apiServerPorts", []),
        ("kuberay.minVersion", "1.6"),
        ("image.digest", "sha256:abc"),
        ("ray.drainSeconds", 5),
        ("kafka.strimzi.users", ["cluster", "everybody"]),
    ],
)
def test_a_value_that_cannot_be_is_refused_where_it_stands(place: str, value: object) -> None:
    """By its place, so that it is found in a long file."""
    assert [each for each in faults(with_value(place, value)) if each.startswith(place)]
