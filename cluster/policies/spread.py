"""Whether all recognisers go by the newest policy, and how far apart they changed over to it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

LONGEST_S = 2.0  # that recognisers may go by different policies


@dataclass(frozen=True, slots=True)
class Newest:
    """The newest policy there is."""

    number: int
    digest: str


@dataclass(frozen=True, slots=True)
class GoesBy:
    """By which policy a recogniser goes.

    Attributes:
        number: The policy's.
        digest: Its digest.
        switched_at: When it changed over to it, UTC-aware; None when it has begun with it.
    """

    number: int
    digest: str
    switched_at: datetime | None


@dataclass(frozen=True, slots=True)
class Case:
    """Recognisers that went by different policies for too long.

    Attributes:
        newest: What they were to go by.
        late: Names of those that did not, or did so last.
        seconds: For how long, at least.
        is_over: Whether all go by it now.
    """

    newest: Newest
    late: tuple[str, ...]
    seconds: float
    is_over: bool

    def __str__(self) -> str:
        """In words."""
        names, number = ", ".join(self.late), self.newest.number
        if self.is_over:
            return f"{names} changed over to policy {number} {self.seconds:.1f} s after the first"
        return f"{names} has not changed over to policy {number} within {self.seconds:.1f} s"


class Spread:
    """Looks at all recognisers from time to time. Not thread-safe.

    Attributes:
        cases: What is wrong with the newest policy now.
        late_members: How many recognisers go by an older one, or by another of the same number.
        apart_s: How far apart they changed over to it; while some are late, since when they are.
    """

    def __init__(self) -> None:
        self.cases: list[Case] = []
        self.late_members = 0
        self.apart_s = 0.0
        self._newest: Newest | None = None
        self._since_s = 0.0
        self._late = frozenset[str]()
        self._told = set[tuple[str, bool]]()

    def look(self, newest: Newest | None, lanes: Mapping[str, GoesBy], asked_s: float) -> list[Case]:
        """What is wrong that has not been told of yet: each case of a policy once.

        A recogniser is late once it has been found so twice: its first answer may be older than the policy.

        Args:
            newest: The newest policy there is, as far as is known.
            lanes: What recognisers say, those that have begun.
            asked_s: When they were asked, seconds of a clock that only goes on.
        """
        if newest is None:
            return []
        if newest != self._newest:
            self._newest, self._since_s, self._late, self._told = newest, asked_s, frozenset(), set()
        late_s = asked_s - self._since_s
        late = frozenset(name for name, lane in lanes.items() if _is_late(newest, lane))
        behind = _behind(newest, lanes)
        self.late_members, self.apart_s = len(late), late_s if late else max(behind.values(), default=0.0)
        again, self._late = (late & self._late, late) if late_s > LONGEST_S else (frozenset(), frozenset())
        found = [Case(newest, tuple(sorted(again)), late_s, False)] if again else []
        found += [] if late else _apart(newest, behind)
        self.cases = found
        untold = [case for case in found if any((name, case.is_over) not in self._told for name in case.late)]
        self._told |= {(name, case.is_over) for case in found for name in case.late}
        return untold

    @property
    def has_late(self) -> bool:
        """Whether somebody may be late: the next look says."""
        return bool(self._late)


def _is_late(newest: Newest, lane: GoesBy) -> bool:
    """Whether it goes by an older policy, or by another of the same number."""
    return lane.number < newest.number or (lane.number == newest.number and lane.digest != newest.digest)


def _behind(newest: Newest, lanes: Mapping[str, GoesBy]) -> dict[str, float]:
    """How many seconds after the first each changed over, of those that did; who began with the policy did not."""
    at = {name: lane.switched_at for name, lane in lanes.items() if lane.switched_at and lane.digest == newest.digest}
    first = min(at.values(), default=None)
    return {name: (then - first).total_seconds() for name, then in at.items()} if first else {}


def _apart(newest: Newest, behind: Mapping[str, float]) -> list[Case]:
    names = tuple(sorted(name for name, seconds in behind.items() if seconds > LONGEST_S))
    return [Case(newest, names, max(behind.values()), True)] if names else []
