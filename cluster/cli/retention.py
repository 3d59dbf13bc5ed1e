"""`beholden retention`: how old things can become, and the end of what is kept."""

from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.table import Table

from cluster.cli.options import cluster_file
from cluster.wire.deletions import Trigger

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cluster.privacy.retention_check import Age


@click.group()
def retention() -> None:
    """Check how long things are kept, and end what is kept."""


@retention.command(short_help="Say how old a record can really become.")
@cluster_file
@click.pass_context
def check(ctx: click.Context, file: Path) -> None:
    """Say how old the oldest record of each topic can become; exit status 1 when that is more than is promised.

    Kafka deletes closed segments only, by the youngest record in each, when it next looks, and unlinks files later.
    What counts is what topics and brokers are set to now, not what they were made with.
    """
    from cluster.plan import read_plan
    from cluster.policies.desk import plan_now
    from cluster.privacy.retention_check import broken, measure

    plan = plan_now(read_plan(file))
    profile = plan.in_force.policy.retention
    found = measure(plan.settings.kafka, profile)
    console = Console()
    console.print(f"[bold]{profile.profile}[/]  policy {plan.in_force.policy.policy}  {plan.settings.kafka.bootstrap}")
    console.print(_table(found))
    faults = list(broken(found))
    for fault in faults:
        console.print(f"[red]{fault}", soft_wrap=True)
    ctx.exit(1 if faults else 0)


def _table(found: "Sequence[Age]") -> Table:
    from cluster.privacy.retention_check import readable

    table = Table(box=None, pad_edge=False)
    for column in ("topic", "promised", "oldest record", "made of", ""):
        table.add_column(column, overflow="fold", no_wrap=column in ("topic", "promised"))
    table.add_row("faces without a match", "memory alone", "see beholden status", "", "", style="bright_black")
    for age in found:
        parts = " + ".join(f"{name} {readable(value)}" for name, value in age.parts_ms.items())
        total = age.endless or (readable(age.total_ms or 0) if age.is_there else "the topic does not exist")
        verdict = "[green]kept" if age.is_kept else "[red]not kept"
        table.add_row(age.topic, readable(age.at_most_ms), total, parts, verdict)
    return table


@retention.command(short_help="Give topics what the profile asks for.")
@cluster_file
@click.option("--by", required=True, metavar="WHO", help="Who does this.")
def apply(file: Path, by: str) -> None:
    """Give topics that exist the settings of the policy's retention profile; the ledger says so."""
    from cluster.kafka_admin import apply_retention
    from cluster.ledger.desk import write_down
    from cluster.plan import read_plan
    from cluster.policies.desk import plan_now

    plan = plan_now(read_plan(file))
    profile = plan.in_force.policy.retention
    names = apply_retention(plan.settings.kafka, profile)
    write_down(plan, "retention.applied", {"by": by, "profile": profile.profile, "topics": names})
    click.echo(f"{profile.profile}: {', '.join(names)}")


@retention.command(short_help="Delete evidence by destroying its key.")
@cluster_file
@click.option("--key", type=click.Choice(["evidence"]), required=True, help="Which key.")
@click.option("--by", required=True, metavar="WHO", help="Who does this.")
@click.option("--why", type=click.Choice([str(each) for each in Trigger]), required=True, help="For the ledger.")
def shred(file: Path, key: str, by: str, why: str) -> None:
    """Delete the evidence of every alert so far by destroying the key that seals it. Nobody can take this back.

    The cluster must be down: recognisers hold the key in memory. `beholden up` makes a new one.
    """
    from cluster.clocks import SystemClock
    from cluster.kafka_admin import members_of
    from cluster.kafka_io import EVIDENCE
    from cluster.ledger.desk import open_ledger
    from cluster.plan import read_plan
    from cluster.policies.desk import plan_now
    from cluster.privacy.shred import shred_evidence
    from cluster.watchlists.register import read_topic

    plan = plan_now(read_plan(file))
    kafka, folder = plan.settings.kafka, plan.settings.key_folder
    if running := members_of(kafka, plan.group):
        raise click.ClickException(f"{', '.join(running)} hold the {key} key: 'beholden down' first")
    profile = plan.in_force.policy.retention
    with open_ledger(plan) as ledger:
        sealed = read_topic(kafka, EVIDENCE)
        done = shred_evidence(folder, sealed, profile, ledger, SystemClock(), by, Trigger(why))
    click.echo(f"key {done.key_id} is destroyed; {done.documents} sealed documents cannot be opened any more")
    click.echo(f"Copies of {folder / 'evidence.key'} on other machines and in backups are yours to destroy", err=True)
