"""One step of an alert that is decided again, and what becomes of it."""

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """What becomes of one step."""

    EQUAL = "equal"
    DIFFERS = "differs"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that an alert says, and what it is when it is computed again.

    Attributes:
        what: In words.
        recorded: What the alert says.
        recomputed: What comes out now; why nothing does, when it is gone.
        verdict: Whether these are equal, to the last bit.
    """

    what: str
    recorded: str
    recomputed: str
    verdict: Verdict


def same(what: str, recorded: str, recomputed: str) -> Step:
    """What was computed again is to be what the alert says."""
    return Step(what, recorded, recomputed, Verdict.EQUAL if recorded == recomputed else Verdict.DIFFERS)


def holds(what: str, recorded: str, against: str | None) -> Step:
    """What the alert says is to agree with something else.

    Args:
        what: In words.
        recorded: What the alert says.
        against: Why it does not; None: it does.
    """
    return Step(what, recorded, recorded if against is None else against, Verdict.DIFFERS if against else Verdict.EQUAL)


def gone(what: str, recorded: str, why: str) -> Step:
    """There is nothing any more to compute it from."""
    return Step(what, recorded, why, Verdict.GONE)
