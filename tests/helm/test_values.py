"""Every value is used, described and in the schema; every value that a template names is offered."""

import functools
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from helm.tools.examples import CHART, document, names, values
from tests.helm.needed import needed
from tests.helm.values_read import described, is_used, leaves, mentioned, spelt_out, unknown

VALUES = (CHART / "values.yaml").read_text()
FILES = [path for path in sorted((CHART / "templates").rglob("*")) if path.suffix in (".yaml", ".tpl", ".txt")]
TEMPLATES = "\n".join(spelt_out(path.read_text()) for path in FILES)
SCHEMA: dict[str, Any] = json.loads((CHART / "values.schema.json").read_text())


def test_reading_tells_used_from_unused_and_offered_from_unknown() -> None:
    """On a chart of three lines, so that the tests below cannot be green for nothing."""
    text = "a:\n  # -- Said.\n  b: 1\n  c: 2\nd: {}\n"
    offered = leaves(text)
    templates = "{{ .Values.a.b }} {{ toYaml $.Values.d.e }} {{ .Values.f }}"
    named = mentioned(templates)
    assert set(offered) == {("a", "b"), ("a", "c"), ("d",)}
    assert [place for place in offered if not is_used(place, templates, named)] == [("a", "c")]
    assert unknown(named, set(offered)) == {("f",)}
    assert [described(text, line) for line in offered.values()] == [True, False, False]


def test_a_value_below_one_that_is_handed_on_counts_only_where_its_name_is_taken() -> None:
    """`include "pod" .Values.head` uses what its template names, and nothing else."""
    templates = '{{ include "pod" .Values.head }} {{ .nodeSelector }}'
    named = mentioned(templates)
    assert is_used(("head", "nodeSelector"), templates, named)
    assert not is_used(("head", "tolerations"), templates, named)


def test_a_variable_that_stands_for_values_is_seen_through() -> None:
    """Templates write `$v := .Values` at their top."""
    assert mentioned(spelt_out("{{- $v := .Values }}{{ $v.a.b }}")) == {("a", "b")}
    assert mentioned(spelt_out("{{- $k := $.Values.kafka -}}{{ $k.name }}")) == {("kafka",), ("kafka", "name")}


def test_a_value_that_is_described_counts_as_one_with_all_below_it() -> None:
    """As resources do, which go to Kubernetes as they are."""
    assert set(leaves("a:\n  # -- Of the pod.\n  resources:\n    limits: {memory: 1Gi}\n")) == {("a", "resources")}


def test_every_value_is_used_by_a_template() -> None:
    """One that is not would be set in vain."""
    named = mentioned(TEMPLATES)
    assert [".".join(place) for place in leaves(VALUES) if not is_used(place, TEMPLATES, named)] == []


def test_every_value_that_a_template_names_is_offered() -> None:
    """A hidden one is nobody's to find."""
    assert unknown(mentioned(TEMPLATES), set(leaves(VALUES))) == set()


def test_every_value_is_described() -> None:
    """In the comment above it, of which helm-docs makes the README's table."""
    assert [".".join(place) for place, line in leaves(VALUES).items() if not described(VALUES, line)] == []


@pytest.mark.chart
def test_the_readme_is_what_helm_docs_makes_of_the_values() -> None:
    """It reads the values' comments."""
    needed("charts", "helm-docs")
    assert (CHART / "README.md").read_text() == document(), "the README is older than the values: make examples"


def _objects(schema: Any, place: str = "") -> dict[str, Any]:
    """Every part of a schema that names fields, by its place."""
    found = {}
    if isinstance(schema, dict):
        if "properties" in schema:
            found[place or "/"] = schema
        for key, each in schema.items():
            found |= _objects(each, f"{place}/{key}")
    return found


def test_the_schema_is_closed_wherever_it_names_fields() -> None:
    """A misspelt value is an error, not a silence."""
    objects = _objects(SCHEMA)
    assert len(objects) > 10
    assert [place for place, each in objects.items() if each.get("additionalProperties") is not False] == []


def test_the_schema_names_the_values_that_there_are_and_no_other() -> None:
    """Both ways, at every depth."""

    def fields(schema: dict[str, Any], place: tuple[str, ...]) -> set[tuple[str, ...]]:
        if "$ref" in schema:
            schema = _resolved(schema["$ref"])
        if "properties" not in schema:
            return {place}
        return {leaf for name, each in schema["properties"].items() for leaf in fields(each, (*place, name))}

    allowed, offered = fields(SCHEMA, ()) - {("global",)}, set(leaves(VALUES))  # Helm itself puts `global` there
    assert _without_counterpart(offered, allowed) == []
    assert _without_counterpart(allowed, offered) == []


def _without_counterpart(these: set[tuple[str, ...]], those: set[tuple[str, ...]]) -> list[str]:
    """What of these is neither above, below nor one of those."""
    return sorted(".".join(this) for this in these if not any(this[: len(that)] == that[: len(this)] for that in those))


def _resolved(reference: str) -> dict[str, Any]:
    found: Any = SCHEMA
    for part in reference.removeprefix("#/").split("/"):
        found = found[part]
    return dict(found)


@pytest.mark.parametrize("example", names())
def test_an_example_says_only_what_the_schema_knows(example: str) -> None:
    """Over the chart's own values, as Helm lays it."""
    said = functools.reduce(
        _laid_over, [yaml.safe_load(text) for text in (VALUES, *map(Path.read_text, values(example)))]
    )
    validator = jsonschema.validators.validator_for(SCHEMA)(SCHEMA)
    assert [error.message for error in validator.iter_errors(said)] == []


def _laid_over(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    both = {key: (below[key], above[key]) for key in above if isinstance(below.get(key), dict)}
    return below | above | {key: _laid_over(old, new) for key, (old, new) in both.items() if isinstance(new, dict)}
