"""What values.yaml offers, what templates take of it, and what is said about each: read as text, without any tool."""

import re
from collections.abc import Iterator
from typing import Any

import yaml

Place = tuple[str, ...]
MENTIONED = re.compile(r"\bValues((?:\.\w+)+)")


def leaves(text: str) -> dict[Place, int]:
    """Every value that has no named values below it, and the line where it stands, from 0."""
    return dict(_leaves(yaml.compose(text, yaml.SafeLoader), ()))


def _leaves(node: Any, place: Place) -> Iterator[tuple[Place, int]]:
    for key, value in node.value:
        here = (*place, key.value)
        if isinstance(value, yaml.MappingNode) and value.value and not value.flow_style:
            yield from _leaves(value, here)
        else:
            yield here, key.start_mark.line


def described(text: str, line: int) -> bool:
    """Whether helm-docs finds a description in the comment right above a line."""
    lines = text.splitlines()
    above = line - 1
    while above >= 0 and lines[above].lstrip().startswith("#"):
        if lines[above].lstrip().startswith("# -- "):
            return True
        above -= 1
    return False


def mentioned(templates: str) -> set[Place]:
    """Every value that templates name, wherever they are in the document when they do."""
    return {tuple(found.strip(".").split(".")) for found in MENTIONED.findall(templates)}


def is_used(place: Place, templates: str, named: set[Place]) -> bool:
    """Whether templates take a value: by its name, or by its last part where they are handed a value above it."""
    if any(each[: len(place)] == place for each in named):
        return True
    below = any(each == place[: len(each)] for each in named)
    return below and re.search(rf"\.{re.escape(place[-1])}\b", templates) is not None


def unknown(named: set[Place], offered: set[Place]) -> set[Place]:
    """Values that templates name and nobody is told of."""
    known = {place[:length] for place in offered for length in range(1, len(place) + 1)}
    return {place for place in named if place not in known and not any(place[: len(leaf)] == leaf for leaf in offered)}
