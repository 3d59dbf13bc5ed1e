"""`beholden alerts`."""

import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.text import Text

from cluster.cli.options import kafka_place
from cluster.kafka_settings import KafkaSettings
from cluster.settings import kafka_from_cli, read_cluster
from cluster.telemetry.reader_tracing import open_reader_tracing
from cluster.wire.alerts import is_canary

if TYPE_CHECKING:
    from cluster.alert_reader import AlertReader
    from cluster.kafka.reader import TopicReader
    from cluster.ports import Record


@click.group()
def alerts() -> None:
    """Read alerts."""


@alerts.command()
@kafka_place
@click.option("--json", "as_json", is_flag=True, help="For machines: each alert's own JSON, one a line.")
@click.option("--canary", "with_canaries", is_flag=True, help="Those about a canary as well: nobody is sought there.")
@click.option("--from-beginning", is_flag=True, help="Every alert that is still kept, not only new ones.")
@click.option(
    "--store",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Go on where the last reading with this file ended, and show no alert twice.",
)
@click.option("--limit", type=click.IntRange(min=1), help="Stop after so many.")
@click.option("--timeout", type=float, metavar="SECONDS", help="Stop when none has come for so long.")
def tail(
    file: Path | None,
    bootstrap: str | None,
    as_json: bool,
    with_canaries: bool,
    from_beginning: bool,
    store: Path | None,
    limit: int | None,
    timeout: float | None,
) -> None:
    """Print alerts as they come. Each is a lead for a person to judge."""
    if store and from_beginning:
        raise click.UsageError(
            "--from-beginning: not with --store, which reads at first all that is kept, then goes on"
        )
    console, shown = Console(), 0
    tracing = open_reader_tracing(read_cluster(file), f"tail-{os.getpid()}") if file else None

    def present(record: "Record") -> None:
        click.echo(record.value) if as_json else console.print(_readable(record), soft_wrap=True)

    take = tracing.traced(present) if tracing else present

    def show(record: "Record", _: object = None) -> None:
        nonlocal shown
        if is_canary(record.value) and not with_canaries:
            return
        if shown == limit:
            raise _Enough
        take(record)
        shown += 1

    ending = closing(tracing) if tracing else nullcontext()
    told = _told(not (from_beginning or store), lambda: shown)
    with (
        ending,
        closing(_reading(kafka_from_cli(file, bootstrap), store, from_beginning)) as reader,
        told,
        suppress(_Enough),
    ):
        quiet_since = time.monotonic()
        while shown != limit and (timeout is None or time.monotonic() - quiet_since < timeout):
            if reader.read(show, 0.2):
                quiet_since = time.monotonic()


@contextmanager
def _told(is_new_only: bool, shown: Callable[[], int]) -> Iterator[None]:
    """Say when watching begins, and at the end that nothing came: silence may be anything."""
    if is_new_only:
        click.echo("watching from now on; with --from-beginning, whatever is still kept", err=True)
    yield
    if not shown():
        click.echo("no alert came", err=True)


class _Enough(Exception):
    """As many as were wanted have been shown; the one after them stays unread."""


class _Plain:
    """Every record, as it comes."""

    def __init__(self, reader: "TopicReader") -> None:
        self._reader = reader
        self.close = reader.close

    def read(self, take: Callable[["Record"], None], timeout_s: float) -> int:
        """See `AlertReader.read`."""
        records = self._reader.poll(timeout_s)
        for record in records:
            take(record)
        return len(records)


def _reading(kafka: KafkaSettings, store: Path | None, from_beginning: bool) -> "AlertReader | _Plain":
    from cluster.alert_reader import AlertReader
    from cluster.kafka.reader import TopicReader
    from cluster.kafka.topics import ALERTS

    return AlertReader(kafka, store) if store else _Plain(TopicReader(kafka, ALERTS, 0, 1, from_beginning))


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
