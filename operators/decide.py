"""Compare cosines with the thresholds in force."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from operators.types import Hit

MAX_CANDIDATES = 3  # more than three faces side by side cannot be compared fairly at a glance


@dataclass(frozen=True, slots=True)
class WatchlistRule:
    """When a face counts as a possible match of one list.

    Attributes:
        purpose: Why this list is searched for, one of the deployment's purposes.
        categories: What an entry may be on it for, such as `missing`; nobody is listed for anything else.
        longest_days: No entry may end later than so many days after its enrolment; longer searches are decided anew.
        most_entries: So many people may be on it at once, at least 1. Too high puts innocent people on the screen: the
            chance that a stranger resembles somebody grows with the list. Too low leaves out people who are sought.
        threshold: Cosine in [-1, 1] from which an entry is a candidate. Too low puts innocent people on the
            screen (the chance grows with the length of the list), too high misses those who are sought.
        floor: No threshold of this list may be below it.
        cameras: Thresholds of single cameras, instead of `threshold`.
        canary: Camera that shows nobody who exists, of a list whose people exist only to show that alerts come: they
            are searched for on that camera alone, nobody of any other list is, and their alerts are marked. None: this
            is a list of people who are sought.
    """

    purpose: str
    categories: tuple[str, ...]
    longest_days: int
    most_entries: int
    threshold: float
    floor: float
    cameras: dict[str, float] = field(default_factory=dict)
    canary: str | None = None

    def __post_init__(self) -> None:
        if not self.purpose:
            raise ValueError("purpose: must not be empty")
        if not self.categories or len(set(self.categories)) != len(self.categories) or "" in self.categories:
            raise ValueError("categories: name at least one, each once")
        for name in ("longest_days", "most_entries"):
            if (found := getattr(self, name)) < 1:
                raise ValueError(f"{name}: must be at least 1, found {found}")
        self._check_cosines()

    def threshold_on(self, camera: str) -> float:
        """The cosine from which a face is a match on one camera."""
        return self.cameras.get(camera, self.threshold)

    def _check_cosines(self) -> None:
        exceptions = [(f"cameras.{camera}", value) for camera, value in self.cameras.items()]
        for name, value in [("threshold", self.threshold), ("floor", self.floor), *exceptions]:
            if not -1.0 <= value <= 1.0:
                raise ValueError(f"{name}: a cosine lies in [-1, 1], found {value}")
            if value < self.floor:
                raise ValueError(f"{name}: {value} is below the floor {self.floor}")


@dataclass(frozen=True, slots=True)
class Match:
    """A face that reached the threshold of one list: a candidate until a person has decided.

    Attributes:
        watchlist: Name of the list.
        purpose: The list's purpose.
        threshold: The one applied.
        candidates: One to three hits of that list at or above the threshold, best first.
        is_canary: Whether it is a list of people who exist only to show that alerts come.
    """

    watchlist: str
    purpose: str
    threshold: float
    candidates: tuple[Hit, ...]
    is_canary: bool = False

    @property
    def best(self) -> Hit:
        """The hit that the alert is about."""
        return self.candidates[0]


def match(hits: Sequence[Hit], camera: str, rules: Mapping[str, WatchlistRule]) -> list[Match]:
    """What one face may be, list by list.

    Args:
        hits: What the index found for it, best first within each list.
        camera: Where it was seen.
        rules: The policy's, by list. Hits of a list that has no rule are ignored.

    Returns:
        A match for each list with a hit at or above its threshold, in order of the lists' names.
    """
    found, is_canary = [], any(rule.canary == camera for rule in rules.values())
    for name, rule in sorted(rules.items()):
        if rule.canary != (camera if is_canary else None):
            continue
        threshold = rule.threshold_on(camera)
        candidates = tuple(hit for hit in hits if hit.watchlist == name and hit.cosine >= threshold)
        if candidates:
            found.append(Match(name, rule.purpose, threshold, candidates[:MAX_CANDIDATES], is_canary))
    return found
