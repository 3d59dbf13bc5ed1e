import copy
from importlib.resources import files
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from cluster.policies.schema import policy_schema, render
from cluster.strict_yaml import load
from tests.builders import policy_document

SCHEMA = Draft202012Validator(policy_schema())
POLICIES = sorted((Path(__file__).resolve().parents[3] / "configs" / "policies").glob("*.yaml"))


def test_the_schema_that_is_shipped_is_that_of_the_dataclasses() -> None:
    """`python -m cluster.policies.schema` writes it anew."""
    assert files("cluster.schemas").joinpath("policy.schema.json").read_text() == render()
    Draft202012Validator.check_schema(policy_schema())


@pytest.mark.parametrize("file", POLICIES, ids=lambda file: file.stem)
def test_the_policies_that_are_shipped_are_valid(file: Path) -> None:
    """As they are read."""
    SCHEMA.validate(load(file))


def test_what_the_reader_does_not_know_the_schema_does_not_know_either() -> None:
    """Missing and unknown keys, and values of other kinds, in any part."""
    SCHEMA.validate(policy_document())
    for part in ((), ("detect",), ("watchlists", "sought"), ("public_engagement",), ("hours",)):
        for change in ("unknown", "missing", "kind"):
            document = copy.deepcopy(policy_document())
            inner = document
            for key in part:
                inner = inner[key]
            name = next(iter(inner))
            inner["another" if change == "unknown" else name] = [None]
            if change == "missing":
                del inner[name]
            assert not SCHEMA.is_valid(document), (part, change)
