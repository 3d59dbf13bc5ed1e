"""A shard's state on a local disk, so that a restart need not read the whole topic: plain arrays, each with its digest.

A folder holds `manifest.json`, two arrays of the set digest and, for every block, five files: references as text, and
four arrays as NumPy writes them, never pickled. A folder is written under another name and renamed when it is whole.

The digests find damage: a bad disk, a file cut off, a mixture of two snapshots. They do not guard against somebody who
can write the folder, because the manifest that holds them lies in it.
"""

import hashlib
import io
import json
import math
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, Generic, TypeVar

import numpy as np
import numpy.typing as npt

from indexes.columns import Columns
from indexes.set_digest import joined, parted
from operators.errors import BeholdenError

B = TypeVar("B")
FORM = "beholden.snapshot.v2"
_ARRAYS = ("digests", "not_after_us", "ends", "rows")
_MANIFEST, _TEXT, _ENDS = "manifest.json", "set.text.npy", "set.ends.npy"
_MAKING, _BEFORE = ".making", ".before"
_CHUNK = 1 << 22
_AHEAD = 2  # blocks; all at once would come in the way of the one that is waited for


class SnapshotRefused(BeholdenError):
    """A folder that is no snapshot, is damaged, or belongs to something else; the topic has everything."""


@dataclass(frozen=True, slots=True, eq=False)
class Snapshot(Generic[B]):
    """Everything that a shard knows.

    Attributes:
        identity: Whatever must be the same for it to be of use: shard, number of shards, embedding contract, topic.
        next_offsets: By partition, the first offset that is not in it.
        written_at_us: Microseconds since 1970, UTC.
        foreign: References of entries that another embedding contract made.
        lines: Of the set digest.
        blocks: All entries that are searched: as columns when it is written, as what was made of them when it is read.
    """

    identity: Mapping[str, str]
    next_offsets: Mapping[int, int]
    written_at_us: int
    foreign: Sequence[str]
    lines: Sequence[bytes]
    blocks: Sequence[B]


def write(snapshot: Snapshot[Columns], folder: Path) -> None:
    """Write a snapshot; whatever was there before is replaced when the new one is whole."""
    making, before = _beside(folder)
    shutil.rmtree(making, ignore_errors=True)
    making.mkdir(parents=True)
    blocks = [_write_block(making, number, columns) for number, columns in enumerate(snapshot.blocks)]
    text, ends = joined(snapshot.lines)
    manifest = {
        "form": FORM,
        "identity": dict(snapshot.identity),
        "next_offsets": {str(partition): offset for partition, offset in snapshot.next_offsets.items()},
        "written_at_us": snapshot.written_at_us,
        "foreign": sorted(snapshot.foreign),
        "set": {"text": _sync(making / _TEXT, *_as_npy(text)), "ends": _sync(making / _ENDS, *_as_npy(ends))},
        "blocks": blocks,
    }
    _sync(making / _MANIFEST, json.dumps(manifest, indent=1).encode())
    shutil.rmtree(before, ignore_errors=True)
    if folder.exists():
        folder.rename(before)
    making.rename(folder)
    shutil.rmtree(before, ignore_errors=True)


def remove(folder: Path) -> None:
    """Remove a snapshot, and what a write that was cut off has left of one.

    Raises:
        OSError: Something of it is still there.
    """
    for each in (folder, *_beside(folder)):
        while each.exists():
            with suppress(FileNotFoundError):  # somebody else removes it, too
                shutil.rmtree(each)


def holder_of(path: Path) -> str:
    """The name of the folder that a path is, or was to become, or has been until the next one was whole."""
    return path.name.removesuffix(_MAKING).removesuffix(_BEFORE)


def _beside(folder: Path) -> tuple[Path, Path]:
    """Where one is made, and where the one before it waits until that is whole."""
    return folder.with_name(folder.name + _MAKING), folder.with_name(folder.name + _BEFORE)


def read(folder: Path, identity: Mapping[str, str], not_before_us: int, make: Callable[[Columns], B]) -> Snapshot[B]:
    """Read a snapshot, every byte held against its digest.

    Args:
        folder: Where it was written.
        identity: What it must belong to.
        not_before_us: It must have been written at or after this moment. The topic forgets withdrawals in time: an
            older snapshot would keep people whose withdrawal can no longer be read.
        make: Makes what is kept of a block, once it is verified, while others are still read; from several threads.

    Raises:
        SnapshotRefused: With the reason.
    """
    try:
        manifest = json.loads((folder / _MANIFEST).read_bytes())
        _check(manifest, identity, not_before_us)
        with ThreadPoolExecutor((os.cpu_count() or 1) + 1) as pool:  # one waits for the disk while the others compute
            lines = pool.submit(_read_lines, folder, manifest)
            read_one = partial(_read_block, folder, make)
            read_all = list(pool.map(read_one, range(len(manifest["blocks"])), manifest["blocks"]))
        offsets = {int(partition): int(offset) for partition, offset in manifest["next_offsets"].items()}
        foreign = [str(ref) for ref in manifest["foreign"]]
        written_at_us = int(manifest["written_at_us"])
        if sum(entries for entries, _ in read_all) != sum(each.count(b"\n") for each in lines.result()):
            raise SnapshotRefused(f"the entries in {folder} are not those of its set digest")
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise SnapshotRefused(f"no snapshot can be read from {folder}: {type(error).__name__}: {error}") from None
    return Snapshot(identity, offsets, written_at_us, foreign, lines.result(), [made for _, made in read_all])


def _check(manifest: Mapping[str, Any], identity: Mapping[str, str], not_before_us: int) -> None:
    if manifest["form"] != FORM:
        raise SnapshotRefused(f"the snapshot has the form {manifest['form']}, not {FORM}")
    if manifest["identity"] != dict(identity):
        raise SnapshotRefused(f"the snapshot belongs to {manifest['identity']}, not to {dict(identity)}")
    if manifest["written_at_us"] < not_before_us:
        raise SnapshotRefused("the snapshot is so old that the topic may have forgotten withdrawals since")


def _write_block(folder: Path, number: int, columns: Columns) -> dict[str, Any]:
    digests = {"refs": _sync(folder / f"{number}.refs.txt", "\n".join(columns.refs).encode())}
    for name in _ARRAYS:
        digests[name] = _sync(folder / f"{number}.{name}.npy", *_as_npy(getattr(columns, name)))
    return {"watchlist": columns.watchlist, "sha256": digests}


def _as_npy(array: npt.NDArray[Any]) -> tuple[bytes, memoryview]:
    """What `numpy.save` writes: the head, and the numbers without a copy."""
    whole, head = np.ascontiguousarray(array), io.BytesIO()
    np.lib.format.write_array_header_1_0(head, np.lib.format.header_data_from_array_1_0(whole))
    return head.getvalue(), whole.reshape(-1).view(np.uint8).data


def _read_lines(folder: Path, manifest: Mapping[str, Any]) -> list[bytes]:
    digests = manifest["set"]
    return parted(_array(folder / _TEXT, digests["text"]), _array(folder / _ENDS, digests["ends"]))


def _read_block(folder: Path, make: Callable[[Columns], B], number: int, block: Mapping[str, Any]) -> tuple[int, B]:
    _read_ahead(folder / f"{number + _AHEAD}.rows.npy")
    columns = _read_columns(folder, number, block)
    return len(columns), make(columns)


def _read_ahead(file: Path) -> None:
    """Have the system read a file that may be there: waiting for each piece took 60 % more processor time."""
    if file.exists():
        with file.open("rb") as opened:
            _advise(opened, "POSIX_FADV_WILLNEED")


def _advise(opened: BinaryIO, advice: str) -> None:
    """Tell the system what becomes of a file; macOS cannot be told."""
    if hasattr(os, advice):
        os.posix_fadvise(opened.fileno(), 0, 0, getattr(os, advice))


def _read_columns(folder: Path, number: int, block: Mapping[str, Any]) -> Columns:
    digests = block["sha256"]
    arrays = {name: _array(folder / f"{number}.{name}.npy", digests[name]) for name in _ARRAYS}
    refs = folder / f"{number}.refs.txt"
    text = refs.read_bytes()
    _compare(refs, hashlib.sha256(text).hexdigest(), digests["refs"])
    columns = Columns(block["watchlist"], text.decode().split("\n"), **arrays)
    n, rows = len(columns), int(columns.ends[-1])
    if (columns.digests.shape, columns.not_after_us.shape, columns.ends.shape) != ((n, 32), (n,), (n,)) or rows != len(
        columns.rows
    ):
        raise SnapshotRefused(f"the columns of block {number} do not belong together")
    return columns


def _array(file: Path, digest: str) -> npt.NDArray[Any]:
    """An array, read once: its digest is taken while the disk reads on."""
    sha256 = hashlib.sha256()
    with file.open("rb") as opened:
        np.lib.format.read_magic(opened)
        shape, is_fortran, dtype = np.lib.format.read_array_header_1_0(opened)
        start, size = opened.tell(), math.prod(shape) * dtype.itemsize
        if dtype.hasobject or is_fortran or start + size != file.stat().st_size:
            raise SnapshotRefused(f"{file} is not what was written: its SHA-256 differs")
        opened.seek(0)
        sha256.update(opened.read(start))
        array = np.empty(shape, dtype)
        rest = array.reshape(-1).view(np.uint8).data
        while len(rest) and (count := opened.readinto(rest[:_CHUNK])):
            sha256.update(rest[:count])
            rest = rest[count:]
        # The array is the copy that is kept. Left in the system's cache too, files took twice the fresh memory, and
        # the system twice the time to find it.
        _advise(opened, "POSIX_FADV_DONTNEED")
    _compare(file, sha256.hexdigest(), digest)
    return array


def _compare(file: Path, found: str, digest: str) -> None:
    if found != digest:
        raise SnapshotRefused(f"{file} is not what was written: its SHA-256 differs")


def _sync(file: Path, *parts: bytes | memoryview) -> str:
    """Write a file until the disk has it; its SHA-256."""
    sha256 = hashlib.sha256()
    with file.open("wb") as out:
        for part in parts:
            sha256.update(part)
            out.write(part)
        out.flush()
        os.fsync(out.fileno())
    return sha256.hexdigest()
