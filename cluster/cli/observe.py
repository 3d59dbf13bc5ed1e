"""`beholden observe`."""

import threading
from contextlib import ExitStack
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cluster.cli.options import cluster_file

if TYPE_CHECKING:
    from cluster.telemetry.settings import TelemetrySettings

OTLP = "127.0.0.1:4318"
_EVERYWHERE = ("0.0.0.0", "::")  # noqa: S104 - addresses that somebody else may listen on


@click.command()
@cluster_file
@click.option("--listen", default="127.0.0.1:9090", show_default=True, metavar="HOST:PORT", help="Prometheus' address.")
@click.option("--otlp", metavar="HOST:PORT", help=f"The collector's address; that of the cluster file, or {OTLP}.")
@click.option("--scrape", multiple=True, metavar="HOST:PORT", help="Fetch from here, too: 'beholden canary --listen'.")
@click.option("--every", type=click.FloatRange(min=1), default=5.0, show_default=True, help="Seconds between fetches.")
@click.option("--folder", type=click.Path(file_okay=False, path_type=Path), help="Where it is kept; a folder of yours.")
def observe(
    file: Path, listen: str, otlp: str | None, scrape: tuple[str, ...], every: float, folder: Path | None
) -> None:
    """Look at a cluster on this machine: Prometheus with the rules of 'beholden boards', and a store of traces.

    Both are ended by Ctrl-C; what they have is kept for the next time.
    """
    from cluster.folders import state_folder
    from cluster.observe.prometheus import HOW_TO_GET, Scraping, find_prometheus, running_prometheus
    from cluster.observe.receiving import receiving
    from cluster.settings import read_cluster
    from cluster.telemetry.boards.shelf import RULES_FILE, files

    settings = read_cluster(file)
    telemetry = settings.telemetry
    store = (folder or state_folder()) / "traces.sqlite"  # where `beholden trace` looks for it
    folder = folder or state_folder() / "observe" / settings.cluster
    with ExitStack() as stack:
        address = stack.enter_context(receiving(otlp or _collector(telemetry), store))
        click.echo(f"collector   {address}  traces are kept in {store}")
        if find_prometheus() is None:
            click.secho(HOW_TO_GET, fg="yellow", err=True)
        else:
            targets = _targets(telemetry, scrape)
            rules = files()[RULES_FILE]
            address = stack.enter_context(running_prometheus(Scraping(targets, every, rules), folder, listen))
            click.echo(f"Prometheus  {address}  fetches {', '.join(chain(*targets.values())) or 'nothing'}")
        if telemetry.metrics.listen is None:
            click.secho(
                "the cluster file has no telemetry.metrics.listen: there is nothing to fetch", fg="yellow", err=True
            )
        click.echo("Ctrl-C ends it")
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            click.echo("ending", err=True)


def _collector(telemetry: "TelemetrySettings") -> str:
    """Where the cluster sends to, without the scheme."""
    named = telemetry.traces.otlp or telemetry.metrics.otlp
    return named.split("//", 1)[1].rstrip("/") if named else OTLP


def _targets(telemetry: "TelemetrySettings", scrape: tuple[str, ...]) -> dict[str, list[str]]:
    """What is fetched, by job."""
    from cluster.telemetry.settings import host_and_port

    targets: dict[str, list[str]] = {}
    if listen := telemetry.metrics.listen:
        host, port = host_and_port(listen)
        targets["beholden"] = [f"127.0.0.1:{port}" if host in _EVERYWHERE else listen]
    return targets | ({"others": list(scrape)} if scrape else {})
