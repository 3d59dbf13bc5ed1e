"""JSON schemas for kubeconform out of custom resource definitions, closed as the API server closes them by pruning."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

Schema = dict[str, Any]

STRIMZI = Path(__file__).resolve().parents[2] / "helm" / "tools" / "strimzi"
# What the definitions leave to the API server, which gives every object the same metadata.
_METADATA = {"apiVersion": {"type": "string"}, "kind": {"type": "string"}, "metadata": {"type": "object"}}


def write_schemas(definitions: Iterable[Path], target: Path) -> None:
    """Write a file for each kind and version of the definitions in some folders, as `LAYOUT` finds them."""
    target.mkdir(parents=True, exist_ok=True)
    for path in (each for folder in definitions for each in sorted(folder.glob("*.yaml"))):
        definition = yaml.safe_load(path.read_text())
        kind = definition["spec"]["names"]["kind"].lower()
        for version in definition["spec"]["versions"]:
            schema = closed(version["schema"]["openAPIV3Schema"])
            schema["properties"] |= _METADATA
            (target / f"{kind}-{definition['spec']['group']}-{version['name']}.json").write_text(json.dumps(schema))


LAYOUT = "{{ .ResourceKind }}-{{ .Group }}-{{ .ResourceAPIVersion }}.json"


def closed(schema: Schema) -> Schema:
    """A schema in which a field that it does not name is an error: the API server would leave it out silently."""
    if schema.get("x-kubernetes-int-or-string"):
        return {"type": ["integer", "string"]}
    result = dict(schema)
    if "items" in schema:
        result["items"] = closed(schema["items"])
    if isinstance(schema.get("additionalProperties"), dict):
        result["additionalProperties"] = closed(schema["additionalProperties"])
    if "properties" in schema:
        result["properties"] = {name: closed(each) for name, each in schema["properties"].items()}
        if not schema.get("x-kubernetes-preserve-unknown-fields"):
            result["additionalProperties"] = False
    return result
