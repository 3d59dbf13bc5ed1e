"""`beholden-load`: scenarios of load, each with a verdict."""

import signal
import sys
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from loadtests.load.capacity_command import capacity
from loadtests.load.files import EXISTING, FILE, require_outlets, require_plots, write_outlets
from loadtests.load.generator_command import generator_command
from loadtests.load.scenario import Plant, find_scenario, read_scenario, scenarios
from loadtests.planning.command import fit_node, plan
from operators.errors import BeholdenError


@click.group()
def load() -> None:
    """Show a cluster what people who do not exist do, in numbers, and judge what comes of it."""


@load.command()
@click.argument("scenario")
@click.option("--json", "file", type=FILE, help="Write everything there.")
@click.option("--html", type=FILE, help="Write a report there that opens without a network.")
@click.option("--seconds", type=click.FloatRange(1), help="Another length.")
@click.option("--plant", type=click.Choice([str(each) for each in Plant]), help="Have the verdict find a fault.")
def run(scenario: str, file: Path | None, html: Path | None, seconds: float | None, plant: str | None) -> None:
    """Run a SCENARIO, one that comes along (see `scenarios`) or a file, on this machine.

    Exits with 0 when all is as the scenario asks, with 1 when it is not, with 2 when it could not be run.
    """
    from loadtests.load.live import following, summary
    from loadtests.load.session import open_session

    require_outlets(file, html)
    console = Console()
    asked = read_scenario(find_scenario(scenario)).changed(seconds, Plant(plant) if plant else None)

    def told(what: str) -> None:
        console.print(f"[bold]{what}", highlight=False)

    told(asked.about)
    with open_session(asked, told) as session, following(asked, console) as seen:
        result = session.run(asked, told, seen)
    console.print(summary(result))
    write_outlets(result.as_json(), file, html, _report)
    raise SystemExit(0 if result.verdict.is_good else 1)


@load.command("scenarios")
def list_scenarios() -> None:
    """List the scenarios that come along."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bright_black")
    for name in ("scenario", "cameras", "frames/s", "seconds", "about"):
        table.add_column(name, justify="right" if name in ("cameras", "frames/s", "seconds") else "left")
    for path in scenarios():
        each = read_scenario(path)
        table.add_row(path.stem, str(each.cameras), f"{each.full_fps:g}", f"{each.seconds:g}", each.about)
    Console().print(table)


@load.command()
@click.argument("file", type=EXISTING)
@click.option("-o", "html", type=FILE, required=True, help="Where to.")
def report(file: Path, html: Path) -> None:
    """Write the report of a run from the FILE that `run --json` wrote."""
    require_plots()
    from loadtests.load.page import read_result, render

    html.write_text(render(read_result(file)))


def _report(document: Mapping[str, Any]) -> str:
    from loadtests.load.page import render

    return render(document)


load.add_command(capacity)
load.add_command(plan)
load.add_command(fit_node)
load.add_command(generator_command)


def main() -> None:
    """Entry point: what cannot be run ends with exit status 2; a termination is taken as Ctrl-C."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        sys.exit(load.main(prog_name="beholden-load", standalone_mode=False) or 0)
    except BeholdenError as error:
        click.secho(f"error: {error}", fg="red", err=True)
        sys.exit(2)
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(130)
    except Exception:  # noqa: BLE001 - 1 would say that the cluster is not as asked
        traceback.print_exc()
        sys.exit(2)
