"""What the chart makes of its examples, read from the committed renderings: no tool is needed for that."""

import functools
from collections.abc import Iterator
from typing import Any

import yaml

from helm.tools.examples import committed
from tests.helm.schemas import LOADER

Manifest = dict[str, Any]


@functools.cache
def manifests(example: str) -> tuple[Manifest, ...]:
    """Every object of an example."""
    paths = sorted(committed(example).glob("*.yaml"))
    return tuple(each for path in paths for each in documents(path.read_text()))


def documents(text: str) -> list[Manifest]:
    """Every object of a stream of YAML documents."""
    return [each for each in yaml.load_all(text, LOADER) if each]


def of_kind(example: str, kind: str) -> list[Manifest]:
    """Every object of an example that is of one kind."""
    return [each for each in manifests(example) if each["kind"] == kind]


def pods(example: str) -> Iterator[tuple[str, Manifest]]:
    """Every pod's template of an example, wherever one stands, each with its place."""
    for manifest in manifests(example):
        place = f"{manifest['kind']}/{manifest['metadata']['name']}"
        yield from _templates({"template": manifest} if manifest["kind"] == "Pod" else manifest, place)


def _templates(value: Any, place: str) -> Iterator[tuple[str, Manifest]]:
    if isinstance(value, dict):
        if isinstance(value.get("spec"), dict) and "containers" in value["spec"]:
            yield place, value
        else:
            for key, each in value.items():
                yield from _templates(each, f"{place}.{key}")
    elif isinstance(value, list):
        for index, each in enumerate(value):
            yield from _templates(each, f"{place}[{index}]")


def containers(template: Manifest) -> list[Manifest]:
    """Every container of a pod, those that come before the others included."""
    return [*template["spec"].get("initContainers", []), *template["spec"]["containers"]]
