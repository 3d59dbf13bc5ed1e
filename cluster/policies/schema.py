"""The JSON Schema of a policy, made from the dataclasses: `python -m cluster.policies.schema` writes it anew.

It says which keys there are and of what kind. What values mean together, such as a floor that no threshold may be
below, only the reader knows: `beholden policy check`.
"""

import json
from pathlib import Path
from typing import Any

from cluster import schemas
from cluster.strict_yaml import schema
from operators.policy import Policy

FILE = Path(str(schemas.__file__)).with_name("policy.schema.json")


def policy_schema() -> dict[str, Any]:
    """The schema, draft 2020-12."""
    about = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "beholden policy"}
    return {**schema(Policy), **about}


def render() -> str:
    """As it stands in the file."""
    return json.dumps(policy_schema(), indent=2) + "\n"


if __name__ == "__main__":
    FILE.write_text(render())
