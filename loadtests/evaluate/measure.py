"""The whole evaluation: photograph, look, search, count."""

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from cluster.plan import Plan
from loadtests.evaluate.counts import Counts
from loadtests.evaluate.crew import Crew
from loadtests.evaluate.findings import Findings
from loadtests.evaluate.identify import identify
from loadtests.evaluate.looks import pass_by, sit
from loadtests.evaluate.recall import detection
from loadtests.evaluate.scenes import watch
from loadtests.evaluate.subjects import Cast

T = TypeVar("T")


def measure(
    plan: Plan, counts: Counts, cast: Cast, workers: int, about: Mapping[str, Any], console: Console
) -> Findings:
    """Measure what a plan's operators do.

    Args:
        plan: What is in force.
        counts: How much is measured.
        cast: Who.
        workers: Processes.
        about: What stands with the figures.
        console: For progress.

    Raises:
        ModelRefused: A graph is not what its manifest says.
    """
    thresholds = {name: rule.threshold for name, rule in plan.in_force.policy.watchlists.items()}
    with Crew(workers, plan, counts) as crew, _progress(console) as progress:
        sitters = _follow(progress, "people of the watchlist", crew.each(sit, cast.enrolled), len(cast.enrolled))
        passers = _follow(progress, "people of no list", crew.each(pass_by, cast.unlisted), len(cast.unlisted))
        scenes = _follow(progress, "street scenes", crew.each(watch, range(counts.scenes)), counts.scenes)
    found = identify(sitters, passers, thresholds, counts.seed)
    return Findings(about, counts, found, detection(scenes, counts.seed))


def _progress(console: Console) -> Progress:
    columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    # Drawn by hand: a thread that draws must not exist when the crew forks.
    return Progress(TextColumn("{task.description:24}"), *columns, console=console, auto_refresh=False)


def _follow(progress: Progress, what: str, results: Iterable[T], total: int) -> list[T]:
    task = progress.add_task(what, total=total)
    found = []
    for result in results:
        found.append(result)
        progress.advance(task)
        if len(found) % 8 == 0 or len(found) == total:
            progress.refresh()
    return found
