"""What values.yaml offers, what templates take of it, and what is said about each: read as text, without any tool."""

import re
from collections.abc import Iterator
from typing import Any

import yaml

Place = tuple[str, ...]
MENTIONED = re.compile(r"\bValues((?:\.\w+)+)")
VARIABLE = re.compile(r"\$(\w+) := (\$?\.(?:root\.)?Values[.\w]*) *-?\}\}")


def leaves(text: str) -> dict[Place, int]:
    """Every value that is described, or has no values below it, and the line where it stands, from 0."""
    return dict(_leaves(yaml.compose(text, yaml.SafeLoader), (), text))


def _leaves(node: Any, place: Place, text: str) -> Iterator[tuple[Place, int]]:
    for key, value in node.value:
        here, line = (*place, key.value), key.start_mark.line
        if isinstance(value, yaml.MappingNode) and value.value and not described(text, line):
            yield from _leaves(value, here, text)
        else:
            yield here, line


def described(text: str, line: int) -> bool:
    """Whether helm-docs finds a description in the comment right above a line."""
    lines = text.splitlines()
    above = line - 1
    while above >= 0 and lines[above].lstrip().startswith("#"):
        if lines[above].lstrip().startswith("# -- "):
            return True
        above -= 1
    return False


def spelt_out(template: str) -> str:
    """A template in which variables that stand for values are written as what they stand for, each within its block."""
    return "".join(_spelt_out(block) for block in re.split(r"(?=\{\{-? *define )", template))


def _spelt_out(block: str) -> str:
    for name, value in VARIABLE.findall(block):
        block = re.sub(rf"\${name}\.(?=\w)", f"{value}.", block)
    return block


def mentioned(templates: str) -> set[Place]:
    """Every value that templates name, wherever they are in the document when they do."""
    return {tuple(found.strip(".").split(".")) for found in MENTIONED.findall(templates)}


def is_used(place: Place, templates: str, named: set[Place]) -> bool:
    """Whether templates take a value: by its name, or by its last part where they are handed a value above it."""
    if any(each[: len(place)] == place for each in named):
        return True
    below = any(each == place[: len(each)] for each in named)
    return below and re.search(rf"[.\"]{re.escape(place[-1])}\b", templates) is not None


def unknown(named: set[Place], offered: set[Place]) -> set[Place]:
    """Values that templates name and nobody is told of."""
    known = {place[:length] for place in offered for length in range(1, len(place) + 1)}
    return {place for place in named if place not in known and not any(place[: len(leaf)] == leaf for leaf in offered)}
