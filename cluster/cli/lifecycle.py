"""`beholden up`, `status`, `drain`, `restart` and `down`."""

import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

import click
from rich.console import Console

from cluster.cli.options import cluster_file
from cluster.plan import Plan, read_plan
from cluster.settings import read_cluster
from cluster.wire.text import dump

if TYPE_CHECKING:
    from cluster.health import Health


def _say(text: str) -> None:
    click.secho(f"  {text}", fg="bright_black", err=True)


@click.command()
@cluster_file
@click.option("--bootstrap", metavar="HOST:PORT", help="Kafka to use, instead of the cluster file's.")
@click.option(
    "--stay", "stays", is_flag=True, help="Stay, and say what changes, until terminated; the cluster goes on."
)
@click.option("--health", metavar="HOST:PORT", help="With --stay: answer GET /livez and /readyz there.")
def up(file: Path, bootstrap: str | None, stays: bool, health: str | None) -> None:
    """Bring a cluster up and wait until it watches.

    With --stay, for a container or a unit of systemd: it waits for Kafka and Ray that are still starting, puts a signed
    release that the cluster file names in force, and starts a supervisor that is missing anew. SIGTERM ends it and
    nothing else; 'beholden down' takes the cluster down.
    """
    if health and not stays:
        raise click.UsageError("--health needs --stay: nobody would be there to answer")
    plan = _read(file, bootstrap)
    policy = plan.in_force.policy
    click.echo(f"{policy.deployment}: policy {policy.policy}, digest {plan.in_force.digest}", err=True)
    if stays:
        _stay(partial(_read, file, bootstrap), health)
        return
    from cluster import deploy
    from cluster.cli.status_view import show

    show(deploy.up(plan, _say), Console())


def _read(file: Path, bootstrap: str | None) -> Plan:
    plan = read_plan(file)
    if not bootstrap:
        return plan
    kafka = replace(plan.settings.kafka, bootstrap=bootstrap)
    return replace(plan, settings=replace(plan.settings, kafka=kafka))


@contextmanager
def _listening(listen: str) -> Iterator["Health"]:
    from cluster.health import Health

    try:
        health = Health(listen)
    except (OSError, ValueError) as error:
        raise click.BadParameter(
            f"{error}: name an address that is free, as HOST:PORT", param_hint="--health"
        ) from None
    with closing(health):
        yield health


def _stay(read: Callable[[], Plan], listen: str | None) -> None:
    stopping = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    with ExitStack() as stack:
        note = stack.enter_context(_listening(listen)).note if listen else lambda _, __: None
        from cluster.stay import stay

        stay(read, _say, note, stopping)
    click.echo("ended; what runs goes on, and 'beholden down' takes it down", err=True)


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
