"""`beholden policy history|show|at`, and how policies are shown in a terminal."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, fields, is_dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import yaml
from rich.console import Console
from rich.table import Table

from cluster.cli.options import Time, cluster_file
from cluster.policies.signatures import Role
from cluster.wire.text import format_time
from operators.errors import SettingsRefused

if TYPE_CHECKING:
    from cluster.ledger.settings_history import CameraSettings, Ordered, SettingsHistory, Span
    from cluster.policies.book import PolicyBook
    from cluster.policies.diff import Difference
    from cluster.policies.in_force import PolicyInForce
    from cluster.ports import Record
    from cluster.settings import ClusterSettings
    from cluster.wire.ledger import LedgerRecord
    from cluster.wire.release import Release

_COLOURS = {"loosens": "red", "tightens": "green", "takes two": "yellow", "neither": "bright_black"}
_LEGEND = {
    "loosens": "two people agree to it, and it names a measurement and a day on which it ends",
    "takes two": "two people agree to it",
    "tightens": "one person is enough",
}
_json = click.option("--json", "as_json", is_flag=True, help="For machines.")


@click.command(short_help="Show every policy that came into force.")
@cluster_file
@_json
def history(file: Path, as_json: bool) -> None:
    """Show every policy that came into force, who wanted it and why; and what was refused."""
    from cluster.policies.desk import read_book
    from cluster.settings import read_cluster

    settings = read_cluster(file)
    book = read_book(settings, deployment_of(settings))
    if as_json:
        click.echo(json.dumps([_facts(each) for each in book.releases.values()], ensure_ascii=False, indent=1))
        return
    console = Console()
    console.print(_releases(list(book.releases.values()), datetime.now(UTC)))
    for each in book.refused:
        console.print(f"offset {each.offset} was refused: {each.reason}: {each.detail}", style="red", markup=False)
    if stop := book.stopped_by:
        console.print(f"stopped by {stop.by} at {stop.at:%Y-%m-%d %H:%M} UTC: {stop.why}", style="red", markup=False)


@click.command(short_help="Show one policy.")
@click.argument("which", metavar="NUMBER|current")
@cluster_file
@_json
def show(which: str, file: Path, as_json: bool) -> None:
    """Show one policy that came into force, whole, with who wanted it and why."""
    from cluster.policies.desk import read_book
    from cluster.settings import read_cluster

    settings = read_cluster(file)
    release = release_of(read_book(settings, deployment_of(settings)), which)
    if as_json:
        document = json.loads(release.in_force.canonical)
        click.echo(json.dumps({**_facts(release), "policy": document}, ensure_ascii=False, indent=1))
        return
    tell_release(release, None, Console())
    click.echo(as_yaml(release.in_force))


@click.command(name="at", short_help="Show what was in force at a moment.")
@click.argument("moment", type=Time(), metavar="TIME")
@click.option("--camera", metavar="ID", help="With the thresholds that counted before this camera.")
@cluster_file
@_json
def at_(moment: datetime, camera: str | None, file: Path, as_json: bool) -> None:
    """Show by which policy each recogniser went at TIME, from the ledger alone: exit status 1 if by none."""
    from cluster.kafka.topics import LEDGER
    from cluster.ledger.settings_history import SettingsHistory
    from cluster.settings import read_cluster
    from cluster.watchlists.register import read_topic

    settings = read_cluster(file)
    records = _records(read_topic(settings.kafka, LEDGER), deployment_of(settings))
    found = _at(SettingsHistory.of(records), moment, camera)
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False, indent=1))
    for number, facts in enumerate([] if as_json else found):
        if number:
            click.echo()
        _tell(facts, Console())
    if not found:
        raise click.ClickException(f"nobody went by any policy at {moment:%Y-%m-%d %H:%M:%S} UTC")


def _records(topic: Iterable["Record"], deployment: str) -> Iterator["LedgerRecord"]:
    """A deployment's records of the ledger; what is none, `beholden ledger verify` tells of."""
    from cluster.wire.ledger import LedgerInvalid, parse_record

    for record in topic:
        with suppress(LedgerInvalid):
            found = parse_record(record.value)
            if found.deployment == deployment:
                yield found


def _at(history: "SettingsHistory", moment: datetime, camera: str | None) -> list[dict[str, Any]]:
    """What was in force, a part for each policy that anyone went by."""
    spans: dict[tuple[int, str], list[Span]] = {}
    for span in history.at(moment):
        spans.setdefault((span.number, span.digest), []).append(span)
    return [_of_spans(history, moment, camera, those) for those in spans.values()]


def _of_spans(
    history: "SettingsHistory", moment: datetime, camera: str | None, spans: "Sequence[Span]"
) -> dict[str, Any]:
    """What was in force for those who went by one policy."""
    unread = {}
    if camera is not None:
        try:
            return _before(history.of_spans(camera, moment, spans))
        except SettingsRefused:
            unread = {f"before {camera}": "its policy is of a former form, cannot be read"}
    number, digest = spans[0].number, spans[0].digest
    return {
        "policy": number,
        "digest": digest,
        "by": sorted(span.writer for span in spans),
        "stop in force": _stop(history.stopped_by(moment)),
        "stopped": sorted(span.writer for span in spans if history.has_stopped(span, moment)),
        "expires at": _until(applied.expires_at) if (applied := history.applied.get(digest)) else None,
        **unread,
    }


def _stop(order: "Ordered | None") -> str | None:
    return None if order is None else f"by {order.by} at {format_time(order.at)}: {order.why}"


def _until(expires_at: datetime | None) -> str | None:
    return None if expires_at is None else format_time(expires_at)


def _before(settings: "CameraSettings") -> dict[str, Any]:
    """What decided before one camera."""
    return {
        "policy": settings.number,
        "digest": settings.digest,
        "by": list(settings.writers),
        "in scope": settings.in_scope,
        "stop in force": _stop(settings.stopped_by),
        "stopped": list(settings.stopped),
        "expires at": _until(settings.expires_at),
        **{f"threshold of {name}": value for name, value in settings.thresholds.items()},
        **{f"floor of {name}": value for name, value in settings.floors.items()},
        "detector's confidence": settings.confidence,
        "quality": [f"{name} {value}" for name, value in asdict(settings.quality).items()],
        "frames that agree": f"{settings.confirm_frames} of {settings.of_frames}",
        "cool-down": f"{settings.cool_down_s:g} s",
        "applied at": format_time(settings.applied.at),
        "proposed by": settings.applied.proposal.get("by"),
        "why": settings.applied.proposal.get("why"),
        "signed by": list(settings.applied.signers) or ["nobody"],
    }


COMMANDS = (history, show, at_)


def deployment_of(settings: "ClusterSettings") -> str:
    """The deployment of the policy that a cluster file names."""
    from cluster.policies.files import policy_in, read_named

    return policy_in(read_named(settings.policy)).policy.deployment


def release_of(book: "PolicyBook", which: str) -> "Release":
    """The release of a number, or the one in force."""
    if which == "current" and book.in_force:
        return book.in_force
    for release in book.releases.values():
        if str(release.number) == which:
            return release
    known = ", ".join(str(release.number) for release in book.releases.values()) or "none"
    raise click.ClickException(f"policy {which} of {book.deployment} has not come into force; there: {known}")


def as_yaml(policy: "PolicyInForce") -> str:
    """A policy as it might stand in its file."""
    document = json.loads(policy.canonical)
    ordered = {each.name: document[each.name] for each in fields(policy.policy)}
    return str(yaml.safe_dump(ordered, allow_unicode=True, sort_keys=False, width=118))


def tell_release(release: "Release", former: "Release | None", console: Console) -> None:
    """Say who wants it and why, and what it changes: against the one in force, or the last that was to last."""
    from cluster.policies.diff import differences

    _tell(_facts(release), console)
    before = former.in_force if former else release.baseline
    if before:
        console.print(f"against policy {before.policy.policy}:")
        tell_differences(differences(before.policy, release.in_force.policy), console)


def _tell(facts: Mapping[str, Any], console: Console) -> None:
    """One row a fact."""
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="bright_black")
    table.add_column(overflow="fold")
    for name, value in facts.items():
        table.add_row(name.replace("_", " "), _text(value))
    console.print(table)


def tell_differences(found: Sequence["Difference"], console: Console) -> None:
    """One row a change."""
    if not found:
        console.print("nothing changes")
        return
    table = Table(box=None, pad_edge=False, header_style="bright_black")
    for column in ("key", "before", "after", "effect"):
        table.add_column(column, overflow="fold")
    for each in found:
        style = _COLOURS[each.effect]
        table.add_row(each.at, _text(each.before), _text(each.after), str(each.effect), style=style)
    console.print(table)
    effects = {str(each.effect) for each in found}
    for effect in (each for each in _LEGEND if each in effects):
        console.print(f"{effect}: {_LEGEND[effect]}", style="bright_black", highlight=False)


def _releases(releases: Sequence["Release"], now: datetime) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bright_black")
    for column in ("policy", "proposed", "by", "approved by", "why", "loosens", "until", "digest"):
        table.add_column(column, overflow="fold")
    for release in releases:
        proposal, last = release.proposal, release is releases[-1]
        until = proposal.expires_at
        table.add_row(
            str(release.number),
            f"{proposal.at:%Y-%m-%d %H:%M}",
            proposal.by if release.signatures else f"{proposal.by} (unsigned)",
            ", ".join(each.by for each in release.signatures if each.role is Role.APPROVE),
            proposal.why,
            ", ".join(proposal.loosens),
            f"{until:%Y-%m-%d %H:%M}{' ended' if last and until <= now else ''}" if until else "",
            release.digest[:12],
            style="bold" if last else "",
        )
    return table


def _facts(release: "Release") -> dict[str, Any]:
    """What there is to say of a release beside the policy itself."""
    from cluster.wire.release import statement

    said = statement(release)
    signed = [f"{each.by} to {each.role} with key {each.key_id}" for each in release.signatures]
    about = {name: said[name] for name in ("deployment", "number", "digest")}
    return {**about, **said["proposal"], "signed": signed or ["nobody"]}


def _text(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(map(_text, value))
    if is_dataclass(value):
        parts = ((each.name, getattr(value, each.name)) for each in fields(value))
        return ", ".join(f"{name} {_text(part)}" for name, part in parts if part is not None)
    return "" if value is None else str(value)
