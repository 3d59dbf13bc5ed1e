"""`beholden trace`: the way of one frame, from its camera to its alert."""

from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console

from cluster.folders import state_folder

if TYPE_CHECKING:
    from cluster.telemetry.span_store import SpanStore, StoredSpan


@click.command()
@click.argument("which", metavar="[ALERT|TRACE]", required=False)
@click.option("--slowest", is_flag=True, help="The frames that were oldest when they were decided.")
@click.option("--errors", is_flag=True, help="The last frames of which something failed.")
@click.option("--limit", type=click.IntRange(1), default=10, show_default=True, help="How many of them are listed.")
@click.option("--html", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Write a page instead.")
@click.option(
    "--store",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Where the spans are: the file of 'beholden observe'.",
)
def trace(
    which: str | None,
    slowest: bool,
    errors: bool,
    limit: int,
    html: Path | None,
    store: Path | None,
) -> None:
    """Show the way of one frame: of an alert, of a trace, of the slowest frame, of the last error, or of the last one.

    A cluster tells of its frames where its file says `telemetry: {traces: {otlp: "http://HOST:PORT"}}`.
    """
    from cluster.telemetry.span_store import SpanStore

    if (which is not None) + slowest + errors > 1:
        raise click.UsageError("give one of ALERT, --slowest and --errors")
    spans = SpanStore(store or state_folder() / "traces.sqlite")
    try:
        choice = [] if which else _choice(spans, slowest, errors, limit)
        _show(spans, which, choice, html)
    finally:
        spans.close()


def _choice(store: "SpanStore", slowest: bool, errors: bool, limit: int) -> "list[StoredSpan]":
    if slowest:
        return store.slowest(limit)
    return store.errors(limit) if errors else store.latest(limit)


def _show(store: "SpanStore", which: str | None, choice: "list[StoredSpan]", html: Path | None) -> None:
    from cluster.cli.trace_view import listing, print_trace
    from cluster.telemetry.trace_page import page
    from cluster.telemetry.waterfall import waterfall

    trace_id = (store.of_alert(which) or which) if which else choice[0].trace_id if choice else None
    spans = store.trace(trace_id.lower()) if trace_id else []
    if not spans:
        raise click.ClickException(_nothing(which))
    found = waterfall(spans)
    if html:
        html.write_text(page(found), encoding="utf-8")
        click.echo(f"{html}: open it in a browser")
        return
    console = Console(highlight=False)
    if len(choice) > 1:
        console.print(listing(choice), soft_wrap=True)
        console.print()
    print_trace(found, console)


def _nothing(which: str | None) -> str:
    if which:
        return (
            f"no trace of {which} is here: of a day all alerts' are, while 'telemetry.traces.otlp' in the cluster "
            "file names the address at which 'beholden observe' listens"
        )
    return (
        "no such trace is here: run 'beholden observe', and name the address of its collector in the cluster file: "
        'telemetry: {traces: {otlp: "http://127.0.0.1:4318"}}'
    )
