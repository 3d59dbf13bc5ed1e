"""A run as it goes on: a live view in a terminal, a line every few seconds elsewhere."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from loadtests.load.machine_watch import GROUPS
from loadtests.load.result import Result
from loadtests.load.samples import Sample
from loadtests.load.scenario import Scenario

EVERY_S = 5.0  # a line, where there is no terminal
_QUIET = "bright_black"


@contextmanager
def following(scenario: Scenario, console: Console) -> Iterator[Callable[[Sample], None]]:
    """What to call with each sample of a run."""
    if not console.is_interactive:
        yield _Lines(console)
        return
    with Live(console=console, refresh_per_second=4, transient=True) as screen:
        before: list[Sample] = []

        def show(sample: Sample) -> None:
            screen.update(view(scenario, before[-1] if before else None, sample))
            before.append(sample)

        yield show


class _Lines:
    """Prints a line now and then."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._next_s = 0.0
        self._before: Sample | None = None

    def __call__(self, sample: Sample) -> None:
        if sample.at_s >= self._next_s:
            self._next_s = sample.at_s + EVERY_S
            self._console.print(line(self._before, sample), highlight=False, soft_wrap=True)
            self._before = sample


def line(before: Sample | None, now: Sample) -> str:
    """A sample in a line."""
    sent, ended = rates(before, now)
    return (
        f"{now.at_s:5.0f} s  sent {sent:.0f}/s  ended {ended:.0f}/s  waiting {now.lag}  alerts {now.right} right, "
        f"{now.wrong} wrong, {now.repeated} repeated, {now.missed} missed"
    )


def rates(before: Sample | None, now: Sample) -> tuple[float, float]:
    """Frames a second that were sent and that reached their end, from one sample to the next; 0 at first."""
    if before is None:
        return 0.0, 0.0
    lasted_s = now.at_s - before.at_s
    return (now.sent.frames - before.sent.frames) / lasted_s, (now.ended - before.ended) / lasted_s


def view(scenario: Scenario, before: Sample | None, now: Sample) -> Group:
    """A sample on a screen."""
    sent, ended = rates(before, now)
    table = Table.grid(padding=(0, 2, 0, 0))
    done = min(scenario.seconds, max(0.0, now.at_s))
    table.add_row("time", Text(f"{done:.0f} of {scenario.seconds:.0f} s"), ProgressBar(scenario.seconds, done, 40))
    late = f"up to {now.sent.latest_s * 1000:.0f} ms after they were due"
    table.add_row("sent", Text(f"{sent:.0f}/s", "cyan"), Text(late, "red" if now.sent.limit else _QUIET))
    table.add_row("ended", Text(f"{ended:.0f}/s", "cyan"), Text(f"{now.lag} wait or are in hand", _QUIET))
    wrong, missed = (Text(f"{each}", "bold red" if each else _QUIET) for each in (now.wrong, now.missed))
    alerts = Text.assemble(wrong, " wrong, ", f"{now.repeated} repeated, ", missed, " missed")
    table.add_row("alerts", Text(f"{now.right} right", "green"), alerts)
    cores = now.usage.cores
    used = ", ".join(f"{name} {cores[name]:.2f}" for name in GROUPS if cores.get(name, 0.0) >= 0.01)
    table.add_row("cores", Text(f"{sum(cores.values()):.2f}"), Text(used, _QUIET))
    return Group(table)


def summary(result: Result) -> Group:
    """The verdict and what it rests on."""
    table = Table(box=None, header_style=_QUIET, pad_edge=False, padding=(0, 2, 0, 0))
    for name in ("", "asked", "found", ""):
        table.add_column(name, no_wrap=True)
    for each in result.verdict.findings:
        colour = "green" if each.is_kept else "bold red"
        table.add_row(
            each.name, Text(each.asked, _QUIET), each.found, Text("kept" if each.is_kept else "broken", colour)
        )
    lines = [Text(each, "yellow") for each in result.remarks]
    good = result.verdict.is_good
    word = "as it should be" if good else "not as it should be"
    return Group(table, Text(), *lines, Text(word, "bold green" if good else "bold red"))
