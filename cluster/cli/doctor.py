"""`beholden doctor`: shows what the checks of `cluster/doctor.py` find."""

import json
import sys
from pathlib import Path

import click

from cluster.doctor.examine import examine
from cluster.doctor.findings import Level, Report

_STYLE = {Level.OK: ("✓", "ok", "green"), Level.WARNING: ("!", "!!", "yellow"), Level.FAULT: ("✗", "XX", "red")}


@click.command()
@click.option(
    "-f",
    "--file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Cluster file: checked as well, with its Kafka, device and models.",
)
@click.option("--bootstrap", metavar="HOST:PORT", help="Kafka to look at, instead of the cluster file's.")
@click.option("--json", "as_json", is_flag=True, help="For machines: one JSON list.")
def doctor(file: Path | None, bootstrap: str | None, as_json: bool) -> None:
    """Check this machine and say what to do.

    Exit status 1 when something is at fault; warnings leave it at 0. Nothing is started or changed.
    """
    report = examine(file, bootstrap)
    if as_json:
        click.echo(json.dumps(as_list(report), indent=2))
    else:
        show(report)
    if _counts(report)[Level.FAULT]:
        sys.exit(1)


def as_list(report: Report) -> list[dict[str, str]]:
    """One object a finding, for machines."""
    return [
        {"check": name, "level": str(each.level), "finding": each.finding, "advice": each.advice}
        for name, findings in report.items()
        for each in findings
    ]


def show(report: Report) -> None:
    """Print one block a finding: symbol, check, finding, and below it what to do."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False)
    symbol = 0 if console.encoding.lower().startswith("utf") else 1
    table = Table.grid(padding=(0, 2, 0, 0))
    for _ in range(3):
        table.add_column(overflow="fold")  # a path cut short cannot be copied
    for name, findings in report.items():
        for number, each in enumerate(findings):
            style = _STYLE[each.level]
            text = Text(_printable(each.finding, console.encoding))
            if each.advice:
                text.append(f"\n-> {_printable(each.advice, console.encoding)}", style="bold")
            table.add_row(Text(style[symbol], style=style[2]), "" if number else name, text)
    console.print(table)
    counts = _counts(report)
    warnings, faults = counts[Level.WARNING], counts[Level.FAULT]
    last = f"{counts[Level.OK]} ok, {warnings} warning{'s' * (warnings != 1)}, {faults} fault{'s' * (faults != 1)}"
    console.print(last, style="red" if faults else "yellow" if warnings else "green")


def _printable(text: str, encoding: str) -> str:
    """Names of files can be anything; what a terminal cannot show is written as its number."""
    return text.encode(encoding, "backslashreplace").decode(encoding)


def _counts(report: Report) -> dict[Level, int]:
    found = [each.level for findings in report.values() for each in findings]
    return {level: found.count(level) for level in Level}
