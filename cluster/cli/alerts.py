"""`beholden alerts`."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.text import Text

from cluster.cli.options import kafka_place

if TYPE_CHECKING:
    from cluster.ports import Record


@click.group()
def alerts() -> None:
    """Read alerts."""


@alerts.command()
@kafka_place
@click.option("--json", "as_json", is_flag=True, help="For machines: each alert's own JSON, one a line.")
@click.option("--from-beginning", is_flag=True, help="Every alert that is still kept, not only new ones.")
@click.option("--limit", type=click.IntRange(min=1), help="Stop after so many.")
@click.option("--timeout", type=float, metavar="SECONDS", help="Stop when none has come for so long.")
def tail(
    file: Path | None,
    bootstrap: str | None,
    as_json: bool,
    from_beginning: bool,
    limit: int | None,
    timeout: float | None,
) -> None:
    """Print alerts as they come. Each is a lead for a person to judge."""
    import time

    from cluster.kafka_io import ALERTS, TopicReader
    from cluster.settings import kafka_from_cli

    reader = TopicReader(kafka_from_cli(file, bootstrap), ALERTS, 0, 1, from_beginning)
    console = Console()
    count, quiet_since = 0, time.monotonic()
    try:
        while timeout is None or time.monotonic() - quiet_since < timeout:
            for record in reader.poll(0.2):
                click.echo(record.value) if as_json else console.print(_readable(record), soft_wrap=True)
                count, quiet_since = count + 1, time.monotonic()
                if count == limit:
                    return
    finally:
        reader.close()


def _readable(record: "Record") -> Text:
    """One record on one line, whatever it is: one that is no alert must not hide those after it."""
    try:
        return line(json.loads(record.value))
    except (ValueError, KeyError, TypeError):
        return Text(f"{record.ref}: not an alert that this version can read", "red")


def line(alert: dict[str, object]) -> Text:
    """One alert on one line."""
    text = Text()
    text.append(f"{str(alert['alerted_at'])[11:23]}  ", "bright_black")
    text.append(f"{alert['camera']}  ", "cyan")
    text.append("possible match ", "bold yellow")
    text.append(f"{alert['entry']}", "bold")
    text.append(f" on {alert['watchlist']}  cosine {alert['cosine']:.3f} >= {alert['threshold']:.3f}  ")
    policy, generation = alert["policy"], alert["generation"]
    assert isinstance(policy, dict)  # noqa: S101 - the schema says so
    assert isinstance(generation, dict)  # noqa: S101
    text.append(f"policy {policy['number']}  generation {generation['number']}  {alert['alert_id']}", "bright_black")
    return text
