"""JSON schemas for kubeconform: Kubernetes' own kinds, and others out of their definitions, all closed."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

Schema = dict[str, Any]
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

STRIMZI = Path(__file__).resolve().parents[2] / "helm" / "tools" / "strimzi"
# What the definitions leave to the API server, which gives every object the same metadata.
_METADATA = {"apiVersion": {"type": "string"}, "kind": {"type": "string"}, "metadata": {"type": "object"}}


def write_schemas(definitions: Iterable[Path], target: Path) -> None:
    """Write a file for each kind and version of the definitions in some folders, as `LAYOUT` finds them."""
    target.mkdir(parents=True, exist_ok=True)
    for path in (each for folder in definitions for each in sorted(folder.glob("*.yaml"))):
        definition = yaml.load(path.read_text(), LOADER)  # noqa: S506 - it is the safe one
        kind = definition["spec"]["names"]["kind"].lower()
        for version in definition["spec"]["versions"]:
            schema = closed(version["schema"]["openAPIV3Schema"])
            schema["properties"] |= _METADATA
            (target / f"{kind}-{definition['spec']['group']}-{version['name']}.json").write_text(json.dumps(schema))


def copy_schemas(package: Path, version: str, kinds: Iterable[str], target: Path) -> None:
    """Copy the closed schemas of some of Kubernetes' own kinds out of kubernetes-validate's folder.

    There they refer to each other by an address that its own Python code alone resolves.
    """
    target.mkdir()
    source = package / "kubernetes-json-schema" / f"v{version}-local-strict"
    found = [path for kind in {each.lower() for each in kinds} for path in source.glob(f"{kind}-*.json")]
    for path in (source / "_definitions.json", *found):
        schema = path.read_text().replace('"/api/_definitions.json', '"_definitions.json')
        (target / path.name).write_text(schema.replace('"$id": "https://kubernetes.io/api/', '"$comment": "'))


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
    if schema.get("type") == "object" and not schema.get("x-kubernetes-preserve-unknown-fields"):
        result.setdefault("additionalProperties", False)
    return result
