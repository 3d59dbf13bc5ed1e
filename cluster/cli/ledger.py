"""`beholden ledger`."""

import heapq
import json
import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.table import Table

from cluster.cli.options import Time, cluster_file
from cluster.wire.text import format_time

if TYPE_CHECKING:
    from cluster.ledger.verify import Fault, Verifier
    from cluster.plan import Plan
    from cluster.wire.checkpoints import Anchor
    from cluster.wire.ledger import LedgerRecord

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_SHOWN = 50  # faults; the first names what was done, those behind it follow from it


@click.group()
def ledger() -> None:
    """Read the ledger, and prove that nothing in it was changed or taken out."""


@ledger.command()
@click.argument("export", type=_FILE, required=False)
@click.option("-f", "--file", type=_FILE, metavar="FILE", help="Cluster file: the ledger in its Kafka.")
@click.option("--anchor", "files", type=_FILE, multiple=True, metavar="FILE", help="What was published of checkpoints.")
@click.option("--key", "keys", multiple=True, help="Public key of checkpoints, as 'beholden ledger key' prints it.")
@click.option("--keep", "days", type=click.IntRange(1), metavar="DAYS", help="How long records are kept at least.")
@click.option("--profile", type=_FILE, metavar="FILE", help="Retention profile that says it, in place of --keep.")
@click.option("--json", "as_json", is_flag=True, help="For machines.")
@click.pass_context
def verify(
    ctx: click.Context,
    export: Path | None,
    file: Path | None,
    files: tuple[Path, ...],
    keys: tuple[str, ...],
    days: int | None,
    profile: Path | None,
    as_json: bool,
) -> None:
    """Hold the ledger, or an EXPORT of it, against its chains, checkpoints and anchors; exit status 1 on any fault.

    Where its beginning is deleted, that is a fault unless its records are older than they are kept: as the policy's
    retention profile says with -f, as --keep or --profile say of an EXPORT.
    """
    if days and profile:
        raise click.UsageError("--keep and --profile say the same: name one of them")
    if (export is None) == (file is None):
        raise click.UsageError("name an EXPORT, or with -f the cluster file whose ledger is to be read")
    began_s = time.monotonic()
    verifier, records = _of_export(export, files, keys) if export else _of_cluster(file, files, keys)
    if days or profile:
        verifier.kept = timedelta(days=days) if days else _kept(profile)
    believed = not verifier.keys
    faults: list[Fault] = []
    count = 0
    for fault in _faults(verifier, records):
        count += 1
        if count <= _SHOWN:
            faults.append(fault)
    if as_json:
        click.echo(json.dumps(_document(verifier, faults, count, believed), indent=1))
    else:
        _show(verifier, faults, count, believed, time.monotonic() - began_s)
    ctx.exit(1 if faults else 0)


@ledger.command(name="show")
@cluster_file
@click.option("--since", type=Time(), help="Only records of this time and later.")
@click.option("--type", "kind", help="Only this type, such as settings.in_force.")
@click.option("--writer", help="Only what this one wrote.")
@click.option("--json", "as_json", is_flag=True, help="For machines: each record as it stands, one a line.")
def show_(file: Path, since: datetime | None, kind: str | None, writer: str | None, as_json: bool) -> None:
    """Print records, oldest first. 'verify' says whether they can be believed."""
    from cluster.kafka.topics import LEDGER
    from cluster.plan import read_plan
    from cluster.watchlists.register import read_topic
    from cluster.wire.ledger import LedgerInvalid, parse_record

    console = Console()
    for record in read_topic(read_plan(file).settings.kafka, LEDGER, since):
        try:
            found = parse_record(record.value)
        except LedgerInvalid as invalid:
            console.print(f"[red]{record.ref.offset}: {invalid}", soft_wrap=True)
            continue
        if (kind or found.kind, writer or found.writer) == (found.kind, found.writer):
            if as_json:
                click.echo(record.value)
            else:
                console.print(_line(record.ref.offset, found), soft_wrap=True, highlight=False, markup=False)


@ledger.command(name="export")
@cluster_file
@click.argument("to", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE")
def export_(file: Path, to: Path) -> None:
    """Write the whole ledger to FILE, as it stands, with what was published of its checkpoints."""
    from cluster.ledger.export import write_export
    from cluster.plan import read_plan

    plan = read_plan(file)
    deployment = plan.in_force.policy.deployment
    try:
        with to.open("xb") as opened:
            count = write_export(opened, deployment, _published(plan), _stored(plan))
    except FileExistsError:
        raise click.ClickException(f"{to} is there already: name another file") from None
    click.echo(f"{to}: {count} records of the ledger that {deployment} writes to")


@ledger.command()
@cluster_file
def key(file: Path) -> None:
    """Print the public key that signs checkpoints: keep it where whoever holds the ledger cannot change it."""
    from cluster.ledger.checkpoint_key import read_checkpoint_key
    from cluster.settings import read_cluster
    from cluster.wire.checkpoints import key_text

    click.echo(key_text(read_checkpoint_key(read_cluster(file).key_folder).public_key().public_bytes_raw()))


def _faults(verifier: "Verifier", records: Iterator[tuple[int, bytes]]) -> Iterator["Fault"]:
    for offset, value in records:
        yield from verifier.take(offset, value)
    yield from verifier.end()


def _of_export(
    path: Path, files: Iterable[Path], keys: Iterable[str]
) -> tuple["Verifier", Iterator[tuple[int, bytes]]]:
    from cluster.ledger.export import open_export
    from cluster.ledger.verify import Verifier
    from cluster.wire.checkpoints import parse_key

    export = open_export(path)
    known = [parse_key(each) for each in keys]
    return Verifier(export.deployment, known, _merged(export.anchors(), files)), export.records()


def _of_cluster(
    path: Path | None, files: Iterable[Path], keys: Iterable[str]
) -> tuple["Verifier", Iterator[tuple[int, bytes]]]:
    from cluster.ledger.checkpoint_key import read_checkpoint_key
    from cluster.ledger.verify import Verifier
    from cluster.plan import read_plan
    from cluster.wire.checkpoints import parse_key
    from operators.retention import lasts_ms

    assert path is not None  # noqa: S101 - checked by the caller
    plan = read_plan(path)
    known = [parse_key(each) for each in keys]
    known = known or [read_checkpoint_key(plan.settings.key_folder).public_key().public_bytes_raw()]
    own = plan.settings.ledger.anchor_file
    files = [*files, *([own] if own and own.exists() else [])]
    kept = timedelta(milliseconds=lasts_ms(plan.in_force.policy.retention.ledger.keep))
    anchors, deployment = _merged(_published(plan), files), plan.in_force.policy.deployment
    return Verifier(deployment, known, anchors, kept, datetime.now(UTC)), _stored(plan)


def _kept(profile: Path | None) -> timedelta | None:
    from cluster.strict_yaml import read
    from operators.retention import RetentionProfile, lasts_ms

    return timedelta(milliseconds=lasts_ms(read(profile, RetentionProfile).ledger.keep)) if profile else None


def _merged(anchors: Iterator["Anchor"], files: Iterable[Path]) -> Iterator["Anchor"]:
    from cluster.ledger.export import read_anchors

    return heapq.merge(anchors, *map(read_anchors, files), key=lambda each: each.number)


def _stored(plan: "Plan") -> Iterator[tuple[int, bytes]]:
    from cluster.kafka.topics import LEDGER
    from cluster.watchlists.register import read_topic

    return ((record.ref.offset, record.value) for record in read_topic(plan.settings.kafka, LEDGER))


def _published(plan: "Plan") -> Iterator["Anchor"]:
    """What stands in topic `ledger-heads` of this deployment."""
    from cluster.kafka.topics import LEDGER_HEADS
    from cluster.watchlists.register import read_topic
    from cluster.wire.checkpoints import anchor_of

    documents = (json.loads(record.value) for record in read_topic(plan.settings.kafka, LEDGER_HEADS))
    return (each for each in map(anchor_of, documents) if each.deployment == plan.in_force.policy.deployment)


def _line(offset: int, record: "LedgerRecord") -> str:
    where = f"{offset:>8}  {format_time(record.at)}  {record.writer} {record.chain[:8]}/{record.seq}"
    return f"{where:<66}  {record.kind}  {json.dumps(record.body, ensure_ascii=False)}"


def _show(verifier: "Verifier", faults: list["Fault"], count: int, believed: bool, took_s: float) -> None:
    from cluster.ledger.verify import Beginning

    console = Console()
    if faults:
        table = Table(box=None, pad_edge=False, header_style="bright_black")
        for column in ("offset", "what", "writer", "chain", "number", "detail"):
            table.add_column(column, overflow="fold", justify="right" if column in ("offset", "number") else "left")
        for fault in faults:
            offset, seq = ("-" if number < 0 else str(number) for number in (fault.offset, fault.seq))
            table.add_row(offset, f"[red]{fault.kind}", fault.writer, fault.chain[:8], seq, fault.detail)
        console.print(table)
        if count > len(faults):
            console.print(f"and {count - len(faults)} more")
    console.print(
        f"{verifier.records} records in {verifier.chains} chains ({verifier.open} open), {verifier.checkpoints} "
        f"checkpoints, {verifier.anchored} of them as published, {verifier.uncovered} records behind the last; "
        f"{verifier.records / max(took_s, 1e-9):.0f} records/s",
        highlight=False,
    )
    if verifier.beginning is Beginning.EXPIRED:
        text = f"begins at offset {verifier.begins_at}: what was before is older than records are kept"
        console.print(f"[yellow]{text}", highlight=False)
    if believed:
        console.print("[yellow]the key of the first checkpoint was believed: name the true one with --key")
    if not verifier.anchored:
        console.print("[yellow]nothing published was compared: a tail that was cut off would not show; see --anchor")
    console.print("[red]faults: the first names what was done" if faults else "[green]as it was written")


def _document(verifier: "Verifier", faults: list["Fault"], count: int, believed: bool) -> dict[str, object]:
    names = ("begins_at", "records", "chains", "open", "checkpoints", "anchored", "uncovered")
    counts = {name: getattr(verifier, name) for name in names}
    counts["beginning"] = str(verifier.beginning)
    return {**counts, "key_believed": believed, "faults": count, "first_faults": [asdict(each) for each in faults]}
