"""The highest rate at which the verdict of a scenario holds: found by trying, within a time that is given."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Any, Protocol

from cluster.wire.text import format_time
from loadtests.load.bracket import Bracket, Outcome, Search, Seen, bracket
from loadtests.load.result import Result, plain
from loadtests.load.samples import Sample
from loadtests.load.scenario import Scenario
from loadtests.load.shapes import Course, Shape
from loadtests.load.trial import Trial, trial_of
from operators.errors import DeploymentFailed, SettingsRefused

FORM = "beholden.capacity.v1"
AGAIN = 3  # times a rate is tried again that failed while other programs worked; then it counts as it is
_MANY = 3  # trials of a rate from which on most of them say something


class Runs(Protocol):
    """Shows scenarios one after the other; see `session.Session`."""

    def check(self, scenario: Scenario) -> None:
        """Make sure that a scenario can be judged."""
        ...

    def run(self, scenario: Scenario, told: Callable[[str], None], seen: Callable[[Sample], None]) -> Result:
        """Show one, and judge what came of it."""
        ...


class Watch(Protocol):
    """Is told how a search goes on."""

    def begins(self, fps: float, scenario: Scenario) -> None:
        """A rate is tried."""
        ...

    def sample(self, sample: Sample) -> None:
        """A second of it is over."""
        ...

    def ended(self, trial: Trial) -> None:
        """It has been tried."""
        ...


@dataclass(frozen=True, slots=True)
class Capacity:
    """What a search came to.

    Attributes:
        scenario: What was shown, at the first rate.
        begin: When the search began, UTC-aware.
        about: Machine, versions, digests.
        search: How it was searched.
        trials: In their order.
        ended: Why it ended, in a sentence.
    """

    scenario: Scenario
    begin: datetime
    about: Mapping[str, Any]
    search: Search
    trials: Sequence[Trial]
    ended: str

    @property
    def bracket(self) -> Bracket:
        """Between which rates the capacity lies."""
        return bracket([(each.fps, each.outcome) for each in self.trials])

    @property
    def fps(self) -> float | None:
        """The highest rate that held; None: none did."""
        return self.bracket.holds.fps if self.bracket.holds else None

    @property
    def edge(self) -> Trial | None:
        """The trial that says what is used up: at the lowest rate that does not hold, else at the highest that does."""
        found = self.bracket
        at = found.fails or found.holds
        counted = [each for each in self.trials if each.outcome is not Outcome.DISTURBED]
        return next((each for each in reversed(counted) if at and each.fps == at.fps), None)

    @property
    def text(self) -> str:
        """What is known, in a sentence, with how often it was seen."""
        low, high = self.bracket.holds, self.bracket.fails
        if low is None and high is None:
            return "nothing was tried"
        if low is None:
            assert high is not None  # noqa: S101
            return f"no rate held, down to {_times(high, 'did not hold')}"
        if high is None:
            return f"at least {_times(low, 'held')}; more was not tried"
        if high.sender and high.sender >= high.fails:
            return (
                f"at least {_times(low, 'held')}; at {high.fps:.1f} sending was the limit in {high.sender} of "
                f"{high.trials}, so nothing is known of the cluster from there on"
            )
        return f"between {_times(low, 'held')} and {_times(high, 'did not hold')}"

    @property
    def remarks(self) -> list[str]:
        """What to know when the figure is read."""
        found = []
        low, high = self.bracket.holds, self.bracket.fails
        if any(each is not None and each.trials < min(_MANY, self.search.repeats) for each in (low, high)):
            found.append(f"seen less often than the {self.search.repeats} times asked for: {self.ended}")
        if disturbed := sum(each.is_disturbed for each in self.trials):
            again = sum(each.outcome is Outcome.DISTURBED for each in self.trials)
            found.append(
                f"other programs took a part of the processor in {disturbed} of {len(self.trials)} trials, of which "
                f"{again} failed and do not count"
            )
        if low and high and high.fps > low.fps * (1 + self.search.precision) * (1 + 1e-9):
            found.append(f"the two rates are {high.fps / low.fps - 1:.0%} apart, asked {self.search.precision:.0%}")
        return found

    def as_json(self) -> dict[str, Any]:
        """Everything, for machines and for the report."""
        found, edge = self.bracket, self.edge
        return {
            "form": FORM,
            "name": self.scenario.name,
            "begin": format_time(self.begin),
            "about": dict(self.about),
            "scenario": plain(self.scenario),
            "search": asdict(self.search),
            "holds": asdict(found.holds) if found.holds else None,
            "fails": asdict(found.fails) if found.fails else None,
            "text": self.text,
            "saturates": asdict(edge.saturation) if edge else None,
            "remarks": self.remarks,
            "ended": self.ended,
            "trials": [each.as_json() for each in self.trials],
        }


def steady(scenario: Scenario) -> Scenario:
    """What of a scenario a rate can be asked of: without faults, and at the full rate all the time."""
    return replace(scenario, shape=Shape(Course.CONSTANT), faults=())


def find_capacity(
    runs: Runs,
    scenario: Scenario,
    search: Search,
    minutes: float,
    watch: Watch,
    told: Callable[[str], None],
    link_mbps: float | None = None,
    now_s: Callable[[], float] = time.monotonic,
) -> Capacity:
    """Try rates until no more is to be learnt or the time is over.

    Args:
        runs: Shows them. What was enrolled and started serves all of them.
        scenario: See `steady`. It is warmed up once.
        search: Which rates.
        minutes: No trial begins that would end later, by how long those before took.
        watch: Is told how it goes on.
        told: Is told what is done, in words.
        link_mbps: See `saturation`.
        now_s: A clock, seconds.

    Raises:
        BeholdenError: The first rate could not be tried.
    """
    begin, until_s, longest_s = datetime.now(UTC), now_s() + 60 * minutes, 0.0
    trials: list[Trial] = []
    about: Mapping[str, Any] = {}
    while (fps := search.next([(each.fps, each.outcome) for each in trials])) is not None:
        asked, began_s = scenario.at_fps(fps, warm=not trials), now_s()
        ended = _refusal(runs, asked)
        if trials and began_s + longest_s > until_s:
            ended = ended or f"the {minutes:g} minutes were over"
        if ended:
            return Capacity(scenario, begin, about, search, trials, ended)
        watch.begins(fps, asked)
        try:
            result = runs.run(asked, told, watch.sample)
        except DeploymentFailed as failed:
            if not trials:
                raise
            return Capacity(scenario, begin, about, search, trials, f"at {fps:.1f} frames a second: {failed}")
        longest_s, about = max(longest_s, now_s() - began_s), result.about
        before = sum(each.fps == fps and each.outcome is Outcome.DISTURBED for each in trials)
        trials.append(trial_of(fps, result, link_mbps).disturbed(before < AGAIN))
        watch.ended(trials[-1])
    return Capacity(scenario, begin, about, search, trials, "nothing more was to be learnt")


def _refusal(runs: Runs, asked: Scenario) -> str:
    """Why a rate cannot be asked for; empty: it can."""
    try:
        runs.check(asked)
    except SettingsRefused as refused:
        return f"{asked.full_fps:.1f} frames a second cannot be asked for with {asked.cameras} cameras: {refused}"
    return ""


def _times(seen: Seen, what: str) -> str:
    count = seen.holds if seen.is_held else seen.trials - seen.holds
    return f"{seen.fps:.1f} frames a second, which {what} {count} of {seen.trials} times"
