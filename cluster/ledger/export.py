"""A ledger as a file: one JSON document a line, every record as it stands, and before them what was published of it."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from cluster.wire.checkpoints import Anchor, anchor_of, encode_anchor
from cluster.wire.ledger import LedgerInvalid
from cluster.wire.text import dump
from operators.errors import SettingsRefused

_FORM = "beholden.ledger-export.v1"


@dataclass(frozen=True, slots=True)
class Export:
    """A file that `write_export` wrote.

    Attributes:
        path: Where.
        deployment: Whose ledger, as the file says.
    """

    path: Path
    deployment: str

    def anchors(self) -> Iterator[Anchor]:
        """What was published of checkpoints, when the file was written.

        Raises:
            SettingsRefused: A line cannot be read.
        """
        for number, line in self._lines():
            if "offset" in line:
                return
            yield _anchor(self.path, number, line)

    def records(self) -> Iterator[tuple[int, bytes]]:
        """Offset and value of every record.

        Raises:
            SettingsRefused: A line cannot be read.
        """
        for number, line in self._lines():
            if "offset" in line:
                try:
                    yield int(line["offset"]), line["record"].encode("utf-8", "surrogateescape")
                except (KeyError, TypeError, ValueError, AttributeError):
                    raise _unreadable(self.path, number) from None

    def _lines(self) -> Iterator[tuple[int, dict[str, Any]]]:
        with self.path.open("rb") as opened:
            for number, line in _documents(self.path, opened):
                if number > 1:
                    yield number, line


def write_export(
    file: BinaryIO, deployment: str, anchors: Iterable[Anchor], records: Iterable[tuple[int, bytes]]
) -> int:
    """Write a ledger; how many records it has.

    Args:
        file: Where.
        deployment: Whose ledger.
        anchors: What was published of its checkpoints.
        records: Offset and value of each, also of those of other deployments.
    """
    file.write(dump({"form": _FORM, "deployment": deployment}) + b"\n")
    file.writelines(encode_anchor(anchor) + b"\n" for anchor in anchors)
    count = 0
    for offset, value in records:
        text = value.decode("utf-8", "surrogateescape")  # so that bytes that are no text come back as they were
        file.write(json.dumps({"offset": offset, "record": text}).encode() + b"\n")
        count += 1
    return count


def open_export(path: Path) -> Export:
    """The export at `path`.

    Raises:
        SettingsRefused: It is none.
    """
    with path.open("rb") as opened:
        for _, line in _documents(path, opened):
            if line.get("form") != _FORM or not isinstance(line.get("deployment"), str):
                break
            return Export(path, line["deployment"])
    raise SettingsRefused(f"{path}: is no ledger that 'beholden ledger export' wrote")


def read_anchors(path: Path) -> Iterator[Anchor]:
    """What was published of checkpoints, from a file with a line for each.

    Raises:
        SettingsRefused: A line cannot be read.
    """
    with path.open("rb") as opened:
        for number, line in _documents(path, opened):
            yield _anchor(path, number, line)


def _documents(path: Path, opened: BinaryIO) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, line in enumerate(opened, 1):
        try:
            document = json.loads(line)
        except (ValueError, RecursionError):
            document = None
        if not isinstance(document, dict):
            raise _unreadable(path, number)
        yield number, document


def _anchor(path: Path, number: int, line: dict[str, Any]) -> Anchor:
    try:
        return anchor_of(line)
    except LedgerInvalid:
        raise _unreadable(path, number) from None


def _unreadable(path: Path, number: int) -> SettingsRefused:
    return SettingsRefused(f"{path}:{number}: this line is not as it was written; get the file again from its source")
