"""Which model files may be used, and what an embedding means."""

import hashlib
import math
import re
from dataclasses import astuple, dataclass, fields
from enum import StrEnum
from pathlib import Path
from typing import Literal

from operators.errors import ModelRefused

_LFS_POINTER = b"version https://git-lfs"
_SHA256 = re.compile(r"[0-9a-f]{64}")


class Adapter(StrEnum):
    """How a graph's inputs and outputs are to be read."""

    YUNET = "yunet"
    SCRFD = "scrfd"
    EMBEDDER112 = "embedder112"


class People(StrEnum):
    """Whether faces are of people, or of people who do not exist."""

    REAL = "real"
    SYNTHETIC = "synthetic"


@dataclass(frozen=True, slots=True)
class ModelManifest:
    """One model file, pinned: what it is, where it comes from and how it is to be fed.

    Attributes:
        name: Name in policies and alerts.
        adapter: How the graph is read.
        file: File name within the models folder.
        size_bytes: Exact size.
        sha256: Exact digest, 64 lower-case hex digits.
        licence: SPDX identifier or LicenseRef-..., as declared for the weights; a policy accepts it by this text.
        training_data: What the weights were trained on, and what is not known about it.
        evaluation: SHA-256 (hex) of the document that says how accurate the model is, or `none`.
        people: Whom the weights were trained on: a model that knows only people who do not exist knows no real face.
        colour: Channel order of the input.
        mean: Subtracted from each channel, in that order, pixel values 0 to 255.
        scale: Divides each channel after that. A wrong mean or scale raises no error, it moves every cosine.
        dimension: Length of an embedding; None for detectors.
        template: Name of the template by which faces are aligned for it; None for detectors.
        source: Where the file can be had; None when there is no public place.
        note: Anything else an operator should know.

    Raises:
        ValueError: Names every field that is wrong.
    """

    name: str
    adapter: Adapter
    file: str
    size_bytes: int
    sha256: str
    licence: str
    training_data: str
    evaluation: str
    people: People
    colour: Literal["bgr", "rgb"]
    mean: tuple[float, float, float]
    scale: tuple[float, float, float]
    dimension: int | None = None
    template: str | None = None
    source: str | None = None
    note: str | None = None

    def __post_init__(self) -> None:
        embedder = self.adapter is Adapter.EMBEDDER112
        checks = {
            "name: must not be empty": bool(self.name),
            "file: must be a file name without folders": self.file not in ("", "..")
            and Path(self.file).name == self.file,
            "size_bytes: must be at least 1": self.size_bytes >= 1,
            "sha256: must be 64 lower-case hex digits": _SHA256.fullmatch(self.sha256) is not None,
            "licence: must be stated": bool(self.licence.strip()),
            "training_data: must be stated, also when it is unknown": bool(self.training_data.strip()),
            "evaluation: must be 64 lower-case hex digits, or none": _is_measured(self.evaluation),
            "colour: must be bgr or rgb": self.colour in ("bgr", "rgb"),
            "mean: must be three finite numbers": _are_finite(self.mean),
            "scale: must be three finite numbers above zero": _are_finite(self.scale) and min(self.scale) > 0,
            "dimension: must be given for an embedder": not embedder or (self.dimension or 0) >= 1,
            "dimension: a detector has none": embedder or self.dimension is None,
            "template: must be given for an embedder": not embedder or bool(self.template),
            "template: a detector has none": embedder or self.template is None,
        }
        wrong = [text for text, holds in checks.items() if not holds]
        if wrong:
            raise ValueError("; ".join(wrong))


@dataclass(frozen=True, slots=True)
class EmbeddingContract:
    """Everything that must be equal for two embeddings to be comparable.

    Attributes:
        model_sha256: The embedder.
        detector_sha256: The detector whose landmarks placed the crop; another one moves cosines by up to 0.05.
        template: Name of the alignment template.
        colour: Channel order the embedder was fed.
        mean: As in the manifest.
        scale: As in the manifest.
        dimension: Length of an embedding.
    """

    model_sha256: str
    detector_sha256: str
    template: str
    colour: str
    mean: tuple[float, float, float]
    scale: tuple[float, float, float]
    dimension: int

    @staticmethod
    def of(embedder: ModelManifest, detector: ModelManifest, template: str) -> "EmbeddingContract":
        """The contract of an embedder fed by a detector."""
        colour, mean, scale = embedder.colour, embedder.mean, embedder.scale
        return EmbeddingContract(
            embedder.sha256, detector.sha256, template, colour, mean, scale, embedder.dimension or 0
        )

    @property
    def digest(self) -> str:
        """SHA-256 (hex) over one line a field, `name=value`, in field order; floats in their shortest exact form."""
        values = zip(fields(self), astuple(self), strict=True)
        lines = [f"{field.name}={_stable(value)}\n" for field, value in values]
        return hashlib.sha256("".join(["embedding-contract-1\n", *lines]).encode()).hexdigest()


def read_model(manifest: ModelManifest, folder: Path) -> bytes:
    """The bytes of a model file, exactly those the manifest pins.

    Raises:
        ModelRefused: Missing, a git-lfs pointer, or other bytes than pinned.
    """
    path = folder / manifest.file
    try:
        data = path.read_bytes()
    except OSError as error:
        origin = f"get it from {manifest.source}" if manifest.source else "its manifest names no public source"
        raise ModelRefused(f"{manifest.name}: cannot read {path} ({error.strerror}); {origin}") from error
    if data.startswith(_LFS_POINTER):
        raise ModelRefused(
            f"{manifest.name}: {path} is a git-lfs pointer of {len(data)} bytes, not the model; "
            "run 'git lfs pull' where it was cloned and copy the file again"
        )
    check_model(manifest, data)
    return data


def check_model(manifest: ModelManifest, data: bytes) -> None:
    """Refuse bytes other than those the manifest pins.

    Raises:
        ModelRefused: Names both sizes or both digests.
    """
    if len(data) != manifest.size_bytes:
        raise ModelRefused(
            f"{manifest.name}: expected {manifest.size_bytes} bytes, found {len(data)}; fetch {manifest.file} again"
        )
    found = hashlib.sha256(data).hexdigest()
    if found != manifest.sha256:
        raise ModelRefused(
            f"{manifest.name}: expected sha256 {manifest.sha256}, found {found}; fetch {manifest.file} again, "
            "or write a new manifest under a new name if the model was changed on purpose"
        )


def _is_measured(evaluation: str) -> bool:
    return evaluation == "none" or _SHA256.fullmatch(evaluation) is not None


def _are_finite(values: tuple[float, ...]) -> bool:
    return len(values) == 3 and all(math.isfinite(value) for value in values)


def _stable(value: object) -> str:
    if isinstance(value, tuple):
        return ",".join(repr(float(item)) for item in value)
    return str(value)
