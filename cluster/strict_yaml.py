"""Read a YAML file into a frozen dataclass, refusing everything that could be read in two ways.

Duplicate keys, unknown keys, missing keys, aliases and tags, wrong types, NaN and infinities are refused, each with the
file and the line. Only JSON's types exist: dates and `yes`/`no` are plain text. Where a dataclass asks for a time it is
written in one way only, 2026-01-31T12:00:00Z.
"""

import dataclasses
import functools
import json
import re
import typing
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from datetime import datetime
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import TypeAdapter, ValidationError

from operators.errors import SettingsRefused

T = TypeVar("T")
_Place = tuple[str | int, ...]

MAX_BYTES = 1_000_000  # a settings file is a page or two; parsing cost grows with size
MAX_DIGITS = 1000  # far beyond any number that is meant

_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z")
_TIME_ADVICE = "write a time in UTC, as 2026-01-31T12:00:00Z"


class _Loader(yaml.SafeLoader):
    """SafeLoader with JSON's scalar types and no aliases, anchors, tags or duplicate keys."""

    yaml_implicit_resolvers = {}  # noqa: RUF012 - PyYAML's own way to start from nothing

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """Refuse aliases and anchors before they are followed: they are how a YAML bomb grows."""
        event = self.peek_event()  # type: ignore[no-untyped-call]
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise _LoadError("anchors and aliases are not allowed: write the value out", event.start_mark.line + 1)
        tag = getattr(event, "tag", None)
        if tag:
            raise _LoadError(f"tag {tag} is not allowed: write a plain value", event.start_mark.line + 1)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        """Refuse a key given twice and keys that are not text."""
        seen: set[str] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node)
            line = key_node.start_mark.line + 1
            if not isinstance(key, str):
                raise _LoadError(f"key {key!r} is not text: put it in quotes", line)
            if key in seen:
                raise _LoadError(f"key {key!r} is given twice: keep one", line)
            seen.add(key)
        return super().construct_mapping(node, deep)

    def construct_whole(self, node: yaml.ScalarNode) -> int:
        """Refuse numbers so long that Python refuses them."""
        if len(node.value) > MAX_DIGITS:
            raise _LoadError(f"a number of {len(node.value)} digits: use a smaller one", node.start_mark.line + 1)
        return int(node.value)


class _LoadError(Exception):
    """A reason and the line it was found on."""


for _tag, _pattern, _first in (
    ("tag:yaml.org,2002:null", r"^(?:null|~|)$", ["n", "~", ""]),
    ("tag:yaml.org,2002:bool", r"^(?:true|false)$", list("tf")),
    ("tag:yaml.org,2002:int", r"^-?(?:0|[1-9][0-9]*)$", list("-0123456789")),
    (
        "tag:yaml.org,2002:float",
        r"^(?:-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|nan))$",
        list("-+.0123456789"),
    ),
):
    _Loader.add_implicit_resolver(_tag, re.compile(_pattern), _first)
_Loader.add_constructor("tag:yaml.org,2002:int", _Loader.construct_whole)


def load(path: Path) -> Any:
    """The document in `path` as JSON-like values.

    Raises:
        SettingsRefused: The file is missing, too large, not UTF-8 or not strict YAML.
    """
    return _compose(path)[0]


def read(path: Path, into: type[T]) -> T:
    """The document in `path` as an instance of the dataclass `into`; see the module's text for what is refused.

    Raises:
        SettingsRefused: With every fault found, each on a line of its own: file, line, key and what to do.
    """
    return read_both(path, into)[0]


def read_both(path: Path, into: type[T]) -> tuple[T, Any]:
    """What `read` gives and the document it was made from, out of one reading of the file; raises what `read` does."""
    document, lines = _compose(path)
    return _make(document, into, lambda at: f"{path}:{lines[_known(at, lines)]}: "), document


def build(document: Any, into: type[T]) -> T:
    """An instance of the dataclass `into` from JSON-like values, as strictly as from a file.

    Raises:
        SettingsRefused: With every fault found, each on a line of its own: key and what to do.
    """
    return _make(document, into, lambda _: "")


def _make(document: Any, into: type[T], place: Callable[[_Place], str]) -> T:
    """See `build`; `place` says where in a file a key stands."""
    try:
        value: T = _adapter(typing.cast("Hashable", into)).validate_json(json.dumps(document))
    except ValidationError as error:
        faults = _misspelt([dict(fault) for fault in error.errors()])
        lines = _other_kind(faults, place) or [_explain(fault, place) for fault in faults]
        raise SettingsRefused("\n".join(lines)) from None
    unclear = [f"{place(at)}{'.'.join(at)}: {_TIME_ADVICE}, found {text!r}" for at, text in _times(value, document)]
    if unclear:
        raise SettingsRefused("\n".join(unclear))
    return value


def schema(kind: Any) -> dict[str, Any]:
    """The JSON Schema of what `read` takes for a dataclass: its keys and their kinds."""
    return _adapter(kind).json_schema()


def _times(value: Any, document: Any, at: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str]]:
    """Where a document has a time that is not written as times are."""
    if isinstance(value, datetime) and not _TIME.fullmatch(document):
        yield at, document
    elif dataclasses.is_dataclass(value):
        for name in document:
            yield from _times(getattr(value, name), document[name], (*at, name))


def _compose(path: Path) -> tuple[Any, dict[_Place, int]]:
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise SettingsRefused(f"{path}: cannot be read: {error.strerror}; check the path") from None
    if len(raw) > MAX_BYTES:
        raise SettingsRefused(f"{path}: {len(raw)} bytes; a settings file may have {MAX_BYTES}")
    try:
        loader = _Loader(raw.decode())
        node = loader.get_single_node()
        document = loader.construct_document(node) if node else None
    except UnicodeDecodeError:
        raise SettingsRefused(f"{path}: not UTF-8 text: save it as UTF-8") from None
    except _LoadError as refused:
        reason, line = refused.args
        raise SettingsRefused(f"{path}:{line}: {reason}") from None
    except RecursionError:
        raise SettingsRefused(f"{path}: nested too deeply for a settings file") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{path}:{mark.line + 1}" if mark else str(path)
        problem = getattr(error, "problem", None) or str(error).splitlines()[0]
        raise SettingsRefused(f"{where}: not valid YAML: {problem}") from None
    if node is None or not isinstance(document, dict):
        raise SettingsRefused(f"{path}: expected keys and values at the top, found {type(document).__name__}")
    return document, dict(_lines(node, ()))


def _lines(node: yaml.Node, at: _Place) -> Iterator[tuple[_Place, int]]:
    yield at, node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield (*at, key.value), key.start_mark.line + 1
            yield from ((where, line) for where, line in _lines(value, (*at, key.value)) if where != (*at, key.value))
    elif isinstance(node, yaml.SequenceNode):
        for number, value in enumerate(node.value):
            yield from _lines(value, (*at, number))


OTHER_KIND = 3  # so many keys at the top that are not known, and as many that are missing, are no slips
_ADVICE = {
    "missing": "is missing: there is no default, add it",
    "unexpected_keyword_argument": "is not a known key: check the spelling or remove it",
}


def _misspelt(faults: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The faults, where a key that is unknown and one like it that is missing are one: a slip of the pen."""
    missing = {tuple(fault["loc"]) for fault in faults if fault["type"] == "missing"}
    meant: dict[_Place, _Place] = {}
    for at in (tuple(fault["loc"]) for fault in faults if fault["type"] == "unexpected_keyword_argument"):
        beside = [str(key) for *parent, key in missing if tuple(parent) == at[:-1]]
        for found in get_close_matches(str(at[-1]), beside, 1):
            meant[at] = (*at[:-1], found)
    told = [{**fault, "meant": meant.get(tuple(fault["loc"]))} for fault in faults]
    return [fault for fault in told if tuple(fault["loc"]) not in meant.values()]


def _other_kind(faults: Sequence[dict[str, Any]], place: Callable[[_Place], str]) -> list[str]:
    """The one line to say of a document that has other keys than it should: it is meant for something else."""
    by_kind = {
        kind: [str(each["loc"][0]) for each in faults if each["type"] == kind and len(each["loc"]) == 1]
        for kind in _ADVICE
    }
    missing, unknown = by_kind["missing"], by_kind["unexpected_keyword_argument"]
    if min(len(missing), len(unknown)) < OTHER_KIND:
        return []
    return [
        f"{place(())}this seems to be another kind of file: {', '.join(unknown[:OTHER_KIND])} are not known here, and "
        f"{', '.join(missing[:OTHER_KIND])} are missing; check which file is meant"
    ]


def _explain(fault: dict[str, Any], place: Callable[[_Place], str]) -> str:
    at: _Place = tuple(fault["loc"])
    name = ".".join(str(part) for part in at) or "document"
    if meant := fault.get("meant"):
        return f"{place(at)}{name}: is not a known key: did you mean {meant[-1]}?"
    text = _ADVICE.get(fault["type"]) or fault["msg"].removeprefix("Value error, ")
    is_silent = fault["type"] in _ADVICE or isinstance(fault["input"], dict) or at[-1:] == ("password",)
    found = "" if is_silent else f", found {fault['input']!r}"
    return f"{place(at)}{name}: {text}{found}"


def _known(at: _Place, lines: Mapping[_Place, int]) -> _Place:
    """The innermost part of a document that has a line."""
    while at not in lines:
        at = at[:-1]
    return at


@functools.cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    _be_strict(kind)
    return TypeAdapter(kind)


def _be_strict(kind: Any) -> None:
    """Make every dataclass reachable from `kind` refuse unknown keys and coercions."""
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        strict = {"extra": "forbid", "strict": True, "allow_inf_nan": False}
        kind.__pydantic_config__ = strict  # type: ignore[attr-defined]
        for hint in typing.get_type_hints(kind).values():
            _be_strict(hint)
    for part in typing.get_args(kind):
        _be_strict(part)
