"""Between which two rates the highest lies at which a verdict holds: which to try next, and what is known by then."""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

_LONGEST_STEP = 4  # times the factor by itself: 2.4 times as many with a factor of 1.25


class Outcome(StrEnum):
    """What came of one trial."""

    HOLDS = "holds"  # the verdict was good, and what waited did not grow
    FAILS = "fails"
    DISTURBED = "disturbed"  # it failed while other programs took a part of the machine: it is tried again
    SENDER = "sender"  # sending was the limit: it says nothing of the cluster, and counts as no capacity


@dataclass(frozen=True, slots=True)
class Seen:
    """What was seen of one rate.

    Attributes:
        fps: Frames a second of all cameras.
        holds: In how many trials the verdict held.
        fails: In how many it did not.
        sender: In how many sending was the limit.
    """

    fps: float
    holds: int = 0
    fails: int = 0
    sender: int = 0

    @property
    def trials(self) -> int:
        """All of them."""
        return self.holds + self.fails + self.sender

    @property
    def is_held(self) -> bool:
        """Whether the verdict held in most of them; as often as not is not enough."""
        return 2 * self.holds > self.trials


@dataclass(frozen=True, slots=True)
class Bracket:
    """What is known.

    Attributes:
        holds: The highest rate that holds below every one that does not; None: there is none.
        fails: The lowest rate that does not hold; None: there is none.
    """

    holds: Seen | None
    fails: Seen | None


@dataclass(frozen=True, slots=True)
class Search:
    """How a rate is searched for.

    Attributes:
        first: The rate that is tried first.
        factor: To go up and down by, until one holds and one does not; above 1. The further it goes, the longer its
            steps.
        precision: How near these two must come, as a share; above 0.
        repeats: How often each of these two is tried in the end.
    """

    first: float
    factor: float = 1.25
    precision: float = 0.05
    repeats: int = 3

    def __post_init__(self) -> None:
        if self.first <= 0 or self.factor <= 1 or self.precision <= 0 or self.repeats < 1:
            raise ValueError("first: must be above 0, factor above 1, precision above 0 and repeats at least 1")

    def next(self, tried: Sequence[tuple[float, Outcome]]) -> float | None:
        """The rate to try next; None: nothing more is to be learnt.

        Args:
            tried: Rates as this gave them, and what came of each, in any order.
        """
        known = bracket(tried)
        low, high = known.holds, known.fails
        if low is None and high is None:
            return self.first
        step: float = self.factor ** min(_LONGEST_STEP, 2 ** (len(seen_of(tried)) - 1))
        if high is None and low is not None:
            return low.fps * step
        if low is None and high is not None:
            return high.fps / step
        assert low is not None and high is not None  # noqa: S101, PT018 - the four cases are all there are
        if high.fps > low.fps * (1 + self.precision):
            return math.sqrt(low.fps * high.fps)
        fewer = min((high, low), key=lambda each: each.trials)
        return fewer.fps if fewer.trials < self.repeats else None


def bracket(tried: Sequence[tuple[float, Outcome]]) -> Bracket:
    """What trials say together."""
    seen = sorted(seen_of(tried).values(), key=lambda each: each.fps)
    fails = next((each for each in seen if not each.is_held), None)
    below = [each for each in seen if each.is_held and (fails is None or each.fps < fails.fps)]
    return Bracket(below[-1] if below else None, fails)


def seen_of(tried: Sequence[tuple[float, Outcome]]) -> Mapping[float, Seen]:
    """By rate, what was seen of it."""
    counts = defaultdict[float, list[Outcome]](list)
    for fps, outcome in tried:
        if outcome is not Outcome.DISTURBED:
            counts[fps].append(outcome)
    counted = (Outcome.HOLDS, Outcome.FAILS, Outcome.SENDER)
    return {fps: Seen(fps, *(found.count(each) for each in counted)) for fps, found in counts.items()}
