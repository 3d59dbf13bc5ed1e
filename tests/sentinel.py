"""Looks for what must never be left of a face that matched nobody: its vector, its pixels and its picture.

Each is looked for in every form in which it might lie somewhere: numbers of 64, 32 and 16 bits, of 8 bits as the index
rounds them, as text and hexadecimal, and inside what is packed with zlib, gzip or base64.
"""

import base64
import re
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from operators.types import Float32, Image

_BASE64 = re.compile(rb"[A-Za-z0-9+/_-]{24,}={0,2}")
_PACKED = re.compile(rb"\x78[\x01\x5e\x9c\xda]|\x1f\x8b\x08")


@dataclass(frozen=True, slots=True)
class Sentinel:
    """What is looked for, by name.

    Attributes:
        forms: Bytes that each prove that something is left.
    """

    forms: Mapping[str, bytes]

    def in_bytes(self, data: bytes) -> set[str]:
        """Names of the forms that `data` holds, also packed."""
        return {name for part in _unpacked(data) for name, form in self.forms.items() if form in part}

    def in_files(self, folders: Iterable[Path], leave_out: Callable[[Path], bool] = lambda _: False) -> dict[str, str]:
        """Forms found in files of these folders, by path; files that end while they are read hold nothing any more."""
        found = {}
        for path in (path for folder in folders for path in sorted(folder.rglob("*"))):
            if leave_out(path) or path.is_symlink() or not path.is_file():
                continue
            try:
                names = self.in_bytes(path.read_bytes().rstrip(b"\0"))  # Kafka's indexes are megabytes of nothing
            except OSError:
                continue
            if names:
                found[str(path)] = ", ".join(sorted(names))
        return found


def all_of(sentinels: Sequence[Sentinel]) -> Sentinel:
    """One for all of these, so that each file is read once."""
    return Sentinel({f"{at}: {name}": form for at, one in enumerate(sentinels) for name, form in one.forms.items()})


def sentinel_of(vector: Float32, crop: Image, image: Image, jpeg: bytes) -> Sentinel:
    """What to look for after a face.

    Args:
        vector: (d,) float32, of the face.
        crop: (112, 112, 3) uint8, as it was embedded.
        image: (h, w, 3) uint8, decoded, with something of the face in its middle row.
        jpeg: The frame.
    """
    levels = np.rint(vector / (np.abs(vector).max() / 127))
    numbers = {
        "vector, 64 bits": vector.astype("<f8").tobytes(),
        "vector, 32 bits": vector.astype("<f4").tobytes(),
        "vector, 16 bits": vector.astype("<f2").tobytes(),
        "vector, 8 bits": levels.astype(np.int8).tobytes(),
        "crop": _varied(crop),
        "crop, RGB": _varied(crop[..., ::-1]),
        "crop, as numbers": _varied((crop.astype(np.float32) - 127.5) / 127.5),
        "frame": jpeg[len(jpeg) // 2 :],
        "picture": _varied(image),
        "picture, RGB": _varied(image[..., ::-1]),
    }
    text = {f"{name}, hexadecimal": numbers[name][:32].hex().encode() for name in ("vector, 32 bits", "crop", "frame")}
    rounded = [repr(float(number)) for number in vector[:3]]
    text |= {"vector, as text": ", ".join(rounded).encode(), "vector, as JSON": ",".join(rounded).encode()}
    return Sentinel({name: form[:64] for name, form in numbers.items()} | text)


def _varied(pixels: npt.NDArray[np.uint8] | Float32) -> bytes:
    """A run of pixels that no plain area has: the first from the middle on that changes often enough."""
    flat = np.ascontiguousarray(pixels).reshape(-1)
    for start in range(flat.size // 2, flat.size - 64):
        if len(np.unique(flat[start : start + 64])) >= 8:
            return flat[start : start + 64].tobytes()
    raise AssertionError("this picture is too plain to be found again")


def _unpacked(data: bytes, depth: int = 2) -> Iterator[bytes]:
    """The bytes, and what is packed in them."""
    yield data
    if not depth:
        return
    for text in _BASE64.finditer(data):
        packed = text[0].rstrip(b"=").translate(bytes.maketrans(b"-_", b"+/"))
        for start in range(4):  # letters may stand right before it
            part = packed[start:-1] if (len(packed) - start) % 4 == 1 else packed[start:]
            yield from _unpacked(base64.b64decode(part + b"=" * (-len(part) % 4)), depth - 1)
    for start in _PACKED.finditer(data):
        unpacked = zlib.decompressobj(wbits=47)
        try:
            yield from _unpacked(unpacked.decompress(data[start.start() :], 1 << 24), depth - 1)
        except zlib.error:
            continue
