from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.ledger.export import open_export, read_anchors, write_export
from cluster.wire.checkpoints import encode_anchor
from operators.errors import SettingsRefused
from tests.ledgers import Ledger


def ledger() -> Ledger:
    """With a checkpoint."""
    found = Ledger()
    found.write("a")
    found.checkpoint()
    return found


def written(of: Ledger, path: Path) -> Path:
    """Its export."""
    with path.open("wb") as file:
        assert write_export(file, "test", of.anchors, enumerate(of.values)) == len(of.values)
    return path


def test_an_export_is_read_back(tmp_path: Path) -> None:
    """Records byte by byte, offsets, and what was published of checkpoints."""
    of = ledger()
    found = open_export(written(of, tmp_path / "ledger.jsonl"))
    assert found.deployment == "test"
    assert list(found.records()) == list(enumerate(of.values))
    assert list(found.anchors()) == of.anchors


@given(st.lists(st.binary(max_size=20), max_size=4))
def test_whatever_stands_in_the_topic_comes_back(tmp_path: Path, values: list[bytes]) -> None:
    """Also what is no text: whoever verifies the file must see what was there."""
    path = tmp_path / "garbage.jsonl"
    with path.open("wb") as file:
        write_export(file, "test", [], enumerate(values, 5))
    assert list(open_export(path).records()) == list(enumerate(values, 5))


def test_lines_that_are_none_are_named(tmp_path: Path) -> None:
    """By file and line."""
    path = written(ledger(), tmp_path / "ledger.jsonl")
    lines = path.read_bytes().splitlines(keepends=True)
    for at, wrong in ((1, b"{}\n"), (2, b"hello\n"), (2, b'{"offset": 1}\n'), (2, b'{"offset": [], "record": ""}\n')):
        path.write_bytes(b"".join([*lines[:at], wrong, *lines[at + 1 :]]))
        found = open_export(path)
        with pytest.raises(SettingsRefused, match=rf"ledger.jsonl:{at + 1}: this line is not as it was written"):
            _ = [*found.records(), *found.anchors()]


def test_another_file_is_no_export(tmp_path: Path) -> None:
    """Nor is an empty one."""
    path = tmp_path / "other"
    for content in (b"", b"{}\n", b'{"form": "x", "deployment": "y"}\n'):
        path.write_bytes(content)
        with pytest.raises(SettingsRefused, match="is no ledger that 'beholden ledger export' wrote"):
            open_export(path)


def test_anchors_stand_one_a_line(tmp_path: Path) -> None:
    """As the supervisor adds them."""
    of, path = ledger(), tmp_path / "anchors"
    path.write_bytes(b"".join(encode_anchor(each) + b"\n" for each in of.anchors))
    assert list(read_anchors(path)) == of.anchors
    path.write_bytes(path.read_bytes() + b"{}\n")
    with pytest.raises(SettingsRefused, match=r"anchors:2: "):
        list(read_anchors(path))
