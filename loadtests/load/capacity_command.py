"""`beholden-load capacity`: the highest rate at which a scenario's verdict holds."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from loadtests.load.files import FILE, require_outlets, write_outlets
from loadtests.load.scenario import Scenario, find_scenario, read_scenario
from operators.errors import SettingsRefused


@click.command()
@click.argument("scenario")
@click.option(
    "--minutes", type=click.FloatRange(1), default=20.0, show_default=True, help="Begin no trial that ends later."
)
@click.option("--seconds", type=click.FloatRange(6), default=30.0, show_default=True, help="Length of a trial.")
@click.option("--from", "first", type=click.FloatRange(0.1), help="Frames a second to begin with; the scenario's own.")
@click.option(
    "--precision", type=click.FloatRange(0.01, 1), default=0.05, show_default=True, help="How near, as a share."
)
@click.option("--repeats", type=click.IntRange(1), default=3, show_default=True, help="Trials of both ends.")
@click.option("--recognisers", type=click.IntRange(1), help="Another number of them.")
@click.option("--link-mbps", type=click.FloatRange(0.1), help="Speed of the network to Kafka, megabits a second.")
@click.option("--json", "file", type=FILE, help="Write everything there.")
@click.option("--html", type=FILE, help="Write a report there that opens without a network.")
def capacity(
    scenario: str,
    minutes: float,
    seconds: float,
    first: float | None,
    precision: float,
    repeats: int,
    recognisers: int | None,
    link_mbps: float | None,
    file: Path | None,
    html: Path | None,
) -> None:
    """Find the highest rate at which the verdict of a SCENARIO holds, and what is used up there.

    One broker, one cluster and one list serve all trials. Frames come at the full rate all the time and nothing is
    broken, whatever else the scenario asks for. Exits with 0 when some rate holds, with 1 when none does, with 2 when
    it could not be run.
    """
    from loadtests.load.bracket import Search
    from loadtests.load.capacity import find_capacity
    from loadtests.load.capacity_view import summary, watching
    from loadtests.load.session import open_session

    require_outlets(file, html)
    console = Console()
    asked = _asked(read_scenario(find_scenario(scenario)), seconds, recognisers)
    search = Search(first or asked.full_fps, precision=precision, repeats=repeats)

    def told(what: str) -> None:
        console.print(what, highlight=False, style="bright_black")

    with open_session(asked, told) as session, watching(console) as watch:
        found = find_capacity(session, asked, search, minutes, watch, told, link_mbps)
    console.print(summary(found))
    write_outlets(found.as_json(), file, html, _report)
    raise SystemExit(0 if found.fps is not None else 1)


def _asked(scenario: Scenario, seconds: float, recognisers: int | None) -> Scenario:
    """What is shown: see `capacity.steady`.

    Raises:
        SettingsRefused: A planted fault would be taken for the cluster's.
    """
    from loadtests.load.capacity import steady

    if scenario.plant is not None:
        raise SettingsRefused(f"plant: {scenario.plant} makes every rate fail; set it to null")
    count = recognisers or scenario.cluster.recognisers
    return replace(steady(scenario), seconds=seconds, cluster=replace(scenario.cluster, recognisers=count))


def _report(document: Mapping[str, Any]) -> str:
    from loadtests.load.capacity_page import render

    return render(document)
