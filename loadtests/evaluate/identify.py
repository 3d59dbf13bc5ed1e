"""From what was seen in pictures to what an evaluation says of identification."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from loadtests.evaluate.conditions import CONDITIONS, holding
from loadtests.evaluate.findings import (
    LOOSE,
    STRICT,
    Condition,
    Curve,
    Histogram,
    Identification,
    Point,
    Probes,
    Tones,
    percent,
)
from loadtests.evaluate.identification import NOTHING, Best, of_mate, reaches, search, threshold_at
from loadtests.evaluate.looks import Look, Sitter
from loadtests.evaluate.parity import compare
from loadtests.evaluate.rates import Bools, Floats, Rows, rate
from loadtests.evaluate.subjects import GROUPS
from operators.types import Float32

_BINS = 0.02
_CURVE_POINTS = 60


@dataclass(frozen=True, slots=True, eq=False)
class _Probes:
    """Probes as arrays of one length.

    Attributes:
        looks: As they were seen.
        cosines: (n,) with which each raises the alert that it is judged by.
        people: (n,) number of the person.
        groups: (n,) of the person's skin.
    """

    looks: Sequence[Look]
    cosines: Floats
    people: Rows
    groups: Rows

    @property
    def lacking(self) -> Bools:
        return np.array([look.vector is None for look in self.looks], bool)

    def summary(self) -> Probes:
        return _summary(self.looks)


def identify(
    sitters: Sequence[Sitter], passers: Sequence[Look], thresholds: Mapping[str, float], seed: int
) -> Identification:
    """Enrol everybody who can be enrolled, search all probes, and count.

    Args:
        sitters: People of the watchlist.
        passers: One look at each person of no list.
        thresholds: The policy's, by list.
        seed: Of resampling and shuffles.
    """
    rows, watchlist = _enrol([sitter.reference for sitter in sitters])
    looks = [look for sitter in sitters for look in sitter.probes]
    people = np.repeat(np.arange(len(sitters)), [len(sitter.probes) for sitter in sitters])
    best = search([look.vector for look in looks], watchlist)
    strangers = search([look.vector for look in passers], watchlist)
    mated = _Probes(looks, of_mate(best, rows[people]), people, _groups(looks))
    unlisted = _Probes(passers, strangers.cosine, np.arange(len(passers)), _groups(passers))
    chosen = {f"FPIR {percent(target)}": (target, threshold_at(unlisted.cosines, target)) for target in (LOOSE, STRICT)}
    stated = {f"policy: {name}": (None, value) for name, value in thresholds.items()}
    points = [
        _point(name, target, value, mated, unlisted, best, seed)
        for name, (target, value) in {**chosen, **stated}.items()
    ]
    return Identification(
        references=_summary([sitter.reference for sitter in sitters]),
        mated=mated.summary(),
        unlisted=unlisted.summary(),
        ties=best.ties + strangers.ties,
        points=tuple(points),
        conditions=tuple(_conditions(points[1].threshold, mated, unlisted, seed)),
        tones=tuple(_tones(point, mated, unlisted, seed) for point in points[:2]),
        curve=_curve(mated, unlisted, thresholds.values(), seed),
        histogram=_histogram(looks, rows[people], watchlist, strangers),
    )


def _enrol(references: Sequence[Look]) -> tuple[Rows, Float32]:
    """The row of each person, -1 for those who could not be enrolled, and the watchlist."""
    there = [look.vector is not None for look in references]
    rows = np.where(there, np.cumsum(there) - 1, -1).astype(np.intp)
    vectors = [look.vector for look in references if look.vector is not None]
    return rows, np.stack(vectors) if vectors else np.zeros((0, 1), np.float32)


def _groups(looks: Sequence[Look]) -> Rows:
    return np.array([look.subject.group for look in looks], np.intp)


def _summary(looks: Sequence[Look]) -> Probes:
    reasons = Counter(look.reason for look in looks if look.reason is not None)
    return Probes(len(looks), dict(reasons.most_common()), sum(look.false_faces for look in looks))


def _point(
    name: str, target: float | None, threshold: float, mated: _Probes, unlisted: _Probes, best: Best, seed: int
) -> Point:
    found = reaches(mated.cosines, threshold)
    return Point(
        name=name,
        target=target,
        threshold=threshold,
        fpir=rate(reaches(unlisted.cosines, threshold)),
        tpir=rate(found, mated.people, seed),
        misled=int((reaches(best.cosine, threshold) & ~found).sum()),
    )


def _conditions(threshold: float, mated: _Probes, unlisted: _Probes, seed: int) -> list[Condition]:
    found, alerts, lacking = reaches(mated.cosines, threshold), reaches(unlisted.cosines, threshold), mated.lacking
    rows = []
    for kind, labels in CONDITIONS:
        for label, holds in labels:
            own = holding([look.picture for look in mated.looks], holds)
            others = holding([look.picture for look in unlisted.looks], holds)
            tpir = rate(found[own], mated.people[own], seed)
            rows.append(Condition(kind, label, rate(lacking[own]), tpir, rate(alerts[others])))
    return rows


def _tones(point: Point, mated: _Probes, unlisted: _Probes, seed: int) -> Tones:
    found, alerts = reaches(mated.cosines, point.threshold), reaches(unlisted.cosines, point.threshold)
    return Tones(
        target=point.target or 0.0,
        tpir=compare(found, mated.people, mated.groups, GROUPS, seed),
        fpir=compare(alerts, unlisted.people, unlisted.groups, GROUPS, seed),
    )


def _curve(mated: _Probes, unlisted: _Probes, stated: Iterable[float], seed: int) -> Curve:
    """Thresholds for rates that are evenly spaced on a logarithmic scale, and those that a policy states."""
    shares = np.geomspace(0.9 / len(unlisted.cosines), 1, _CURVE_POINTS)
    thresholds = sorted({*stated, *(threshold_at(unlisted.cosines, float(share)) for share in shares)})
    return Curve(
        tuple(thresholds),
        tuple(rate(reaches(unlisted.cosines, each)) for each in thresholds),
        tuple(rate(reaches(mated.cosines, each), mated.people, seed) for each in thresholds),
    )


def _histogram(looks: Sequence[Look], rows: Rows, watchlist: Float32, strangers: Best) -> Histogram:
    own = [
        float(look.vector @ watchlist[row])
        for look, row in zip(looks, rows, strict=True)
        if look.vector is not None and row >= 0
    ]
    edges = np.round(np.arange(-1, 1 + 1.5 * _BINS, _BINS), 2)
    other = strangers.cosine[strangers.cosine > NOTHING]
    counts = [np.histogram(np.array(values), edges)[0] for values in (own, other)]
    return Histogram(tuple(map(float, edges)), *(tuple(map(int, each)) for each in counts))
