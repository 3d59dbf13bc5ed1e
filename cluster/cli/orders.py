"""`beholden stop` and `beholden resume`."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cluster.cli.options import cluster_file

if TYPE_CHECKING:
    from cluster.settings import ClusterSettings
    from cluster.wire.order import Order

_THERE = click.Path(exists=True, dir_okay=False, path_type=Path)
_by = click.option("--by", required=True, metavar="NAME", help="Who orders this, as named in the cluster file.")
_deployment = click.option("--deployment", metavar="NAME", help="Whose alerting, if the policy topic has several.")
_key = click.option("--key", type=_THERE, metavar="FILE", help="Their key, if not where 'policy key' puts it.")


@click.command()
@cluster_file
@click.option("--why", required=True, help="The reason, in words that name nobody who is sought.")
@_by
@_key
@_deployment
def stop(file: Path, why: str, by: str, key: Path | None, deployment: str | None) -> None:
    """Stop alerting everywhere within five seconds. One person can.

    It takes two to resume, unless the cluster file names nobody who could sign, as it may where nobody exists.
    """
    from cluster.cli.confirm import tell_confirmed
    from cluster.clocks import SystemClock
    from cluster.policies.desk import open_policy_desk, whole_ms
    from cluster.settings import read_cluster
    from cluster.wire.order import Action, Order
    from cluster.wire.policy_records import FOLLOWED

    settings = read_cluster(file)
    with open_policy_desk(settings, deployment or _deployment_of(settings)) as desk:
        book = desk.read()
        at = whole_ms(SystemClock().now())
        if book.last_order and at <= book.last_order.at:  # clocks differ, and a stop does not wait for them
            at = book.last_order.at + timedelta(milliseconds=1)
        order = Order(book.deployment, Action.STOP, by, at, why)
        order = _sign(order, settings, by, key)
        desk.order(order)
    done = f"{book.deployment}: alerting is stopped; {_who_resumes(settings)}"
    tell_confirmed(settings, book.deployment, FOLLOWED, order.digest, done)


@click.command()
@click.argument("order_file", metavar="[ORDER]", type=_THERE, required=False)
@cluster_file
@click.option("--why", help="The reason, in words that name nobody who is sought; of whoever asks for it first.")
@_by
@_key
@_deployment
def resume(
    order_file: Path | None, file: Path, why: str | None, by: str, key: Path | None, deployment: str | None
) -> None:
    """Resume after a stop: one person writes an order, which another signs and gives.

    Without ORDER it writes one; with ORDER the second person signs it, and alerting resumes. Where the cluster file
    names nobody who could sign, whoever asks for it resumes at once.
    """
    from cluster.cli.confirm import tell_confirmed
    from cluster.policies.desk import open_policy_desk
    from cluster.policies.stop_order import signers_needed
    from cluster.settings import read_cluster
    from cluster.wire.order import encode_order, parse_order
    from cluster.wire.policy_records import FOLLOWED

    if (order_file is None) == (why is None):
        raise click.UsageError("give --why to write an order, or the ORDER that another person wrote")
    settings = read_cluster(file)
    with open_policy_desk(settings, deployment or _deployment_of(settings)) as desk:
        order = parse_order(order_file.read_bytes()) if order_file else _begin(desk, by, why or "")
        order = _sign(order, settings, by, key)
        if len(order.signatures) >= signers_needed(order, settings.people):
            desk.order(order)
            tell_confirmed(settings, order.deployment, FOLLOWED, order.digest, f"{order.deployment}: alerting resumes")
            return
    out = Path(f"{order.deployment}.resume.json")
    out.write_bytes(encode_order(order))
    click.echo(f"wrote {out}")
    click.echo(f"next: somebody else: beholden resume {out} -f {file} --by NAME", err=True)


def _who_resumes(settings: "ClusterSettings") -> str:
    if settings.people:
        return "'beholden resume' takes two people"
    return "the cluster file names no people, so whoever gives 'beholden resume' resumes"


def _deployment_of(settings: "ClusterSettings") -> str:
    """The only one in the policy topic, so that a stop depends on no policy file; else that of the file."""
    from cluster.cli.policy_view import deployment_of
    from cluster.policies.desk import deployments
    from operators.errors import SettingsRefused

    found = deployments(settings)
    if len(found) == 1:
        return found.pop()
    try:
        return deployment_of(settings)
    except SettingsRefused as refused:
        names = ", ".join(sorted(found)) or "none"
        raise click.ClickException(f"say whose: --deployment; the policy topic has {names}, and {refused}") from None


def _begin(desk: Any, by: str, why: str) -> "Order":
    from cluster.clocks import SystemClock
    from cluster.policies.desk import whole_ms
    from cluster.wire.order import Action, Order
    from operators.errors import ReleaseReason, ReleaseRefused

    book = desk.read()
    if book.stopped_by is None:
        raise ReleaseRefused(ReleaseReason.NOT_STOPPED, "no stop is in force, there is nothing to resume")
    at = whole_ms(SystemClock().now())
    return Order(book.deployment, Action.RESUME, by, at, why, book.stopped_by.digest)


def _sign(order: "Order", settings: "ClusterSettings", by: str, file: Path | None) -> "Order":
    """The same with this person's signature, where signatures count."""
    from cluster.policies.person_keys import person_file, read_person_key
    from cluster.policies.signatures import Role, sign
    from cluster.wire.order import order_statement

    if not settings.people:
        return order
    signature = sign(read_person_key(file or person_file(by)), by, Role(str(order.action)), order_statement(order))
    return replace(order, signatures=(*order.signatures, signature))
