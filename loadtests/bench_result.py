"""What a benchmark found, in one form for all of them: what is compared, on which machine, and by which command."""

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

import click
from click.core import ParameterSource
from rich.console import Console

from loadtests.bench_report import MISSED, NOISY, hardware, versions
from loadtests.quiet import Gate

FORM = "beholden.bench.v1"
json_option = click.option("--json", "file", type=click.Path(path_type=Path), help="Write everything there.")


@dataclass(frozen=True, slots=True)
class Compared:
    """One thing that is compared, round by round.

    Attributes:
        name: What over what.
        rounds: What each round came to.
        at_least: Smallest median that is asked.
        at_most: Largest median that is asked.
        unit: Of what is no ratio.
        higher_is_better: Where neither is asked.
    """

    name: str
    rounds: tuple[float, ...]
    at_least: float | None = None
    at_most: float | None = None
    unit: str = ""
    higher_is_better: bool = True

    @property
    def median(self) -> float:
        """Of the rounds."""
        return median(self.rounds)

    @property
    def more_is_better(self) -> bool:
        """Whether it becomes worse when it becomes smaller."""
        return self.at_most is None and (self.at_least is not None or self.higher_is_better)

    @property
    def is_reached(self) -> bool | None:
        """Whether the median is as asked; None: nothing is asked."""
        if self.at_least is None and self.at_most is None:
            return None
        is_low = self.at_least is not None and self.median < self.at_least
        return not is_low and not (self.at_most is not None and self.median > self.at_most)

    @property
    def asked(self) -> str:
        """What is asked, in words."""
        words = [("at least", self.at_least), ("at most", self.at_most)]
        return ", ".join(f"{word} {value:g}{self._unit}" for word, value in words if value is not None)

    @property
    def found(self) -> str:
        """The median, with the smallest and the largest round where there are several."""
        low, high = min(self.rounds), max(self.rounds)
        spread = f" ({_digits(low)} to {_digits(high)})" if len(self.rounds) > 1 else ""
        return f"{_digits(self.median)}{self._unit}{spread}"

    @property
    def _unit(self) -> str:
        return f" {self.unit}" if self.unit else ""


@dataclass(frozen=True, slots=True)
class BenchResult:
    """One run of one benchmark.

    Attributes:
        name: Of the benchmark.
        command: That measures it again.
        date: On which it was measured, UTC.
        machine: Processor, cores, memory, system.
        versions: Of what took part.
        settings: What else is needed to repeat it.
        compared: What was compared.
        samples: What that was computed from.
        taken: Samples taken, all attempts.
        rejected: Why samples were rejected, one entry for each.
    """

    name: str
    command: str
    date: str
    machine: Mapping[str, Any]
    versions: Mapping[str, str]
    compared: Sequence[Compared]
    settings: Mapping[str, Any] = field(default_factory=dict)
    samples: Any = None
    taken: int = 0
    rejected: Sequence[str] = ()

    def as_json(self) -> dict[str, Any]:
        """For machines; what can be computed is written for those who only read it."""
        ratios = [
            {**asdict(each), "median": each.median, "min": min(each.rounds), "max": max(each.rounds)}
            for each in self.compared
        ]
        plain = {name: getattr(self, name) for name in ("name", "command", "date", "machine", "versions", "settings")}
        return {
            "form": FORM,
            **plain,
            "ratios": ratios,
            "samples": self.samples,
            "taken": self.taken,
            "rejected": list(self.rejected),
        }


def result(
    compared: Sequence[Compared],
    samples: Any,
    gate: Gate | None = None,
    settings: Mapping[str, Any] | None = None,
    packages: Sequence[str] = (),
) -> BenchResult:
    """What the command that runs now has found, here and today. What was compared in no round is left out.

    Args:
        compared: What was compared.
        samples: What that was computed from: anything JSON can hold.
        gate: Through which samples were taken.
        settings: What is needed to repeat it, beside the command.
        packages: That took part beside those of every run.
    """
    context = click.get_current_context()
    return BenchResult(
        name=context.info_name or "",
        command=command(context),
        date=f"{datetime.now(UTC):%Y-%m-%d}",
        machine=hardware(),
        versions=versions(packages),
        compared=[each for each in compared if each.rounds],
        settings=settings or {},
        samples=samples,
        taken=gate.taken if gate else 0,
        rejected=gate.reasons if gate else (),
    )


def save(found: BenchResult, file: Path | None) -> None:
    """Write a result, if a file was asked for."""
    if file:
        file.write_text(json.dumps(found.as_json(), indent=1) + "\n")


def conclude(compared: Sequence[Compared], quiet: int, wanted: int, check: bool, console: Console) -> int:
    """Print what was compared; the exit status.

    Args:
        compared: What was compared; of no use when too few rounds were quiet.
        quiet: Rounds that were.
        wanted: Rounds that were wanted.
        check: Whether what was asked and is not reached is a failure.
        console: Where it is printed.
    """
    if not quiet or 2 * quiet < wanted:
        console.print(f"[bold]only {quiet} of {wanted} rounds were quiet: run it again when nothing else runs")
        return NOISY
    for each in compared:
        console.print(f"{each.name}: {each.found}{f'; asked: {each.asked}' if each.asked else ''}", highlight=False)
    return MISSED if check and any(each.is_reached is False for each in compared) else 0


def read_result(file: Path) -> BenchResult:
    """A result that `save` has written.

    Raises:
        ValueError: It is none.
    """
    try:
        return _read(json.loads(file.read_text()))
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{file}: is not what 'beholden bench NAME --json FILE' writes: {error}") from error


def _read(found: Mapping[str, Any]) -> BenchResult:
    if found["form"] != FORM:
        raise ValueError(f"expected the form {FORM}, found {found['form']}")
    names = ("name", "unit", "at_least", "at_most", "higher_is_better")
    compared = [
        Compared(rounds=tuple(each["rounds"]), **{name: each[name] for name in names}) for each in found["ratios"]
    ]
    plain = {name: found[name] for name in BenchResult.__slots__ if name != "compared"}
    return BenchResult(compared=compared, **plain)


def command(context: click.Context) -> str:
    """The command that runs, as somebody else would give it.

    Files that it writes are left out, and so are the folders of this machine above a file that it reads.
    """
    words = ["beholden", "bench", context.info_name or ""]
    for parameter in context.command.params:
        given = context.get_parameter_source(parameter.name or "") is ParameterSource.COMMANDLINE
        if given and parameter.name not in ("file", "plots"):
            value = context.params[parameter.name or ""]
            for each in value if parameter.multiple else (value,):
                words += [parameter.opts[0], *([] if each is True else [_word(each)])]
    return shlex.join(words)


def _word(value: object) -> str:
    return value.name if isinstance(value, Path) else str(value)


def _digits(value: float) -> str:
    """Three places behind the point of small numbers, fewer of large ones."""
    size = abs(value)
    places = 0 if float(value).is_integer() or size >= 100 else 1 if size >= 20 else 2 if size >= 2 else 3
    return f"{value:,.{places}f}"
