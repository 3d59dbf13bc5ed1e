"""`beholden boards`: dashboards and alarms for whoever watches the cluster."""

from pathlib import Path

import click


@click.group()
def boards() -> None:
    """Write dashboards for Grafana and alarms for Prometheus."""


@boards.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--runbooks",
    default="docs/runbooks",
    show_default=True,
    metavar="ADDRESS",
    help="Where the pages of docs/runbooks can be read: put into each alarm.",
)
def export(folder: Path, runbooks: str) -> None:
    """Write every dashboard as JSON for Grafana, and the rules for Prometheus, into FOLDER."""
    from cluster.telemetry.boards import shelf

    for path in shelf.export(folder, runbooks.rstrip("/")):
        click.echo(path)
