"""`beholden policy`."""

from pathlib import Path

import click

from cluster.policy import read_manifests, read_policy

_FILES = click.Path(path_type=Path)


@click.group()
def policy() -> None:
    """Check and show policies."""


@policy.command()
@click.argument("files", nargs=-1, required=True, type=_FILES)
@click.option(
    "--manifests",
    type=_FILES,
    metavar="FOLDER",
    help="Check also the models they name: manifests there, of the same digests, and fit for the people shown.",
)
def check(files: tuple[Path, ...], manifests: Path | None) -> None:
    """Read policy files strictly; print number, deployment and digest of each."""
    for file in files:
        found = read_policy(file)
        if manifests:
            read_manifests(file, found.policy, manifests)
        click.echo(f"{file}: policy {found.policy.policy} of {found.policy.deployment}, digest {found.digest}")
