import hashlib
import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from indexes import snapshot
from indexes.backends import exact_backend
from indexes.columns import Columns
from indexes.snapshot import Snapshot, SnapshotRefused, write
from indexes.watchlist import Watchlist
from tests.builders import CONTRACT, NOW, entry, random_units

REFUSED = r"SHA-256 differs|no snapshot can be read"  # the second where a file's head is no longer one
IDENTITY = {"shard": "0 of 1", "contract": CONTRACT}


def read(folder: Path, identity: dict[str, str], not_before_us: int) -> Snapshot[Columns]:
    """With its blocks as the columns they were written from."""
    return snapshot.read(folder, identity, not_before_us, lambda columns: columns)


def _watchlist(people: int = 5) -> Watchlist:
    found = Watchlist(0, 1, CONTRACT, exact_backend())
    for at, row in enumerate(random_units(1, people)):
        name = f"ä{at}"
        found.apply(0, at, name, entry(name, row, row[::-1].copy(), watchlist="one" if at % 2 else "two"))
    found.apply(1, 7, "stranger", entry("stranger", contract="0" * 64))
    found.apply(0, people, "ä0", None)
    return found


def _written(folder: Path) -> Snapshot[Columns]:
    taken = _watchlist().snapshot(IDENTITY, 1000)()
    write(taken, folder)
    return taken


def test_what_is_read_is_what_was_written(tmp_path: Path) -> None:
    """Searched, it answers as before, bit by bit, under the same name."""
    folder = tmp_path / "snapshot"
    _written(folder)
    again = Watchlist(0, 1, CONTRACT, exact_backend())
    found = snapshot.read(folder, IDENTITY, 1000, again.block)
    assert (found.next_offsets, found.written_at_us, found.foreign) == ({0: 6, 1: 8}, 1000, ["stranger"])
    again.restore(found)
    old, new = _watchlist().generation(), again.generation()
    queries = random_units(1, 5)
    assert new.name == old.name
    assert new.search(queries, 3, -1, NOW) == old.search(queries, 3, -1, NOW)
    assert again.foreign == {"stranger"}


def test_a_flipped_bit_in_any_file_is_found(tmp_path: Path) -> None:
    """Wherever it is: in vectors, digests, ends, references or the manifest's own list of digests."""
    folder = tmp_path / "snapshot"
    _written(folder)
    draw = np.random.default_rng(3)
    for file in sorted(folder.iterdir()):
        if file.name == "manifest.json":
            continue
        whole = file.read_bytes()
        for at in {0, len(whole) - 1, *draw.integers(0, len(whole), 5).tolist()}:
            file.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
            with pytest.raises(SnapshotRefused, match=REFUSED):
                read(folder, IDENTITY, 0)
        file.write_bytes(whole[:-1])
        with pytest.raises(SnapshotRefused, match=REFUSED):
            read(folder, IDENTITY, 0)
        file.write_bytes(whole)
    read(folder, IDENTITY, 0)


@pytest.mark.parametrize(
    ("identity", "not_before_us", "why"),
    [({**IDENTITY, "contract": "0" * 64}, 0, "belongs to"), (IDENTITY, 1001, "forgotten withdrawals")],
)
def test_one_of_something_else_or_of_long_ago_is_refused(
    tmp_path: Path, identity: dict[str, str], not_before_us: int, why: str
) -> None:
    """Another contract's vectors cannot be compared; withdrawals that the topic forgot would be undone."""
    _written(tmp_path / "snapshot")
    with pytest.raises(SnapshotRefused, match=why):
        read(tmp_path / "snapshot", identity, not_before_us)


@pytest.mark.parametrize("text", [None, "", "{}", "[]", '{"form": "beholden.snapshot.v2"}', '{"form": 7}', "\0"])
def test_what_is_no_snapshot_is_refused(tmp_path: Path, text: str | None) -> None:
    """Nothing there, a file cut off, something else: the reason is given and nothing else happens."""
    folder = tmp_path / "snapshot"
    folder.mkdir()
    if text is not None:
        (folder / "manifest.json").write_text(text)
    with pytest.raises(SnapshotRefused):
        read(folder, IDENTITY, 0)


def test_an_unfinished_snapshot_leaves_the_one_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk is full, the process is killed: what was whole stays whole, and the next one takes its place."""
    folder = tmp_path / "snapshot"
    _written(folder)

    def fail(_: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fail)
        with pytest.raises(OSError, match="No space"):
            write(_watchlist(9).snapshot(IDENTITY, 2000)(), folder)
    assert read(folder, IDENTITY, 0).written_at_us == 1000
    write(_watchlist(9).snapshot(IDENTITY, 2000)(), folder)
    assert read(folder, IDENTITY, 0).written_at_us == 2000
    assert [each.name for each in tmp_path.iterdir()] == ["snapshot"]


def test_entries_that_are_not_those_of_the_set_digest_are_refused(tmp_path: Path) -> None:
    """Blocks of one snapshot with the lines of another, each file as it was written: alerts would name a wrong list."""
    taken = _watchlist().snapshot(IDENTITY, 1000)()
    write(replace(taken, lines=_watchlist(9).snapshot(IDENTITY, 1000)().lines), tmp_path / "snapshot")
    with pytest.raises(SnapshotRefused, match="set digest"):
        read(tmp_path / "snapshot", IDENTITY, 0)


def test_arrays_of_objects_are_never_read(tmp_path: Path) -> None:
    """They are pickles, which run code; not even when their digest is right."""
    folder = tmp_path / "snapshot"
    _written(folder)
    file = folder / "0.ends.npy"
    np.save(file, np.array([object()]), allow_pickle=True)
    manifest = folder / "manifest.json"
    body = json.loads(manifest.read_text())
    body["blocks"][0]["sha256"]["ends"] = hashlib.sha256(file.read_bytes()).hexdigest()
    manifest.write_text(json.dumps(body))
    with pytest.raises(SnapshotRefused, match="not what was written"):
        read(folder, IDENTITY, 0)


def test_a_withdrawn_entry_is_not_in_it(tmp_path: Path) -> None:
    """Neither its reference nor its vector is in any file."""
    folder = tmp_path / "snapshot"
    _written(folder)
    everything = b"".join(file.read_bytes() for file in folder.iterdir())
    assert "ä0".encode() not in everything
    assert random_units(1, 5)[0].tobytes() not in everything
    assert random_units(1, 5)[1].tobytes() in everything


def test_what_is_removed_is_gone_with_all_that_was_cut_off(tmp_path: Path) -> None:
    """A write that ended in between has left vectors beside the folder; neighbours stay."""
    folder = tmp_path / "shard-0"
    for name in ("shard-0", "shard-0.making", "shard-0.before", "shard-00"):
        _written(tmp_path / name)
    assert {snapshot.holder_of(path) for path in tmp_path.iterdir()} == {"shard-0", "shard-00"}
    snapshot.remove(folder)
    snapshot.remove(folder)
    assert [path.name for path in tmp_path.iterdir()] == ["shard-00"]
