"""Whether what was found is enough."""

from dataclasses import dataclass

from loadtests.evaluate.findings import Findings, Point, Tones, percent
from loadtests.evaluate.rates import Rate

RECALL_FLOOR, FALSE_FACES_FLOOR, TPIR_FLOOR, TPIR_GOAL, TONES_FLOOR = 0.98, 1.0, 0.95, 0.97, 0.02


@dataclass(frozen=True, slots=True)
class Verdict:
    """One thing that is asked.

    Attributes:
        asked: In words.
        found: The figure.
        met: Whether it is enough.
        is_floor: Whether falling short is a failure; otherwise it is a goal.
    """

    asked: str
    found: str
    met: bool
    is_floor: bool = True


def verdicts(findings: Findings) -> list[Verdict]:
    """Everything that is asked, held against what was found."""
    there, seen = findings.identification, findings.detection
    loose, strict = there.points[:2]
    false = seen.per_100(seen.false_faces)
    largest = largest_difference(there.tones)
    unseen = max(max(each.tpir.detectable, each.fpir.detectable) for each in there.tones)
    return [
        Verdict(
            f"recall of faces of 40 px and more at least {percent(RECALL_FLOOR)}",
            _share(seen.recall),
            seen.recall.value >= RECALL_FLOOR,
        ),
        Verdict(f"at most {FALSE_FACES_FLOOR:g} false face in 100 frames", f"{false:.2f}", false <= FALSE_FACES_FLOOR),
        _rate_verdict(loose, TPIR_FLOOR, is_floor=True),
        _rate_verdict(strict, TPIR_GOAL, is_floor=False),
        Verdict(
            f"groups of skin tone within {100 * TONES_FLOOR:g} points",
            f"{100 * largest:.2f} points between the furthest apart; one of {100 * unseen:.2f} could go unseen",
            largest <= TONES_FLOOR,
        ),
    ]


def largest_difference(tones: tuple[Tones, ...]) -> float:
    """Of both rates, at both thresholds; NaN where a group is empty."""
    found = [parity.largest for each in tones for parity in (each.tpir, each.fpir)]
    return float("nan") if any(value != value for value in found) else max(found)


def _rate_verdict(point: Point, least: float, is_floor: bool) -> Verdict:
    asked = f"TPIR at least {percent(least)} at FPIR {percent(point.target or 0)}"
    if not point.is_told:
        return Verdict(asked, f"cannot be told from {point.fpir.of} probes", False, is_floor)
    return Verdict(asked, _share(point.tpir), point.tpir.value >= least, is_floor)


def _share(rate: Rate) -> str:
    low, high = rate.widest
    return f"{100 * rate.value:.2f} % ({100 * low:.2f} to {100 * high:.2f})"
