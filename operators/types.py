"""The values that flow between operators."""

from dataclasses import dataclass
from datetime import datetime

import numpy as np
import numpy.typing as npt

Float32 = npt.NDArray[np.float32]
Image = npt.NDArray[np.uint8]
"""(h, w, 3) uint8, BGR, row 0 at the top."""


@dataclass(frozen=True, slots=True, order=True)
class FrameRef:
    """Where a frame stands in Kafka: the name it has in alerts and dead letters."""

    topic: str
    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.topic}/{self.partition}/{self.offset}"


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One JPEG of one camera, as it came from the source.

    Attributes:
        ref: Where it stands in Kafka.
        camera: Camera id, any UTF-8 text without control characters.
        jpeg: The encoded image.
        captured_at: UTC-aware; from the header `captured_at`, else Kafka's record timestamp.
        stream: Name of the camera's run, changes when it restarts; None when not given.
        seq: Number of the frame within its stream; None when not given.
        traceparent: W3C trace context; None when not given.
    """

    ref: FrameRef
    camera: str
    jpeg: bytes
    captured_at: datetime
    stream: str | None = None
    seq: int | None = None
    traceparent: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Faces:
    """All faces of one image, as a struct of arrays.

    Attributes:
        boxes: (n, 4) float32, pixels, left, top, right, bottom; may lie partly outside the image.
        confidence: (n,) float32 in [0, 1], the detector's own; descending.
        landmarks: (n, 5, 2) float32, pixels, x then y: subject's right eye, left eye, nose tip,
            right mouth corner, left mouth corner.
    """

    boxes: Float32
    confidence: Float32
    landmarks: Float32

    def __post_init__(self) -> None:
        n = len(self.boxes)
        expected = {"boxes": (n, 4), "confidence": (n,), "landmarks": (n, 5, 2)}
        for name, shape in expected.items():
            found = getattr(self, name).shape
            if found != shape:
                raise ValueError(f"Faces.{name}: expected shape {shape}, found {found}")

    def __len__(self) -> int:
        return len(self.boxes)

    def take(self, rows: npt.NDArray[np.intp] | npt.NDArray[np.bool_]) -> "Faces":
        """The faces at `rows`, in that order."""
        return Faces(self.boxes[rows], self.confidence[rows], self.landmarks[rows])

    @staticmethod
    def none() -> "Faces":
        """No faces."""
        return Faces(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros((0, 5, 2), np.float32))


@dataclass(frozen=True, slots=True)
class Generation:
    """Which state of the watchlist answered.

    Attributes:
        shard: 0-based shard that answered, and of how many.
        shards: Number of shards.
        number: Records of the watchlist topic applied to this shard: the sum of its partitions' next offsets.
        digest: SHA-256 (hex) over the shard's entries in force, sorted by reference.
    """

    shard: int
    shards: int
    number: int
    digest: str


@dataclass(frozen=True, slots=True)
class Hit:
    """One watchlist entry found for one face.

    Attributes:
        entry: Opaque reference of the entry.
        entry_digest: SHA-256 (hex) of the entry's record.
        watchlist: Name of the list it is on.
        cosine: In [-1, 1], higher is more alike.
        generation: State of the watchlist that answered.
    """

    entry: str
    entry_digest: str
    watchlist: str
    cosine: float
    generation: Generation
