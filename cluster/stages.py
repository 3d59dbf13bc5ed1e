"""How long each stage takes: counted in fixed buckets, so that counting costs no more than an addition."""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from operators.errors import FrameReason

if TYPE_CHECKING:
    from operators.vision import Times

BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Stage(StrEnum):
    """What is done for a frame, in its order."""

    TOPIC = "topic"  # from its capture, as the camera says, until it is polled
    TURN = "turn"  # from there until its camera's turn has come
    DECODE = "decode"
    DETECT = "detect"
    GATE = "gate"  # gates, and the alignment of faces that pass
    EMBED = "embed"
    SEARCH = "search"
    DECIDE = "decide"
    EVIDENCE = "evidence"  # from sealing it until the broker has it and the ledger can be written
    PUBLISH = "publish"  # from the last alert or dead letter of a frame until the broker has all of them


_FOUND_OUT = {
    FrameReason.NO_CAMERA: Stage.TOPIC,
    FrameReason.CAMERA_ID_INVALID: Stage.TOPIC,
    FrameReason.UNKNOWN_CAMERA: Stage.TOPIC,
    FrameReason.METADATA_INVALID: Stage.TOPIC,
    FrameReason.QUARANTINED: Stage.TOPIC,
    FrameReason.TOO_MANY_FACES: Stage.DETECT,
    FrameReason.MODEL_FAILED: Stage.DETECT,
}
"""Which stage finds out that a frame cannot be processed; all other reasons are those of its header and decoder."""


@dataclass(frozen=True, slots=True)
class Durations:
    """How often something took so long.

    Attributes:
        counts: By the buckets of `BUCKETS_S`, each without those before it, and one for all that took longer.
        total_s: Of all together.
    """

    counts: tuple[int, ...] = (0,) * (len(BUCKETS_S) + 1)
    total_s: float = 0.0

    @property
    def count(self) -> int:
        """How often in all."""
        return sum(self.counts)


def bucket_of(seconds: float) -> int:
    """Number of the bucket that counts a duration; a clock that was put back counts as no time."""
    return bisect_left(BUCKETS_S, max(0.0, seconds))


class Histogram:
    """Counts durations. Not thread-safe, but read from any thread."""

    def __init__(self) -> None:
        self._counts = [0] * (len(BUCKETS_S) + 1)
        self._total_s = 0.0

    def took(self, seconds: float, times: int = 1) -> None:
        """Something took so long, so many times; see `bucket_of`."""
        self._counts[bucket_of(seconds)] += times
        self._total_s += max(0.0, seconds) * times

    @property
    def durations(self) -> Durations:
        """All that was counted."""
        return Durations(tuple(self._counts), self._total_s)


class Stages:
    """The stages of one recogniser since its start. Not thread-safe, but read from any thread."""

    def __init__(self) -> None:
        self._histograms = {stage: Histogram() for stage in Stage}
        self._errors = dict.fromkeys(Stage, 0)

    def took(self, stage: Stage, seconds: float, times: int = 1) -> None:
        """A stage has been gone through, once for a frame or once for a batch, as that stage works."""
        self._histograms[stage].took(seconds, times)

    def failed(self, stage: Stage) -> None:
        """A stage has failed, once; it may be tried again."""
        self._errors[stage] += 1

    def refused(self, reason: FrameReason) -> None:
        """A frame cannot be processed: the stage that found it out has failed."""
        self.failed(_FOUND_OUT.get(reason, Stage.DECODE))

    @contextmanager
    def watched(self, stage: Stage) -> Iterator[None]:
        """Around what fails when the stage does."""
        try:
            yield
        except Exception:
            self.failed(stage)
            raise

    def looked(self, times: "Times") -> None:
        """A frame was looked at."""
        for stage, (began_ns, ended_ns) in (
            (Stage.DECODE, times.decode),
            (Stage.DETECT, times.detect),
            (Stage.GATE, times.gate),
            (Stage.EMBED, times.embed),
        ):
            if ended_ns:
                self.took(stage, (ended_ns - began_ns) / 1e9)

    @property
    def durations(self) -> Mapping[str, Durations]:
        """By stage, those that were gone through."""
        found = {str(stage): histogram.durations for stage, histogram in self._histograms.items()}
        return {stage: durations for stage, durations in found.items() if durations.count}

    @property
    def errors(self) -> Mapping[str, int]:
        """By stage, all of them."""
        return {str(stage): failed for stage, failed in self._errors.items()}


def cumulative(durations: Durations) -> Iterable[tuple[float, int]]:
    """By upper bound, all that took no longer; the last bound is infinite."""
    so_far = 0
    for bound, count in zip((*BUCKETS_S, float("inf")), durations.counts, strict=True):
        so_far += count
        yield bound, so_far
