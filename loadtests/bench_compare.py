"""`beholden bench compare`: whether what was measured once still holds, on the same machine."""

import shlex
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from loadtests.bench_report import MISSED, NOISY, hardware
from loadtests.bench_result import BenchResult, Compared, read_result

WIDEST = 0.4  # of the median: rounds that differ by more say nothing about a few per cent
LEAST_TOLERANCE = 0.03  # of the median: what one run differs from the next by, although their rounds agree
HOLDS, WORSE, UNCLEAR = "holds", "worse", "rounds differ too much"
TOO_FEW, NOT_MEASURED = "too few rounds", "not measured"
SAME = ("processor", "cores", "gpu")
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that was compared before and is compared again.

    Attributes:
        before: What it came to.
        now: What it comes to; None: it was not measured.
    """

    before: Compared
    now: Compared | None

    @property
    def tolerance(self) -> float | None:
        """How much worse the median may be: as much as the rounds of a run differ, whichever run's differ more.

        Where one round is all there is, nothing says how much runs differ; then what is asked is the limit. So what is
        counted, as answers that are wrong, is allowed nothing; nor is what was not as asked before. None: nothing says
        it, since nothing is asked either, or fewer than half of the rounds were measured again.
        """
        least = LEAST_TOLERANCE * abs(self.before.median)
        if self.now and 2 * len(self.now.rounds) < len(self.before.rounds):
            return None
        if self._has_rounds:
            return max(least, *(max(rounds) - min(rounds) for rounds in self._runs))
        if self.before.at_most is not None:
            return max(least, self.before.at_most - self.before.median)
        return None if self.before.at_least is None else max(least, self.before.median - self.before.at_least)

    @property
    def _runs(self) -> list[tuple[float, ...]]:
        return [each.rounds for each in (self.before, self.now) if each]

    @property
    def _has_rounds(self) -> bool:
        return max(map(len, self._runs)) > 1

    @property
    def worse_by(self) -> float:
        """How much worse the median is; below 0: better."""
        if self.now is None:
            return 0.0
        more = self.now.median - self.before.median
        return -more if self.before.more_is_better else more

    @property
    def verdict(self) -> str:
        """In a word or two."""
        if self.now is None:
            return NOT_MEASURED
        if self.tolerance is None:
            return TOO_FEW
        if self.worse_by > self.tolerance:
            return WORSE
        return UNCLEAR if self._has_rounds and self.tolerance > WIDEST * abs(self.before.median) else HOLDS


class NotComparedError(click.ClickException):
    """Nothing can be said, which is no sign that something is worse."""

    exit_code = NOISY


def changes(before: BenchResult, now: BenchResult) -> list[Change]:
    """Everything that was compared before, with what it comes to now."""
    found = {each.name: each for each in now.compared}
    return [Change(each, found.get(each.name)) for each in before.compared]


def other_machine(before: BenchResult, here: BenchResult) -> list[str]:
    """What differs between two machines that ratios may depend on."""
    return [
        f"{name}: {before.machine.get(name)} then, {here.machine.get(name)} now"
        for name in SAME
        if before.machine.get(name) != here.machine.get(name)
    ]


def exit_code(found: Sequence[Change]) -> int:
    """1: something is worse; 2: of something that cannot be said, or nothing was compared; 0: everything holds."""
    verdicts = {each.verdict for each in found}
    if WORSE in verdicts:
        return MISSED
    return 0 if verdicts == {HOLDS} else NOISY


@click.command("compare", context_settings={"ignore_unknown_options": True})
@click.argument("baseline", type=_FILE)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@click.option("--with", "current", type=_FILE, help="A run's JSON, instead of measuring now.")
@click.option("--other-machine", "anywhere", is_flag=True, help="Compare although the processor is another one.")
def compare_command(baseline: Path, arguments: tuple[str, ...], current: Path | None, anywhere: bool) -> None:
    """Measure again what BASELINE says, and fail when a ratio has become worse by more than its rounds differ.

    ARGUMENTS are added to BASELINE's own command, as folders that it needs here.

    Exits with 1 when something is worse, with 2 when that cannot be said: something could not be measured, its rounds
    are too few or differ too much, or the machine is another one.
    """
    console = Console()
    before = _read(baseline)
    here = _read(current) if current else replace(before, machine=hardware())
    if (differs := other_machine(before, here)) and not anywhere:
        console.print(
            f"{'; '.join(differs)}\nmeasure a baseline here: {before.command} --json FILE; or: --other-machine"
        )
        raise SystemExit(NOISY)
    now = here if current else _measured(before, arguments, console)
    found = changes(before, now)
    console.print(table(found, before, now))
    raise SystemExit(exit_code(found))


def table(found: Sequence[Change], before: BenchResult, now: BenchResult) -> Table:
    """One row a ratio."""
    shown = Table(before.name, f"{before.date}", f"{now.date}", "worse by", "allowed", "")
    for each in found:
        compared = each.now.found if each.now else ""
        worse = f"{max(0.0, each.worse_by):.3g}" if each.now else ""
        allowed = "" if each.tolerance is None else f"{each.tolerance:.3g}"
        style = {WORSE: "bold red", HOLDS: ""}.get(each.verdict, "yellow")
        shown.add_row(each.before.name, each.before.found, compared, worse, allowed, each.verdict, style=style)
    return shown


def _read(file: Path) -> BenchResult:
    try:
        return read_result(file)
    except ValueError as error:
        raise NotComparedError(str(error)) from error


def _measured(before: BenchResult, arguments: Sequence[str], console: Console) -> BenchResult:
    """Run the baseline's command in a process of its own."""
    words = [*shlex.split(before.command)[1:], *arguments]
    if words[:1] != ["bench"] or words[1:2] in ([], ["compare"]):
        raise NotComparedError(f"the baseline's command is no benchmark: {before.command}; measure it anew")
    with tempfile.TemporaryDirectory(prefix="beholden-bench-") as folder:
        file = Path(folder) / "now.json"
        console.print(f"[bold]{shlex.join(['beholden', *words])}", highlight=False)
        done = subprocess.run([sys.executable, "-m", "cluster", *words, "--json", str(file)], check=False)
        if done.returncode == NOISY:
            raise NotComparedError("it could not be measured: see above")
        if not file.exists():
            raise NotComparedError(f"it ended with {done.returncode} and wrote nothing: see above")
        return _read(file)
