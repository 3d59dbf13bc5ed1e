"""From JPEG bytes to faces and vectors: the chain of vision operators, for frames and for enrolment alike."""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np
import numpy.typing as npt

from operators.align import SIZE_PX, align
from operators.crop import context_crop, paint_over
from operators.decode import decode, encode
from operators.detect import Detector, DetectSettings
from operators.embed import Embedder
from operators.errors import FrameReason, FrameRefused, ModelRefused
from operators.jpeg import JpegLimits, check_header
from operators.quality import QualitySettings, gate_geometry, gate_sharpness
from operators.types import Faces, Float32, Image

_CONTEXT_QUALITY = 90  # for people to look at; what is embedded again is the crop without loss


@dataclass(frozen=True, slots=True, eq=False)
class Origin:
    """What the vectors of one frame were made from, so that an alert's evidence can be. It is gone with its batch.

    Attributes:
        found: All detected faces, also those that are not compared; pixels of the decoded image.
        shape: Of the decoded image, (h, w).
        crops: (n, 112, 112, 3) uint8, BGR: the faces that are compared, exactly as the embedder was given them.
    """

    found: Faces
    shape: tuple[int, int]
    crops: npt.NDArray[np.uint8]


Stretch = tuple[int, int]
"""When something began and when it ended, nanoseconds of `time.perf_counter_ns`; (0, 0): it was not measured."""


@dataclass(frozen=True, slots=True)
class Times:
    """When each stage of one frame began and ended. What is done for several at once has the same times in each.

    Attributes:
        decode: Header check and decoder.
        detect: Detector.
        gate: Gates, and alignment of the faces between them.
        embed: Embedder, for all faces of all frames that were given at once.
        together: How many frames the detector was given at once.
    """

    decode: Stretch = (0, 0)
    detect: Stretch = (0, 0)
    gate: Stretch = (0, 0)
    embed: Stretch = (0, 0)
    together: int = 1

    @property
    def looked_s(self) -> float:
        """How long it took to decode the frame and to find the faces; of several at once, this one's part."""
        return (_length_ns(self.decode) + _length_ns(self.detect) / self.together) / 1e9


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """What one frame showed.

    Attributes:
        faces: The n faces good enough to be compared; boxes and landmarks in pixels of the frame.
        numbers: (n,) which of all detected faces, by descending confidence, each is.
        vectors: (n, d) float32 unit vectors.
        gated: How many faces were not good enough, by reason.
        origin: What the vectors were made from.
        times: When its stages began and ended.
    """

    faces: Faces
    numbers: npt.NDArray[np.intp]
    vectors: Float32
    gated: Counter[str]
    origin: Origin
    times: Times = Times()


@dataclass(frozen=True, slots=True, eq=False)
class _Image:
    """A decoded frame, how many of its pixels one of the image's is, and when it was decoded."""

    pixels: Image
    scale: float
    took: Stretch


@dataclass(frozen=True, slots=True, eq=False)
class _Cut:
    """A frame's faces before they are embedded."""

    faces: Faces
    numbers: npt.NDArray[np.intp]
    gated: Counter[str]
    origin: Origin
    times: Times


class Vision:
    """Detector and embedder with the settings in force. Not thread-safe.

    When `see` returns or raises, the buffers that fed the networks are overwritten. Not overwritten are decoded images
    and crops, which are only freed, and what ONNX Runtime's own arena keeps for its next run.

    Args:
        detector: Finds faces.
        embedder: Makes vectors.
        quality: Which faces are compared.
        limits: What a JPEG may ask for.
        max_side_px: Longer images are decoded at a smaller scale, no further than to this.
        max_faces: Frames with more faces are refused.
        detect_batch: Frames of one size that the detector takes at once.
        decode_threads: Frames decoded at once. From 2 on, later frames are decoded while networks look at earlier ones.

    Raises:
        ModelRefused: The detector's batch is fixed and `detect_batch` asks for more.
    """

    def __init__(
        self,
        detector: Detector,
        embedder: Embedder,
        quality: QualitySettings,
        limits: JpegLimits,
        max_side_px: int,
        max_faces: int,
        detect_batch: int = 1,
        decode_threads: int = 1,
    ) -> None:
        if detect_batch > 1 and detector.batch is not None:
            raise ModelRefused(
                f"the detector takes exactly {detector.batch} image at once and detect_batch is {detect_batch}: set it "
                "to 1, or name a detector with a dynamic batch in the policy"
            )
        self._detector = detector
        self._embedder = embedder
        self._quality = quality
        self._limits = limits
        self._max_side_px = max_side_px
        self._max_faces = max_faces
        self._detect_batch = detect_batch
        self._decode_threads = decode_threads

    @property
    def provider(self) -> str:
        """What the models run on, as ONNX Runtime says."""
        return self._detector.provider

    def adopt(self, detect: DetectSettings, quality: QualitySettings) -> None:
        """Other settings from the next frame on; the models stay."""
        self._detector.adopt(detect)
        self._quality = quality
        self._max_side_px = detect.max_side_px

    def see(self, jpegs: Sequence[bytes]) -> list[Seen | FrameRefused]:
        """Faces and vectors of each frame, or why it was refused. One embedding call for the faces of all frames."""
        try:
            return self._see(jpegs)
        finally:
            self._detector.forget()
            self._embedder.forget()

    def check(self) -> None:
        """Have the networks run on a plain picture and plain crops, as large and as many as they are ever given.

        What fails here is the machine's fault and no frame's.

        Raises:
            Exception: Whatever the models, or the memory they need, fail with.
        """
        try:
            self._detector.detect(np.zeros((self._max_side_px, self._max_side_px, 3), np.uint8))
            self._embedder.embed(np.zeros((self._embedder.chunk, SIZE_PX, SIZE_PX, 3), np.uint8))
        finally:
            self._detector.forget()
            self._embedder.forget()

    def _see(self, jpegs: Sequence[bytes]) -> list[Seen | FrameRefused]:
        with self._decoded(jpegs) as images:
            batches = iter(lambda: list(islice(images, self._detect_batch)), [])
            flat = [cut for batch in batches for cut in self._cut_batch(batch)]
        whole = [cut for cut in flat if isinstance(cut, _Cut)]
        began_ns = time.perf_counter_ns()
        vectors = iter(self._embed([cut.origin.crops for cut in whole]))
        embed = (began_ns, time.perf_counter_ns())
        return [_seen(cut, next(vectors), embed) if isinstance(cut, _Cut) else cut for cut in flat]

    def context(self, jpeg: bytes, seen: Seen, face: int) -> bytes:
        """A JPEG of one face and a little around it, with every other face that was detected painted over.

        The frame is decoded again: keeping every decoded image until its batch is decided would cost more than this
        does for the few frames that lead to an alert.

        Args:
            jpeg: The frame.
            seen: What it showed.
            face: Row of the face in `seen.faces`.

        Raises:
            FrameRefused: It is not the frame that was seen.
        """
        image = decode(jpeg, check_header(jpeg, self._limits), self._max_side_px)
        number, boxes = int(seen.numbers[face]), seen.origin.found.boxes
        paint_over(image, np.delete(boxes, number, axis=0))
        return encode(context_crop(image, boxes[number]), _CONTEXT_QUALITY)

    def join(self, seen: Sequence[Seen]) -> Float32:
        """The vectors of all frames, one below the other: (n, d) float32."""
        parts = [one.vectors for one in seen]
        return np.concatenate(parts) if parts else np.zeros((0, self._embedder.dimension), np.float32)

    def _embed(self, crops: Sequence[npt.NDArray[np.uint8]]) -> list[Float32]:
        if not crops:
            return []
        vectors = self._embedder.embed(np.concatenate(crops))
        return np.split(vectors, np.cumsum([len(part) for part in crops])[:-1])

    def _cut_batch(self, images: Sequence[_Image | FrameRefused]) -> list[_Cut | FrameRefused]:
        found = iter(self._detect([image.pixels for image in images if not isinstance(image, FrameRefused)]))
        return [image if isinstance(image, FrameRefused) else self._cut(image, *next(found)) for image in images]

    @contextmanager
    def _decoded(self, jpegs: Sequence[bytes]) -> Iterator[Iterator[_Image | FrameRefused]]:
        """The images, each decoded when it is asked for, or before by threads that end with this block."""
        if self._decode_threads == 1:
            yield map(self._decode, jpegs)
            return
        with ThreadPoolExecutor(self._decode_threads, "decode") as pool:
            yield pool.map(self._decode, jpegs)

    def _decode(self, jpeg: bytes) -> _Image | FrameRefused:
        began_ns = time.perf_counter_ns()
        try:
            header = check_header(jpeg, self._limits)
            image = decode(jpeg, header, self._max_side_px)
        except FrameRefused as refused:
            return refused
        return _Image(image, header.width / image.shape[1], (began_ns, time.perf_counter_ns()))

    def _detect(self, images: list[Image]) -> list[tuple[Faces, Times]]:
        """Faces of each image, and when; images of one size in one call where the detector's batch allows it."""
        if self._detect_batch == 1 or len({image.shape for image in images}) > 1:
            return [_timed(self._detect_one, [image])[0] for image in images]
        return _timed(self._detector.detect_batch, images) if images else []

    def _detect_one(self, images: list[Image]) -> list[Faces]:
        return [self._detector.detect(images[0])]

    def _cut(self, decoded: _Image, found: Faces, times: Times) -> _Cut | FrameRefused:
        if len(found) > self._max_faces:
            return FrameRefused(FrameReason.TOO_MANY_FACES, f"{len(found)} faces; {self._max_faces} at most")
        began_ns, image, scale = time.perf_counter_ns(), decoded.pixels, np.float32(decoded.scale)
        if not len(found):
            return _nobody(image, replace(times, decode=decoded.took, gate=(began_ns, began_ns)))
        reasons = gate_geometry(found, image.shape, self._quality)
        numbers = np.flatnonzero([reason is None for reason in reasons])
        gated = Counter(str(reason) for reason in reasons if reason is not None)
        crops = align(image, found.landmarks[numbers])
        blurred = gate_sharpness(crops, self._quality)
        gated.update(str(reason) for reason in blurred if reason is not None)
        sharp = np.flatnonzero([reason is None for reason in blurred])
        kept = found.take(numbers[sharp])
        faces = Faces(kept.boxes * scale, kept.confidence, kept.landmarks * scale)
        origin = Origin(found, (image.shape[0], image.shape[1]), crops[sharp])
        times = replace(times, decode=decoded.took, gate=(began_ns, time.perf_counter_ns()))
        return _Cut(faces, numbers[sharp], gated, origin, times)


def _nobody(image: Image, times: Times) -> _Cut:
    """What the many frames without a face come to, without 0.1 ms of looking for what is not there."""
    origin = Origin(Faces.none(), (image.shape[0], image.shape[1]), np.zeros((0, SIZE_PX, SIZE_PX, 3), np.uint8))
    return _Cut(Faces.none(), np.zeros(0, np.intp), Counter(), origin, times)


def _seen(cut: _Cut, vectors: Float32, embed: Stretch) -> Seen:
    return Seen(cut.faces, cut.numbers, vectors, cut.gated, cut.origin, replace(cut.times, embed=embed))


def _timed(detect: Callable[[list[Image]], list[Faces]], images: list[Image]) -> list[tuple[Faces, Times]]:
    began_ns = time.perf_counter_ns()
    found = detect(images)
    times = Times(detect=(began_ns, time.perf_counter_ns()), together=len(images))
    return [(faces, times) for faces in found]


def _length_ns(stretch: Stretch) -> int:
    began_ns, ended_ns = stretch
    return ended_ns - began_ns
