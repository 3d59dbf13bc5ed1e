"""`beholden explain`: decide an alert again from its records."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.table import Table

from cluster.cli.options import cluster_file

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cluster.privacy.explain_steps import Step

_COLOURS = {"equal": "green", "differs": "bold red", "gone": "yellow"}
_SHOWN = 24  # of a digest that is equal; what differs is shown whole


@click.command()
@click.argument("alert_id")
@cluster_file
@click.option("--json", "as_json", is_flag=True, help="For machines: one JSON document.")
@click.pass_context
def explain(ctx: click.Context, alert_id: str, file: Path, as_json: bool) -> None:
    """Decide an alert again from its records, step by step; exit status 1 when anything comes out otherwise.

    Its crop is opened and embedded anew, compared with the entry as the index does, and held against the threshold, the
    gates, the cameras and the times of the policy that it names; somebody must have gone by that policy then. What is
    gone, because its time is over or its key destroyed, is called so; what is missing before its time is a difference.
    """
    from cluster.privacy.core_dumps import no_core_dumps
    from cluster.privacy.explain import differs
    from cluster.privacy.explain import explain as steps_of
    from cluster.privacy.explain_records import gather
    from cluster.settings import read_cluster

    no_core_dumps()
    value, records = gather(read_cluster(file), alert_id)
    steps = steps_of(value, records)
    if as_json:
        click.echo(json.dumps([asdict(step) for step in steps], ensure_ascii=False, indent=1))
    else:
        Console().print(_table(steps))
    ctx.exit(1 if differs(steps) else 0)


def _table(steps: "Sequence[Step]") -> Table:
    table = Table(box=None, pad_edge=False)
    for column in ("step", "recorded", "recomputed", ""):
        table.add_column(column, overflow="fold", no_wrap=column in ("step", ""))
    for step in steps:
        texts = [step.recorded, step.recomputed]
        if step.verdict != "differs":
            texts = [text if len(text) <= 2 * _SHOWN or " " in text else f"{text[:_SHOWN]}..." for text in texts]
        table.add_row(step.what, *texts, f"[{_COLOURS[step.verdict]}]{step.verdict}")
    return table
