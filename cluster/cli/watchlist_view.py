"""`beholden watchlist list|show|verify|history`, and how lists are shown in a terminal."""

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from cluster.cli.options import Time, cluster_file
from cluster.wire.text import format_time

if TYPE_CHECKING:
    from cluster.plan import Plan
    from cluster.watchlists.history import Stay
    from cluster.watchlists.import_folder import Outcome
    from cluster.watchlists.register import Register
    from cluster.wire.entries import EntryRecord

T = TypeVar("T")
_SHOWN = 20  # refusals, pairs; a terminal is no place for a thousand
_json = click.option("--json", "as_json", is_flag=True, help="For machines.")
_ref = click.option("--entry", "ref", required=True, metavar="REF", help="Reference it was enrolled under.")


def _plan_in_topic(file: Path) -> "Plan":
    """The plan under the policy that the policy topic says is in force; the file's while there is none. Says which."""
    from cluster.plan import read_plan
    from cluster.policies.desk import plan_now

    own = read_plan(file)
    plan = plan_now(own)
    number = plan.in_force.policy.policy
    whence = "of the cluster file: none is in force yet" if plan is own else "in force, as the policy topic has it"
    click.echo(f"by policy {number}, {whence}", err=True)
    return plan


@click.command(name="list")
@cluster_file
@click.option("--list", "name", help="Only this list, with all its entries.")
@_json
def list_(file: Path, name: str | None, as_json: bool) -> None:
    """Show the lists of the policy in force, or the entries of one."""
    from cluster.watchlists.register import read_register

    plan, now = _plan_in_topic(file), datetime.now(UTC)
    records = list(read_register(plan.settings.kafka).entries.values())
    lists = plan.in_force.policy.watchlists
    if name is not None and name not in lists:
        raise click.UsageError(f"the policy has {', '.join(lists)}; name one of them")
    shown = [record for record in records if name in (None, record.entry.watchlist)]
    if as_json:
        click.echo(json.dumps([_facts(record, plan) for record in shown], ensure_ascii=False, indent=1))
    elif name is None:
        Console().print(_lists(records, plan, now))
        for each, rule in lists.items():
            click.echo(f"{each}: {rule.purpose}")
    else:
        Console().print(_entries(shown, now))


def _lists(records: Sequence["EntryRecord"], plan: "Plan", now: datetime) -> Table:
    table = _table("list", "categories", "entries", "at most", "images", "minors", "ended", "first to end")
    for name, rule in plan.in_force.policy.watchlists.items():
        own = [record for record in records if record.entry.watchlist == name]
        living = [record.entry.not_after for record in own if record.entry.not_after > now]
        counts = {each: sum(record.category == each for record in own) for each in rule.categories}
        table.add_row(
            name,
            "\n".join(f"{each} {count}" for each, count in counts.items()),
            str(len(own)),
            str(rule.most_entries),
            str(sum(len(record.photos) for record in own)),
            str(sum(record.minor is not None for record in own)),
            str(len(own) - len(living)),
            f"{min(living):%Y-%m-%d %H:%M}" if living else "",
        )
    return table


def _entries(records: Sequence["EntryRecord"], now: datetime) -> Table:
    table = _table("entry", "category", "images", "minor", "approver", "enrolled", "not after")
    for record in sorted(records, key=lambda each: (each.entry.not_after, each.entry.ref)):
        entry = record.entry
        ended = "[red]" if entry.not_after <= now else ""
        table.add_row(
            entry.ref,
            record.category,
            str(len(record.photos)),
            "yes" if record.minor else "",
            record.approver,
            f"{record.enrolled_at:%Y-%m-%d %H:%M}",
            f"{ended}{entry.not_after:%Y-%m-%d %H:%M}",
        )
    return table


@click.command(short_help="Show one entry.")
@cluster_file
@_ref
@_json
def show(file: Path, ref: str, as_json: bool) -> None:
    """Show one entry: why it is there, on whose word, from which images and until when."""
    from cluster.watchlists.register import read_register

    plan = _plan_in_topic(file)
    record = read_register(plan.settings.kafka).entries.get(ref)
    if record is None:
        raise click.ClickException(f"{ref} is on no list; beholden watchlist history says whether it was")
    facts = _facts(record, plan)
    if as_json:
        click.echo(json.dumps(facts, ensure_ascii=False, indent=1))
        return
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="bright_black")
    table.add_column(overflow="fold")
    for name, value in facts.items():
        for number, line in enumerate(value if isinstance(value, list) else [value]):
            text = ", ".join(f"{k} {v}" for k, v in line.items()) if isinstance(line, dict) else line
            table.add_row(name.replace("_", " ") if not number else "", "" if text is None else str(text))
    Console().print(table)


def _facts(record: "EntryRecord", plan: "Plan") -> dict[str, Any]:
    """What may be shown of an entry: all but vectors and pictures."""
    entry, minor = record.entry, record.minor
    return {
        "entry": entry.ref,
        "watchlist": entry.watchlist,
        "category": record.category,
        "necessity": record.necessity,
        "approver": record.approver,
        "minor": {"second approver": minor.approver, "reason": minor.reason} if minor else None,
        "enrolled_at": format_time(record.enrolled_at),
        "not_after": format_time(entry.not_after),
        "images": [
            {"taken": each.captured_on.isoformat(), "source": each.source, "sha256": each.sha256}
            for each in record.photos
        ],
        "detector": record.contract.detector_sha256,
        "embedder": record.contract.model_sha256,
        "searched": entry.contract == plan.contract.digest,
        "record": entry.digest,
    }


@click.command(short_help="Hold lists against policy and ledger.")
@cluster_file
@click.option("--compare/--no-compare", default=True, help="Look for entries that may be the same person.")
@click.pass_context
def verify(ctx: click.Context, file: Path, compare: bool) -> None:
    """Hold every entry against the policy in force and the ledger; exit status 1 when anything is amiss."""
    from cluster.keys import read_keys
    from cluster.watchlists.register import read_events, read_register
    from cluster.watchlists.verify import verify as findings_of

    plan, console = _plan_in_topic(file), Console()
    keys, kafka = read_keys(plan.settings.key_folder), plan.settings.kafka
    register, events = read_register(kafka), read_events(kafka, plan.in_force.policy.deployment)
    findings = list(findings_of(register, events, plan, keys, datetime.now(UTC)))
    if findings:
        table = _table("entry", "what", "detail")
        for finding in findings:
            table.add_row(finding.ref, f"[red]{finding.what}", finding.detail)
        console.print(table)
    console.print(
        f"{len(register.entries)} entries, {len(events.events)} changes in the ledger, {len(findings)} findings"
    )
    if compare:
        tell_alike(register, plan, None, console)
    ctx.exit(1 if findings else 0)


@click.command(short_help="When was somebody on which list?")
@cluster_file
@_ref
@click.option("--at", "moment", type=Time(), help="Say whether they were listed at this time.")
@click.option("--list", "name", help="Ask about one list.")
@_json
def history(file: Path, ref: str, moment: datetime | None, name: str | None, as_json: bool) -> None:
    """When was this reference on which list? From the ledger alone: entry, images and vectors may be gone."""
    from cluster.keys import read_keys
    from cluster.plan import read_plan
    from cluster.watchlists.history import at, stays
    from cluster.watchlists.register import read_events

    plan = read_plan(file)
    keys = read_keys(plan.settings.key_folder)
    events = read_events(plan.settings.kafka, plan.in_force.policy.deployment).events
    found = [stay for stay in stays(events, keys.member(ref)) if name in (None, stay.watchlist)]
    strange = sum(event.members_id != keys.members_id for event in events)
    if strange and not (at(found, moment) if moment else found):
        raise click.ClickException(
            f"not known: {strange} records of the ledger were written with another key, and whom they name only that "
            "key can say"
        )
    if as_json:
        now = at(found, moment, name) if moment else None
        click.echo(json.dumps({"listed": bool(now), "stays": [_stay(each) for each in found]}, indent=1))
    elif moment is not None:
        stay = at(found, moment, name)
        where = f"on {stay.watchlist} for {stay.category}, from {_span(stay)}" if stay else "on no list"
        click.echo(f"{'yes' if stay else 'no'}: at {moment:%Y-%m-%d %H:%M:%S} UTC {ref} was {where}")
    else:
        Console().print(_stays(found) if found else f"{ref} was never on {name or 'a list'}")


def _stays(found: Sequence["Stay"]) -> Table:
    table = _table("list", "category", "from", "until", "ended by", "approver", "record")
    for stay in found:
        since, until = (f"{time:%Y-%m-%d %H:%M:%S}" for time in (stay.since, stay.until))
        table.add_row(stay.watchlist, stay.category, since, until, stay.ended_by, stay.by, stay.record[:8])
    return table


def _stay(stay: "Stay") -> dict[str, str]:
    return {
        "watchlist": stay.watchlist,
        "category": stay.category,
        "since": format_time(stay.since),
        "until": format_time(stay.until),
        "ended_by": stay.ended_by,
        "record": stay.record,
        "approver": stay.by,
    }


def _span(stay: "Stay") -> str:
    return f"{stay.since:%Y-%m-%d %H:%M:%S} to {stay.until:%Y-%m-%d %H:%M:%S} ({stay.ended_by})"


def follow(outcomes: "Iterable[Outcome]", total: int, console: Console) -> "list[Outcome]":
    """Everything that an import says, with its progress on a terminal."""
    done = []
    with Progress(console=console, transient=True) as progress:
        task = progress.add_task("enrolling", total=total)
        for outcome in outcomes:
            done.append(outcome)
            progress.advance(task)
    return done


def tell_outcomes(done: "Sequence[Outcome]", console: Console) -> None:
    """How an import went: counts, and the first refusals."""
    refused = [each for each in done if not each.enrolled]
    there = sum(each.was_there for each in done)
    if refused:
        table = _table("line", "entry", "refused for", "detail")
        for each in refused[:_SHOWN]:
            table.add_row(str(each.line), each.ref, f"[red]{each.reason}", each.detail)
        console.print(table)
        if len(refused) > _SHOWN:
            console.print(f"and {len(refused) - _SHOWN} more: --report FILE writes them all")
    share = f" ({len(refused) / len(done):.1%} of {len(done)})" if refused else ""
    console.print(f"enrolled {len(done) - len(refused) - there}, were there {there}, refused {len(refused)}{share}")


def tell_alike(register: "Register", plan: "Plan", new: set[str] | None, console: Console) -> None:
    """Entries that may be the same person, for somebody to look at."""
    from cluster.watchlists.verify import alike

    pairs = sorted(alike(register, plan, new), key=lambda pair: -pair.cosine)
    if not pairs:
        return
    table = _table("list", "entry", "entry", "cosine")
    for pair in pairs[:_SHOWN]:
        table.add_row(pair.watchlist, pair.one, pair.other, f"{pair.cosine:.3f}")
    count = "1 pair" if len(pairs) == 1 else f"{len(pairs)} pairs"
    console.print(f"[yellow]as alike as a face and its entry, perhaps one person twice: {count} of entries")
    console.print(table)


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bright_black")
    for column in columns:
        table.add_column(
            column, overflow="fold", justify="right" if column in ("entries", "at most", "images", "cosine") else "left"
        )
    return table


COMMANDS = (list_, show, verify, history)
