"""`beholden up`, `status`, `drain`, `restart` and `down`."""

from dataclasses import replace
from pathlib import Path

import click
from rich.console import Console

from cluster.cli.options import cluster_file
from cluster.plan import read_plan
from cluster.settings import read_cluster
from cluster.wire.text import dump


def _say(text: str) -> None:
    click.secho(f"  {text}", fg="bright_black", err=True)


@click.command()
@cluster_file
@click.option("--bootstrap", metavar="HOST:PORT", help="Kafka to use, instead of the cluster file's.")
def up(file: Path, bootstrap: str | None) -> None:
    """Bring a cluster up and wait until it watches."""
    from cluster import deploy
    from cluster.cli.status_view import show

    plan = read_plan(file)
    if bootstrap:
        kafka = replace(plan.settings.kafka, bootstrap=bootstrap)
        plan = replace(plan, settings=replace(plan.settings, kafka=kafka))
    policy = plan.in_force.policy
    click.echo(f"{policy.deployment}: policy {policy.policy}, digest {plan.in_force.digest}", err=True)
    show(deploy.up(plan, _say), Console())


@click.command()
@cluster_file
@click.option("--json", "as_json", is_flag=True, help="For machines: one JSON document.")
def status(file: Path, as_json: bool) -> None:
    """Show a running cluster."""
    from cluster import asking
    from cluster.cli.status_view import document, show

    found = asking.status(read_cluster(file))
    if as_json:
        click.echo(dump(document(found)))
    else:
        show(found, Console())


@click.command()
@cluster_file
@click.argument("recognisers", nargs=-1, metavar="[RECOGNISER]...")
@click.option("--node", metavar="NAME", help="All recognisers of this machine.")
@click.option("--undo", is_flag=True, help="Bring drained recognisers back: those named, or all.")
def drain(file: Path, recognisers: tuple[str, ...], node: str | None, undo: bool) -> None:
    """Take recognisers out of work without losing a frame; they stay so until --undo."""
    from cluster import drain as drains
    from cluster.cli.status_view import show

    if undo and node:
        raise click.UsageError("--undo takes names of recognisers, or none for all; not --node")
    settings = read_cluster(file)
    found = drains.undo(settings, recognisers, _say) if undo else drains.drain(settings, recognisers, node, _say)
    show(found, Console())


@click.command()
@cluster_file
@click.argument("recognisers", nargs=-1, metavar="[RECOGNISER]...")
def restart(file: Path, recognisers: tuple[str, ...]) -> None:
    """Start recognisers anew, one after the other, without losing a frame."""
    from cluster import drain as drains
    from cluster.cli.status_view import show

    show(drains.restart(read_cluster(file), recognisers, _say), Console())


@click.command()
@cluster_file
def down(file: Path) -> None:
    """Take a cluster down; every recogniser finishes its frames first."""
    from cluster import deploy

    settings = read_cluster(file)
    name = settings.cluster
    click.echo(f"{name} is down" if deploy.down(settings, _say) else f"{name} was not running", err=True)
