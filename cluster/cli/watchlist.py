"""`beholden watchlist`: putting people on lists and taking them off."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console

from cluster.cli import watchlist_view
from cluster.cli.options import Day, Time, cluster_file
from cluster.wire.list_events import Withdrawal

if TYPE_CHECKING:
    from cluster.watchlists.import_folder import Outcome

_IMAGE = click.Path(exists=True, dir_okay=False, path_type=Path)
_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
_who = click.option("--by", required=True, metavar="WHO", help="Who does this.")


@click.group()
def watchlist() -> None:
    """Put people who are sought on lists, take them off, and account for both."""


for command in watchlist_view.COMMANDS:
    watchlist.add_command(command)


@watchlist.command(short_help="Begin a list.")
@cluster_file
@click.option("--list", "name", required=True, help="One of the policy's lists.")
@_who
def create(file: Path, name: str, by: str) -> None:
    """Begin a list of the policy; the first one makes the deployment's secret keys."""
    from cluster.plan import read_plan
    from cluster.policies.desk import plan_in_force
    from cluster.watchlists.desk import create_list

    plan = plan_in_force(read_plan(file))
    if create_list(plan, name, by):
        folder = plan.settings.key_folder
        click.echo(f"made the deployment's keys in {folder}: keep a copy, they say who was listed and open pictures")
    rule = plan.in_force.policy.watchlists[name]
    click.echo(f"began {name}: {rule.purpose}")
    click.echo(f"for: {', '.join(rule.categories)}")
    click.echo(f"longest entry, days: {rule.longest_days}; most entries: {rule.most_entries}")


@watchlist.command(short_help="Put one person on a list.")
@cluster_file
@click.option("--entry", "ref", required=True, metavar="REF", help="Opaque reference, never a name.")
@click.option("--list", "name", required=True, help="One of the policy's lists.")
@click.option("--image", "images", type=_IMAGE, required=True, multiple=True, help="JPEG, one face. May be repeated.")
@click.option("--source", "sources", required=True, multiple=True, help="Where it is from and why it is lawfully held.")
@click.option("--captured-on", "days", type=Day(), required=True, multiple=True, help="When it was taken.")
@click.option("--category", required=True, help="What for: one of the list's categories.")
@click.option("--necessity", required=True, help="Why this person has to be searched for in this way.")
@click.option("--approver", required=True, metavar="WHO", help="Who decided so.")
@click.option("--not-after", type=Time(), required=True, help="End of the entry: a time, or days from now as 30d.")
@click.option("--second-approver", metavar="WHO", help="For a minor: who else approved.")
@click.option("--minor-reason", help="For a minor: why a minor has to be listed.")
@click.option("--compare/--no-compare", default=True, help="Look for other entries that may be the same person.")
def enrol(
    file: Path,
    ref: str,
    name: str,
    images: Sequence[Path],
    sources: Sequence[str],
    days: Sequence[date],
    category: str,
    necessity: str,
    approver: str,
    not_after: datetime,
    second_approver: str | None,
    minor_reason: str | None,
    compare: bool,
) -> None:
    """Put one person on a list. Running recognisers search for them within a second. A list that is full takes nobody.

    With several images give --source and --captured-on once for all, or once for each.
    """
    from cluster.plan import check_models, open_vision, read_plan
    from cluster.policies.desk import plan_in_force
    from cluster.privacy.core_dumps import no_core_dumps
    from cluster.watchlists.admission import Origin, Person
    from cluster.watchlists.desk import open_desk
    from cluster.watchlists.enrol import Picture
    from cluster.watchlists.register import read_register
    from cluster.watchlists.vacancies import Vacancies
    from cluster.wire.entries import Minor

    no_core_dumps()
    plan = read_plan(file)
    check_models(plan)
    plan = plan_in_force(plan)
    vision = open_vision(plan)
    minor = Minor(approver=second_approver or "", reason=minor_reason or "")
    is_minor = second_approver is not None or minor_reason is not None
    person = Person(ref, name, category, necessity, approver, not_after, minor if is_minor else None)
    origins = [Origin(*each) for each in zip(_each(sources, images), _each(days, images), strict=True)]
    pictures = [Picture(image.read_bytes(), origin) for image, origin in zip(images, origins, strict=True)]
    with open_desk(plan) as desk:
        register = read_register(plan.settings.kafka)
        vacancies = Vacancies(plan.in_force.policy, register.entries, desk.clock.now())
        instead = ", in the place of the entry that was there" if ref in register.entries else ""
        register.entries[ref] = desk.enrol(person, pictures, vision, vacancies)
    click.echo(f"enrolled {ref} on {name} until {not_after:%Y-%m-%d %H:%M} UTC{instead}")
    if compare:
        watchlist_view.tell_alike(register, plan, {ref}, Console())


def _each(given: Sequence[watchlist_view.T], images: Sequence[Path]) -> Sequence[watchlist_view.T]:
    """One value for each image."""
    if len(given) not in (1, len(images)):
        raise click.UsageError(f"{len(images)} images: give --source and --captured-on once, or once for each")
    return given if len(given) == len(images) else [given[0]] * len(images)


@watchlist.command(name="import", short_help="Put many people on lists.")
@cluster_file
@click.option("--csv", "table", type=_IMAGE, required=True, help="Who they are, a row for each image; see the README.")
@click.option("--images", "folder", type=_FOLDER, help="Folder of the images; that of the table when not given.")
@click.option("--report", type=click.Path(dir_okay=False, path_type=Path), help="Write refusals here, as CSV.")
@click.option("--compare/--no-compare", default=True, help="Look for entries that may be the same person.")
@click.pass_context
def import_(
    ctx: click.Context, file: Path, table: Path, folder: Path | None, report: Path | None, compare: bool
) -> None:
    """Put many people on lists, as many as fit. Cut short, the same command goes on where it ended."""
    from cluster.plan import check_models, open_vision, read_plan
    from cluster.policies.desk import plan_in_force
    from cluster.privacy.core_dumps import no_core_dumps
    from cluster.watchlists.desk import open_desk
    from cluster.watchlists.import_folder import by_list, import_people, read_table
    from cluster.watchlists.register import read_register
    from cluster.watchlists.vacancies import Vacancies

    no_core_dumps()
    plan, applicants, console = read_plan(file), read_table(table), Console()
    check_models(plan)
    plan = plan_in_force(plan)
    vision = open_vision(plan)
    with open_desk(plan) as desk:
        there = read_register(plan.settings.kafka).entries
        vacancies = Vacancies(plan.in_force.policy, there, desk.clock.now())
        for line in vacancies.shortfalls(by_list(applicants)):
            click.secho(line, fg="yellow", err=True)
        outcomes = import_people(applicants, folder or table.parent, there, desk, vision, vacancies)
        done = watchlist_view.follow(outcomes, len(applicants), console)
    watchlist_view.tell_outcomes(done, console)
    if report:
        _write_report(report, done)
    if compare and (new := {each.ref for each in done if each.enrolled and not each.was_there}):
        watchlist_view.tell_alike(read_register(plan.settings.kafka), plan, new, console)
    if not all(each.enrolled for each in done):
        ctx.exit(1)


def _write_report(file: Path, done: "Sequence[Outcome]") -> None:
    import csv

    with file.open("w", encoding="utf-8", newline="") as opened:
        writer = csv.writer(opened)
        writer.writerow(["line", "entry", "reason", "detail"])
        writer.writerows([each.line, each.ref, each.reason, each.detail] for each in done if not each.enrolled)


@watchlist.command(short_help="Take one person off.")
@cluster_file
@click.option("--entry", "ref", required=True, metavar="REF", help="Reference it was enrolled under.")
@click.option(
    "--why", type=click.Choice([str(each) for each in Withdrawal]), required=True, help="The reason, for the ledger."
)
@_who
@click.pass_context
def withdraw(ctx: click.Context, file: Path, ref: str, why: str, by: str) -> None:
    """Take one person off: no frame that is processed a second from now alerts about them."""
    from cluster.plan import read_plan
    from cluster.watchlists.desk import open_desk
    from cluster.watchlists.history import at, stays
    from cluster.watchlists.register import read_events

    now = datetime.now(UTC)
    plan = read_plan(file)
    with open_desk(plan) as desk:
        desk.withdraw([ref], Withdrawal(why), by)
        member = desk.keys.member(ref)
    events = read_events(plan.settings.kafka, plan.in_force.policy.deployment).events
    stay = at(stays(events, member), now)
    if stay is None:
        click.secho(f"{ref} was on no list, says the ledger: is the reference right?", fg="yellow", err=True)
        ctx.exit(1)
    click.echo(f"withdrew {ref} from {stay.watchlist}")


@watchlist.command(short_help="Remove entries that have ended.")
@cluster_file
@_who
def expire(file: Path, by: str) -> None:
    """Remove entries that have ended: they match nobody any more, this deletes their images and vectors."""
    from cluster.plan import read_plan
    from cluster.watchlists.desk import open_desk
    from cluster.watchlists.register import read_register

    plan, now = read_plan(file), datetime.now(UTC)
    with open_desk(plan) as desk:
        entries = read_register(plan.settings.kafka).entries
        ended = [ref for ref, record in entries.items() if record.entry.not_after <= now]
        desk.withdraw(ended, Withdrawal.EXPIRED, by)
    click.echo(f"removed {len(ended)} ended entries, {len(entries) - len(ended)} remain")
