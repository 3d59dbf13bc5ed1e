"""`beholden policy`: checking policies, signing them and putting them in force."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console

from cluster.cli import policy_view
from cluster.cli.options import Time, cluster_file
from cluster.policies.in_force import read_manifests, read_policy

if TYPE_CHECKING:
    from cluster.policies.book import PolicyBook
    from cluster.policies.in_force import PolicyInForce
    from cluster.settings import ClusterSettings
    from cluster.wire.release import Release

_FILE = click.Path(path_type=Path)
_THERE = click.Path(exists=True, dir_okay=False, path_type=Path)
_by = click.option("--by", required=True, metavar="NAME", help="Who does this, as named in the cluster file.")
_key = click.option("--key", type=_THERE, metavar="FILE", help="Their key, if not where 'policy key' puts it.")


def _proposal(command: Any) -> Any:
    """Options of a proposal."""
    for option in (
        click.option("--effective-from", type=Time(), help="It must not be applied before; at once when not given."),
        click.option("--expires", "expires_at", type=Time(), help="When a loosening ends: a time, or days as 30d."),
        click.option("--evidence", type=_THERE, metavar="FILE", help="What was measured: 'beholden evaluate --json'."),
        click.option("--why", required=True, help="The reason, in words that name nobody who is sought."),
        _key,
        _by,
        cluster_file,
    ):
        command = option(command)
    return command


@click.group()
def policy() -> None:
    """Check policies, sign them, put them in force, and see which were when."""


for _command in policy_view.COMMANDS:
    policy.add_command(_command)


@policy.command(short_help="Read policies and releases strictly.")
@click.argument("files", nargs=-1, required=True, type=_FILE)
@click.option(
    "--manifests",
    type=_FILE,
    metavar="FOLDER",
    help="Check also the models they name: manifests there, of the same digests, and fit for the people shown.",
)
def check(files: tuple[Path, ...], manifests: Path | None) -> None:
    """Read policies and releases strictly; print number, deployment and digest of each."""
    from cluster.policies.files import policy_in, read_named

    for file in files:
        found = policy_in(read_named(file))
        if manifests:
            read_manifests(file, found.policy, manifests)
        click.echo(f"{file}: policy {found.policy.policy} of {found.policy.deployment}, digest {found.digest}")


@policy.command(short_help="Show what changes, and what of it loosens.")
@click.argument("before", type=_THERE)
@click.argument("after", type=_THERE)
def diff(before: Path, after: Path) -> None:
    """Show what changes from one file to another, and what of it loosens: exit status 3 if anything does."""
    from cluster.policies.diff import differences, loosened
    from cluster.policies.files import policy_in, read_named

    was, becomes = (policy_in(read_named(each)).policy for each in (before, after))
    policy_view.tell_differences(differences(was, becomes), Console())
    click.get_current_context().exit(3 if loosened(was, becomes) else 0)


@policy.command(short_help="Print the digests by which a policy pins models.")
@click.argument("files", nargs=-1, required=True, metavar="MANIFEST...", type=_THERE)
def digest(files: tuple[Path, ...]) -> None:
    """Print what a policy is to say of the models of these manifests: name, digests of file and of manifest."""
    from cluster.policies.in_force import read_pinned

    for file in files:
        manifest, found = read_pinned(file)
        click.echo(f"model: {manifest.name}\nsha256: {manifest.sha256}\nmanifest: {found}")


@policy.command(short_help="Make a person's key, and print its line for the cluster file.")
@click.argument("name")
@click.option("--role", "roles", type=click.Choice(["propose", "approve", "stop", "resume"]), multiple=True)
@_key
def key(name: str, roles: tuple[str, ...], key: Path | None) -> None:
    """Make a person's secret key, if there is none, and print what is to stand in the cluster file."""
    from cluster.policies.person_keys import cluster_file_line, make_person_key, person_file, read_person_key
    from cluster.policies.signatures import Role

    file = key or person_file(name)
    if make_person_key(file):
        click.echo(f"made {file}: whoever has it signs as {name}; keep it with them alone", err=True)
    click.echo("people:")
    click.echo(cluster_file_line(name, read_person_key(file), [Role(role) for role in roles or ("propose",)]))


@policy.command(short_help="Propose a policy: writes NUMBER.release.json.")
@click.argument("policy_file", metavar="FILE", type=_THERE)
@_proposal
def propose(policy_file: Path, file: Path, **about: Any) -> None:
    """Propose a policy: writes NUMBER.release.json beside it, signed by whoever proposes it."""
    from cluster.settings import read_cluster

    settings, named = read_cluster(file), read_policy(policy_file)
    read_manifests(policy_file, named.policy, settings.models.manifests)
    _propose(settings, named, policy_file.parent, **about)


@policy.command(short_help="Propose what a former policy said, under a new number.")
@click.argument("number", type=int)
@click.option("--as", "new", type=int, required=True, metavar="NEW", help="Its number: one that was never used.")
@_proposal
def rollback(number: int, new: int, file: Path, **about: Any) -> None:
    """Propose what a former policy said, under a new number; writes NEW.release.json beside the cluster's policy."""
    from cluster.policies.desk import read_book, renumbered
    from cluster.settings import read_cluster

    settings = read_cluster(file)
    former = policy_view.release_of(read_book(settings, policy_view.deployment_of(settings)), str(number))
    named = renumbered(former.in_force, new)
    read_manifests(Path(f"policy {new}"), named.policy, settings.models.manifests)
    _propose(settings, named, settings.policy.parent, **about)


def _propose(
    settings: "ClusterSettings",
    named: "PolicyInForce",
    folder: Path,
    by: str,
    key: Path | None,
    why: str,
    evidence: Path | None,
    expires_at: datetime | None,
    effective_from: datetime | None,
) -> None:
    from cluster.clocks import SystemClock
    from cluster.policies.calibration import evidence_digest
    from cluster.policies.desk import read_book, whole_ms
    from cluster.policies.release import draft, held_against
    from cluster.policies.signatures import Role

    book = read_book(settings, named.policy.deployment)
    release = draft(
        named,
        book.in_force,
        by,
        whole_ms(SystemClock().now()),
        why,
        evidence_digest(evidence, named.policy, held_against(book.in_force, named)) if evidence else None,
        effective_from and whole_ms(effective_from),
        expires_at and whole_ms(expires_at),
    )
    if settings.people or named.policy.people != "synthetic":
        release = _sign(release, by, Role.PROPOSE, key)
    waits = _waits_for(release, book)
    out = folder / f"{release.number}.release.json"
    _write_new(out, release)
    policy_view.tell_release(release, book.in_force, Console())
    click.echo(f"wrote {out}")
    click.echo(f"next: {waits or f'beholden policy apply {out} -f CLUSTER'}", err=True)


def _waits_for(release: "Release", book: "PolicyBook") -> str:
    """What a proposal still lacks; one that can never come into force is refused here and now."""
    from cluster.clocks import SystemClock
    from cluster.policies.desk import check_unread
    from operators.errors import ReleaseReason, ReleaseRefused

    check_unread(release.in_force, book)
    try:
        book.check(release, SystemClock().now())
    except ReleaseRefused as refused:
        if refused.reason not in (ReleaseReason.NOT_APPROVED, ReleaseReason.NOT_YET_EFFECTIVE):
            raise
        return refused.detail
    return ""


def _sign(release: "Release", by: str, role: Any, file: Path | None) -> "Release":
    from cluster.policies.person_keys import person_file, read_person_key
    from cluster.policies.signatures import sign
    from cluster.wire.release import statement, with_signature

    return with_signature(release, sign(read_person_key(file or person_file(by)), by, role, statement(release)))


def _write_new(file: Path, release: "Release") -> None:
    from cluster.wire.release import encode_release

    if file.exists():
        raise click.ClickException(f"{file} exists, perhaps with signatures: remove it, then propose anew")
    file.write_bytes(encode_release(release))


@policy.command(short_help="Sign a proposed release as its second person.")
@click.argument("release_file", metavar="RELEASE", type=_THERE)
@_by
@_key
@click.option("--evidence", type=_THERE, metavar="FILE", help="What it names as evidence; needed if it loosens.")
@click.option("--yes", is_flag=True, help="Sign without being asked: it has been read elsewhere.")
def approve(release_file: Path, by: str, key: Path | None, evidence: Path | None, yes: bool) -> None:
    """Show a proposed release and, if told so, sign it as its second person."""
    from cluster.policies.calibration import evidence_digest
    from cluster.policies.files import read_release
    from cluster.policies.signatures import Role
    from cluster.wire.release import encode_release
    from operators.errors import ReleaseReason, ReleaseRefused

    release = read_release(release_file)
    if by in {each.by for each in release.signatures}:
        raise ReleaseRefused(ReleaseReason.SAME_PERSON, f"{by} has signed it already; somebody else has to approve it")
    named = release.proposal.evidence_sha256
    if release.proposal.loosens and named and evidence is None:
        detail = f"whoever approves a loosening looks at what was measured: --evidence FILE, sha256 {named}"
        raise ReleaseRefused(ReleaseReason.NO_EVIDENCE, detail)
    before = release.baseline.policy if release.baseline else None
    if evidence and evidence_digest(evidence, release.in_force.policy, before) != named:
        detail = f"{evidence} is not what it names, sha256 {named}"
        raise ReleaseRefused(ReleaseReason.NO_EVIDENCE, detail)
    policy_view.tell_release(release, None, Console())
    if release.baseline is None:
        click.echo(policy_view.as_yaml(release.in_force))
    if not yes:
        click.confirm(f"sign this as {by}?", abort=True)
    release_file.write_bytes(encode_release(_sign(release, by, Role.APPROVE, key)))
    click.echo(f"{by} has approved {release_file}")


@policy.command(short_help="Put a release in force.")
@click.argument("release_file", metavar="RELEASE", type=_THERE)
@cluster_file
def apply(release_file: Path, file: Path) -> None:
    """Put a release in force: it goes to the ledger and to the policy topic, which every process follows."""
    from cluster.cli.confirm import tell_confirmed
    from cluster.policies.desk import open_policy_desk
    from cluster.policies.files import read_release
    from cluster.settings import read_cluster
    from cluster.wire.settings import IN_FORCE

    settings, release = read_cluster(file), read_release(release_file)
    found = release.in_force.policy
    read_manifests(release_file, found, settings.models.manifests)
    with open_policy_desk(settings, found.deployment) as desk:
        desk.apply(release)
    done = f"policy {release.number} of {found.deployment} is in force, digest {release.digest}"
    tell_confirmed(settings, found.deployment, IN_FORCE, release.digest, done)
