"""A search for a capacity as it goes on: a table that grows in a terminal, a line for each trial elsewhere."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from loadtests.load.bracket import Outcome
from loadtests.load.capacity import Capacity, Watch
from loadtests.load.live import view
from loadtests.load.samples import Sample
from loadtests.load.scenario import Scenario
from loadtests.load.trial import Trial

_QUIET = "bright_black"
_COLOURS = {Outcome.HOLDS: "green", Outcome.FAILS: "bold red", Outcome.SENDER: "yellow", Outcome.DISTURBED: _QUIET}
_WHY_CHARACTERS = 70


@contextmanager
def watching(console: Console) -> Iterator[Watch]:
    """Who is told how a search goes on."""
    if not console.is_terminal:
        yield _Lines(console)
        return
    with Live(console=console, refresh_per_second=4, transient=True) as screen:
        yield _Screen(screen)


class _Lines:
    """Prints a line when a trial begins, and one when it has ended."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def begins(self, fps: float, scenario: Scenario) -> None:
        """See `Watch`."""

    def sample(self, sample: Sample) -> None:
        """See `Watch`."""

    def ended(self, trial: Trial) -> None:
        """See `Watch`."""
        self._console.print(line(trial), highlight=False, soft_wrap=True)


class _Screen:
    """Draws all trials so far, and the one that goes on."""

    def __init__(self, screen: Live) -> None:
        self._screen = screen
        self._trials: list[Trial] = []
        self._scenario: Scenario | None = None
        self._before: Sample | None = None

    def begins(self, fps: float, scenario: Scenario) -> None:
        """See `Watch`."""
        self._scenario, self._before = scenario, None
        self._screen.update(Group(trials(self._trials), Text(f"now {fps:.1f} frames a second", "bold")))

    def sample(self, sample: Sample) -> None:
        """See `Watch`."""
        if self._scenario is not None:
            now = Text(f"now {self._scenario.full_fps:.1f} frames a second", "bold")
            self._screen.update(Group(trials(self._trials), now, view(self._scenario, self._before, sample)))
        self._before = sample

    def ended(self, trial: Trial) -> None:
        """See `Watch`."""
        self._trials.append(trial)
        self._screen.update(trials(self._trials))


def line(trial: Trial) -> str:
    """A trial in a line."""
    return (
        f"{trial.fps:8.1f}/s  {trial.outcome:6}  ended {trial.ended_fps:.1f}/s  p99 {_ms(trial.p99_ms)}  "
        f"shed {trial.shed_share:.1%}  {used(trial)}  {trial.why}"
    )


def trials(found: Sequence[Trial]) -> Table:
    """Trials in a table."""
    table = Table(box=None, header_style=_QUIET, pad_edge=False, padding=(0, 2, 0, 0))
    for name in ("frames/s", "", "ended/s", "p50", "p99", "shed", "busiest", "why"):
        table.add_column(name, justify="right" if name in ("frames/s", "ended/s", "p50", "p99", "shed") else "left")
    for each in found:
        why = each.why if len(each.why) <= _WHY_CHARACTERS else each.why[: _WHY_CHARACTERS - 1] + "…"
        table.add_row(
            f"{each.fps:.1f}",
            Text(str(each.outcome), _COLOURS[each.outcome]),
            f"{each.ended_fps:.1f}",
            _ms(each.p50_ms),
            _ms(each.p99_ms),
            f"{each.shed_share:.1%}",
            used(each),
            Text(why, _QUIET),
        )
    return table


def used(trial: Trial) -> str:
    """What is busiest in a trial."""
    shares = {each.part: each.share for each in trial.saturation.uses if each.share is not None}
    return ", ".join(f"{part} {shares[part]:.0%}" for part in ("recognisers", "processor") if part in shares)


def summary(found: Capacity) -> Group:
    """What a search came to."""
    held = found.fps is not None
    parts = [Text(each, "yellow") for each in found.remarks]
    edge = found.edge
    why = Text(edge.saturation.text, _QUIET) if edge else Text()
    return Group(trials(found.trials), Text(), *parts, why, Text(found.text, "bold green" if held else "bold red"))


def _ms(value: float | None) -> str:
    return "none" if value is None else f"{value:.0f} ms"
