"""Where every frame went: frames in = alerted + no match + shed + dead-lettered, by reason, always."""

from collections import Counter
from enum import StrEnum


class Outcome(StrEnum):
    """What became of a frame."""

    ALERTED = "alerted"
    NO_MATCH = "no_match"
    SHED = "shed"
    DEAD_LETTERED = "dead_lettered"


class NoMatch(StrEnum):
    """Why a frame led to no alert, the farthest stage any of its faces reached."""

    NO_FACE = "no_face"
    GATED = "gated"
    BELOW_THRESHOLD = "below_threshold"
    UNCONFIRMED = "unconfirmed"
    REPEATED = "repeated"


class Shed(StrEnum):
    """Why a frame was passed over unseen."""

    TOO_OLD = "too_old"


class Account:
    """Counts of one process since its start. Nothing in it tells one face from another."""

    def __init__(self) -> None:
        self.frames_in = 0
        self.frames_out: Counter[tuple[str, str]] = Counter()
        self.given_back = 0
        self.faces: Counter[str] = Counter()
        self.alerts = 0

    def close(self, outcome: Outcome, reason: str) -> None:
        """One frame has reached its end."""
        self.frames_out[outcome, reason] += 1

    @property
    def open(self) -> int:
        """Frames taken in that have no outcome yet; 0 between batches."""
        return self.frames_in - self.frames_out.total()

    def give_back(self) -> None:
        """The open frames were not finished and not committed: whoever reads them next accounts for them."""
        self.given_back += self.open
        self.frames_in -= self.open

    def summary(self) -> dict[str, object]:
        """Counts by outcome and reason, and faces by what the gates said."""
        outcomes: dict[str, dict[str, int]] = {outcome: {} for outcome in Outcome}
        for (outcome, reason), count in sorted(self.frames_out.items()):
            outcomes[outcome][reason] = count
        return {
            "frames_in": self.frames_in,
            "open": self.open,
            "given_back": self.given_back,
            **outcomes,
            "faces": dict(self.faces),
            "alerts": self.alerts,
        }
