"""Closed schemas out of custom resource definitions."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests.helm.schemas import STRIMZI, closed, write_schemas

FIELD: dict[str, Any] = {"type": "object", "properties": {"known": {"type": "string"}}}


def accepts(schema: dict[str, Any], value: object) -> bool:
    """Whether a value fits a schema."""
    return bool(jsonschema.Draft202012Validator(schema).is_valid(value))


@pytest.mark.parametrize(
    "schema",
    [
        FIELD,
        {"type": "array", "items": FIELD},
        {"type": "object", "additionalProperties": FIELD},
    ],
    ids=["an object", "a list of objects", "a map of objects"],
)
def test_a_field_that_no_definition_names_is_an_error_at_any_depth(schema: dict[str, Any]) -> None:
    """The API server would leave it out without a word."""
    wrap = {"array": lambda value: [value], "object": lambda value: value if schema is FIELD else {"any": value}}
    put = wrap[schema["type"]]
    assert accepts(closed(schema), put({"known": "x"}))
    assert not accepts(closed(schema), put({"known": "x", "knwon": "x"}))
    assert accepts(schema, put({"known": "x", "knwon": "x"}))  # so it is the closing that tells


def test_a_field_that_keeps_what_it_does_not_know_stays_open() -> None:
    """The API server keeps it as well."""
    assert accepts(closed(FIELD | {"x-kubernetes-preserve-unknown-fields": True}), {"other": 1})


def test_an_object_of_which_nothing_is_said_holds_nothing() -> None:
    """Labels of a pod's template were lost so, where a definition says `metadata: {type: object}`."""
    assert not accepts(closed({"type": "object"}), {"labels": {}})
    assert accepts(closed({"type": "object", "additionalProperties": {"type": "string"}}), {"labels": "any"})


def test_numbers_that_may_be_text_are_both() -> None:
    """Kubernetes marks such a field, in place of a type."""
    schema = closed({"x-kubernetes-int-or-string": True, "anyOf": [{"type": "integer"}, {"type": "string"}]})
    assert accepts(schema, 1)
    assert accepts(schema, "25%")
    assert not accepts(schema, 0.5)


def test_strimzis_own_definitions_refuse_a_misspelt_retention(tmp_path: Path) -> None:
    """They are what its generator makes of its Java types."""
    write_schemas([STRIMZI], tmp_path)
    schema = json.loads((tmp_path / "kafkatopic-kafka.strimzi.io-v1.json").read_text())
    topic = {
        "apiVersion": "kafka.strimzi.io/v1",
        "kind": "KafkaTopic",
        "metadata": {"name": "frames"},
        "spec": {"partitions": 8, "replicas": 3, "config": {"retention.ms": "60000"}},
    }
    assert accepts(schema, topic)
    assert not accepts(schema, topic | {"spec": {"partitoins": 8}})
