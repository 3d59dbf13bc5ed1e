"""`beholden retention`: how old things can become, and the end of what is kept."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.table import Table

from cluster.cli.options import cluster_file
from cluster.wire.deletions import Trigger
from cluster.wire.text import format_time

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cluster.plan import Plan
    from cluster.privacy.retention_check import Age
    from cluster.privacy.retention_report import Line
    from operators.retention import RetentionProfile

_SHOWN = 20  # deletions of a class; a terminal is no place for a thousand
_REASONS = [str(each) for each in Trigger if each is not Trigger.LAYOUT]  # that is for copies of the list


@click.group()
def retention() -> None:
    """Check how long things are kept, and end what is kept."""


@retention.command(short_help="Say how old a record can really become.")
@cluster_file
@click.pass_context
def check(ctx: click.Context, file: Path) -> None:
    """Say how old the oldest record of each topic can become; exit status 1 when that is more than is promised.

    Also when a topic is set to less than the policy asks for: the ledger would forget what it is there to hold.
    Kafka deletes closed segments only, by the youngest record in each, when it next looks, and unlinks files later.
    What counts is what topics and brokers are set to now, not what they were made with.
    """
    from cluster.clocks import SystemClock
    from cluster.plan import read_plan
    from cluster.policies.desk import plan_now
    from cluster.privacy.retention_check import broken, measure

    plan = plan_now(read_plan(file))
    profile = plan.retention(SystemClock().now())
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
        table.add_row(age.topic, _promise(age.at_most_ms), total, parts, verdict)
    return table


def _promise(at_most_ms: int | None) -> str:
    from cluster.privacy.retention_check import readable

    return "kept for ever" if at_most_ms is None else readable(at_most_ms)


@retention.command(short_help="Say what is kept now, and what was deleted when.")
@cluster_file
@click.option("--json", "as_json", is_flag=True, help="For machines: one JSON document.")
@click.pass_context
def report(ctx: click.Context, file: Path, as_json: bool) -> None:
    """Say of each class of data what is promised, how old it can become, how old it is, and what was deleted when.

    Exit status 1 when a promise of the policy in force is not kept. Copies elsewhere are out of its
    sight. Of faces that match nobody it says how long they existed at most, as measured under that policy; those that
    existed for too long under one before it are listed, and it is not held to them.
    """
    from cluster.clocks import SystemClock
    from cluster.plan import read_plan
    from cluster.policies.desk import plan_now

    plan = plan_now(read_plan(file))
    policy, profile = plan.in_force.policy, plan.retention(SystemClock().now())
    lines = _report(plan, profile)
    if as_json:
        about = {"deployment": policy.deployment, "policy": policy.policy, "digest": plan.in_force.digest}
        about["profile"] = profile.profile
        click.echo(json.dumps({**about, "classes": list(map(_facts, lines))}, ensure_ascii=False, indent=1))
    else:
        console = Console()
        console.print(f"[bold]{profile.profile}[/]  policy {policy.policy}  {plan.settings.kafka.bootstrap}")
        console.print(_report_table(lines))
        for line in lines:
            for deletion in line.deletions[-_SHOWN:]:
                console.print(f"{deletion.at:%Y-%m-%d %H:%M:%S} {line.of}: {deletion.what}", markup=False)
    ctx.exit(0 if all(line.is_kept for line in lines) else 1)


def _report(plan: "Plan", profile: "RetentionProfile") -> "list[Line]":
    from cluster.clocks import SystemClock
    from cluster.kafka.reader import read_extent
    from cluster.kafka.topics import LEDGER, WATCHLIST
    from cluster.privacy.retention_check import measure
    from cluster.privacy.retention_report import Told, report, withdrawn_since
    from cluster.watchlists.register import read_topic

    kafka, policy = plan.settings.kafka, plan.in_force.policy
    ages, told = measure(kafka, profile), Told(policy.deployment, plan.in_force.digest)
    there = {age.topic for age in ages if age.is_there}
    extents = {topic: read_extent(kafka, topic) for topic in there}
    for record in read_topic(kafka, LEDGER) if LEDGER in there else ():
        told.take(record.value)
    withdrawn_at = withdrawn_since(read_topic(kafka, WATCHLIST)) if WATCHLIST in there else None
    return report(policy, ages, extents, withdrawn_at, told, SystemClock().now())


def _facts(line: "Line") -> dict[str, Any]:
    return {
        "class": line.of,
        "promised_s": None if line.promised_ms is None else line.promised_ms / 1000,
        "can_become_s": None if line.possible_ms is None else line.possible_ms / 1000,
        "oldest_at": format_time(line.oldest_at) if line.oldest_at else None,
        "oldest_s": None if line.age is None else line.age.total_seconds(),
        "gone_at_most": line.gone,
        "kept": line.is_kept,
        "deletions": [{"at": format_time(each.at), "what": each.what} for each in line.deletions],
    }


def _report_table(lines: "Sequence[Line]") -> Table:
    from cluster.privacy.retention_check import readable
    from cluster.privacy.retention_report import NONMATCHES

    table = Table(box=None, pad_edge=False)
    for column in ("what", "promised", "can become", "oldest now", "since"):
        table.add_column(column, overflow="fold", no_wrap=column == "what")
    table.add_column("gone, at most", justify="right")
    table.add_column("")
    for line in lines:
        can = "" if line.possible_ms is None else readable(line.possible_ms)
        now = "nothing" if line.age is None else readable(round(line.age.total_seconds() * 1000))
        if line.of == NONMATCHES:
            can, now = can and f"{can}, measured", "memory alone"
        since = f"{line.oldest_at:%Y-%m-%d %H:%M:%S}" if line.oldest_at else ""
        verdict = "[green]kept" if line.is_kept else "[red]not kept"
        table.add_row(line.of, _promise(line.promised_ms), can, now, since, f"{line.gone:,}", verdict)
    return table


@retention.command(short_help="Give topics what the policy asks for.")
@cluster_file
@click.option("--by", required=True, metavar="WHO", help="Who does this.")
def apply(file: Path, by: str) -> None:
    """Give topics that exist the settings that the policy in force asks for; the ledger says so before.

    Refused while no policy is in force, or while another deployment has policies in the same Kafka under the same
    prefix: the topics are its own as well.
    """
    from cluster.clocks import SystemClock
    from cluster.kafka.admin import apply_retention
    from cluster.ledger.desk import write_down
    from cluster.plan import read_plan
    from cluster.policies.desk import check_alone, plan_released

    plan = plan_released(read_plan(file))
    check_alone(plan.settings, plan.in_force.policy.deployment)
    profile = plan.retention(SystemClock().now())
    kept = {name: each for name, each in asdict(profile).items() if name not in ("profile", "about")}
    write_down(plan, "retention.applied", {"by": by, "profile": profile.profile, "kept": kept})
    names = apply_retention(plan.settings.kafka, profile)
    click.echo(f"{profile.profile}: {', '.join(names)}")


@retention.command(short_help="Delete evidence by destroying its key.")
@cluster_file
@click.option("--key", type=click.Choice(["evidence"]), required=True, help="Which key.")
@click.option("--by", required=True, metavar="WHO", help="Who does this.")
@click.option("--why", type=click.Choice(_REASONS), required=True, help="For the ledger.")
def shred(file: Path, key: str, by: str, why: str) -> None:
    """Delete the evidence of every alert so far by destroying the key that seals it. Nobody can take this back.

    The cluster must be down: recognisers hold the key in memory. `beholden up` makes a new one.
    Refused while no policy is in force.
    """
    from cluster.clocks import SystemClock
    from cluster.kafka.groups import members_of
    from cluster.kafka.topics import EVIDENCE
    from cluster.ledger.desk import open_ledger
    from cluster.plan import read_plan
    from cluster.policies.desk import plan_released
    from cluster.privacy.shred import shred_evidence
    from cluster.watchlists.register import read_topic

    plan = plan_released(read_plan(file))
    kafka, folder = plan.settings.kafka, plan.settings.key_folder
    if running := members_of(kafka, plan.group):
        raise click.ClickException(f"{', '.join(running)} hold the {key} key: 'beholden down' first")
    profile = plan.retention(SystemClock().now())
    with open_ledger(plan) as ledger:
        sealed = read_topic(kafka, EVIDENCE)
        done = shred_evidence(folder, sealed, profile, ledger, SystemClock(), by, Trigger(why))
    click.echo(f"key {done.key_id} is destroyed; {done.documents} sealed documents cannot be opened any more")
    click.echo(f"Copies of {folder / 'evidence.key'} on other machines and in backups are yours to destroy", err=True)
