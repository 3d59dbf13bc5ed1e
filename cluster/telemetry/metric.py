"""What a metric is: its name, kind, unit and labels, what it says, and what to do about it."""

import re
from dataclasses import dataclass
from enum import StrEnum

EVERYWHERE = "deployment"
"""The label that every sample has."""
MEMBER = ("member", "node")
CAMERA = (*MEMBER, "camera")
HOLDER = (*MEMBER, "shard", "replica")
"""Of the watchlist: a replica of a shard, or a recogniser that has all of it."""
LABELS = frozenset(
    {*CAMERA, *HOLDER, "stage", "outcome", "reason", "partition", "list", "policy", "digest", "state", "kind"}
)
"""All labels beside `EVERYWHERE` that a metric may have: none has a value for each person or entry."""
_NAME = re.compile(r"beholden_[a-z]+(_[a-z]+)*")
_UNITS = {"_seconds": "s", "_bytes": "By"}


class Kind(StrEnum):
    """How a metric is to be read."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


class Teller(StrEnum):
    """Who serves a metric."""

    SUPERVISOR = "supervisor"
    CANARY = "canary"


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric. Its name ends with its unit, and that of a counter with `_total`.

    Attributes:
        name: As Prometheus has it; a histogram's is followed by `_bucket`, `_sum` and `_count` there.
        kind: See `Kind`.
        labels: Beside `EVERYWHERE`.
        about: What it says.
        advice: What to do about it.
        teller: Who serves it.
        needs_gpu: Whether there is none on a machine without a GPU.
    """

    name: str
    kind: Kind
    labels: tuple[str, ...]
    about: str
    advice: str
    teller: Teller = Teller.SUPERVISOR
    needs_gpu: bool = False

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ValueError(f"{self.name}: beholden_ and words of small letters, joined by _")
        if (self.kind is Kind.COUNTER) != self.name.endswith("_total"):
            raise ValueError(f"{self.name}: counters, and nothing else, end with _total")
        if unknown := set(self.labels).difference(LABELS):
            raise ValueError(f"{self.name}: no metric may have the labels {sorted(unknown)}")

    @property
    def unit(self) -> str:
        """Of its values, as OpenTelemetry writes it; "1" for counts and shares."""
        base = self.name.removesuffix("_total")
        return next((unit for suffix, unit in _UNITS.items() if base.endswith(suffix)), "1")


Sections = dict[str, tuple[Metric, ...]]
"""Metrics by what they are about."""


def counter(name: str, labels: tuple[str, ...], about: str, advice: str, teller: Teller = Teller.SUPERVISOR) -> Metric:
    """A number that only grows, until the process behind it begins anew."""
    return Metric(name, Kind.COUNTER, labels, about, advice, teller)


def gauge(
    name: str,
    labels: tuple[str, ...],
    about: str,
    advice: str,
    teller: Teller = Teller.SUPERVISOR,
    needs_gpu: bool = False,
) -> Metric:
    """A number that is what it is now."""
    return Metric(name, Kind.GAUGE, labels, about, advice, teller, needs_gpu)


def histogram(
    name: str, labels: tuple[str, ...], about: str, advice: str, teller: Teller = Teller.SUPERVISOR
) -> Metric:
    """How often something took so long, seconds; by the buckets of `cluster.stages`."""
    return Metric(name, Kind.HISTOGRAM, labels, about, advice, teller)
