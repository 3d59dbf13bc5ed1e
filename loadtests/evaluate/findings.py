"""What an evaluation found, as plain values."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from loadtests.evaluate.counts import Counts
from loadtests.evaluate.parity import Parity
from loadtests.evaluate.rates import Interval, Rate

STRICT, LOOSE = 0.001, 0.01
"""False positive identification rates at which thresholds are set."""


@dataclass(frozen=True, slots=True)
class Point:
    """One threshold and what it does.

    Attributes:
        name: Why this threshold.
        target: The FPIR it was chosen for, None for one that a policy states.
        threshold: Cosine.
        fpir: Probes of people on no list that raise an alert.
        tpir: Mated probes that find their own entry first, at or above the threshold.
        misled: Mated probes that raise an alert for somebody else; they count as misses.
    """

    name: str
    target: float | None
    threshold: float
    fpir: Rate
    tpir: Rate
    misled: int

    @property
    def is_told(self) -> bool:
        """Whether there are enough probes to choose a threshold for this rate at all."""
        return self.target is None or self.target * self.fpir.of >= 1


@dataclass(frozen=True, slots=True)
class Condition:
    """Pictures taken under one condition.

    Attributes:
        kind: What is told apart.
        label: Which of it.
        lacking: Mated probes that were not searched.
        tpir: At the threshold for STRICT.
        fpir: At the same.
    """

    kind: str
    label: str
    lacking: Rate
    tpir: Rate
    fpir: Rate


@dataclass(frozen=True, slots=True)
class Tones:
    """Groups of skin tone at one threshold, the lightest first."""

    target: float
    tpir: Parity
    fpir: Parity


@dataclass(frozen=True, slots=True)
class Probes:
    """What became of pictures on their way to the search.

    Attributes:
        taken: How many.
        lacking: How many were not searched, by reason.
        false_faces: Faces that would have been searched too and are nobody's.
    """

    taken: int
    lacking: Mapping[str, int]
    false_faces: int = 0

    @property
    def searched(self) -> int:
        """How many were."""
        return self.taken - sum(self.lacking.values())


@dataclass(frozen=True, slots=True)
class Curve:
    """Both rates over thresholds, ascending."""

    thresholds: tuple[float, ...]
    fpir: tuple[Rate, ...]
    tpir: tuple[Rate, ...]


@dataclass(frozen=True, slots=True)
class Histogram:
    """How often cosines fall into bins.

    Attributes:
        edges: Of the bins, ascending, one more than there are bins.
        mated: Cosine of a mated probe with its own entry.
        unlisted: Cosine of other probes with the most alike entry.
    """

    edges: tuple[float, ...]
    mated: tuple[int, ...]
    unlisted: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Identification:
    """How well people are found on the watchlist.

    Attributes:
        references: Studio pictures; those searched are the N entries.
        mated: Street pictures of listed people, those who could not be enrolled included.
        unlisted: Street pictures of other people.
        ties: Probes that are as alike to a second entry as to the best.
        points: For LOOSE, for STRICT, then one a list of the policy.
        conditions: At the threshold for STRICT.
        tones: For LOOSE and for STRICT.
        curve: All thresholds.
        histogram: All cosines.
    """

    references: Probes
    mated: Probes
    unlisted: Probes
    ties: int
    points: tuple[Point, ...]
    conditions: tuple[Condition, ...]
    tones: tuple[Tones, ...]
    curve: Curve
    histogram: Histogram


@dataclass(frozen=True, slots=True)
class Size:
    """Faces of one range of widths.

    Attributes:
        label: Which.
        recall: Those that the detector finds.
        passing: Those that also pass the gates.
    """

    label: str
    recall: Rate
    passing: Rate


@dataclass(frozen=True, slots=True)
class Detection:
    """How well faces are found in street scenes.

    Attributes:
        scenes: How many.
        empty: How many of them without anybody.
        people: In all scenes.
        ignored: True faces that count for nothing: too small or hidden.
        sizes: By width.
        recall: Of faces of 40 px and more.
        tight: The same, with half of the union in common.
        false_faces: Boxes that are no face.
        false_interval: 95 % interval of that number.
        false_in_empty: Those of them in scenes without anybody.
        false_passing: Those of them that pass the gates and would be searched.
        landmark_median: Mean distance of the five landmarks from the true ones, over the face's width.
        landmark_p95: The same, of the worst in 20.
        overlap_median: Intersection over union of found faces.
    """

    scenes: int
    empty: int
    people: int
    ignored: int
    sizes: tuple[Size, ...]
    recall: Rate
    tight: Rate
    false_faces: int
    false_interval: Interval
    false_in_empty: int
    false_passing: int
    landmark_median: float
    landmark_p95: float
    overlap_median: float

    def per_100(self, events: float) -> float:
        """In 100 scenes."""
        return 100 * events / self.scenes


@dataclass(frozen=True, slots=True)
class Findings:
    """Everything an evaluation found.

    Attributes:
        about: Machine, versions, command, date, digests.
        counts: How much was measured.
        identification: On the watchlist.
        detection: In scenes.
    """

    about: Mapping[str, Any]
    counts: Counts
    identification: Identification
    detection: Detection


def percent(share: float) -> str:
    """A share as it is written, 0.001 as 0.1 %."""
    return f"{100 * share:g} %"
