"""Pictures in a file: every process that sends them shares one copy in memory."""

import hashlib
import mmap
import struct
import tempfile
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

_HEADER_BYTES, _LENGTHS_AT = 30, 26  # of what stands before each member of a ZIP file: the lengths of name and extra


@dataclass(frozen=True)
class Pool:
    """Pictures that lie as they are in a ZIP file.

    Attributes:
        file: The file.
        places: Where each picture begins, and how many bytes it has.
        digest: SHA-256 over all of them.
    """

    file: Path
    places: Sequence[tuple[int, int]]
    digest: str

    @property
    def mean_bytes(self) -> float:
        """Of a picture."""
        return sum(size for _, size in self.places) / len(self.places)

    def jpeg(self, picture: int) -> bytes:
        """One of them."""
        begin, size = self.places[picture]
        return self._memory[begin : begin + size]

    @cached_property
    def _memory(self) -> mmap.mmap:
        with self.file.open("rb") as opened:
            return mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ)

    def __reduce__(self) -> tuple[Any, ...]:
        """Without the memory."""
        return Pool, (self.file, self.places, self.digest)


def find_pool(file: Path) -> Pool | None:
    """A pool that was written before; None: there is none, or it is not whole."""
    try:
        return _read(file)
    except (OSError, zipfile.BadZipFile):
        return None


def write_pool(file: Path, pictures: Iterable[bytes]) -> Pool:
    """Keep pictures, one after the other; what is half written is never found under the name of the file."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=file.parent, delete=False) as written:
        try:
            with zipfile.ZipFile(written, "w") as keeps:
                for number, jpeg in enumerate(pictures):
                    keeps.writestr(f"{number}.jpg", jpeg)
        except BaseException:
            Path(written.name).unlink()
            raise
    Path(written.name).replace(file)
    return _read(file)


def _read(file: Path) -> Pool:
    digests, places = [], []
    with zipfile.ZipFile(file) as kept, file.open("rb") as opened:
        for each in kept.infolist():
            digests.append(hashlib.sha256(kept.read(each)).digest())
            opened.seek(each.header_offset + _LENGTHS_AT)
            name_bytes, extra_bytes = struct.unpack("<HH", opened.read(4))
            places.append((each.header_offset + _HEADER_BYTES + name_bytes + extra_bytes, each.file_size))
    return Pool(file, places, hashlib.sha256(b"".join(digests)).hexdigest())
