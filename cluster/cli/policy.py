"""`beholden policy`."""

from pathlib import Path

import click

from cluster.policy import read_policy

_FILES = click.Path(path_type=Path)


@click.group()
def policy() -> None:
    """Check and show policies."""


@policy.command()
@click.argument("files", nargs=-1, required=True, type=_FILES)
def check(files: tuple[Path, ...]) -> None:
    """Read policy files strictly; print number, deployment and digest of each."""
    for file in files:
        found = read_policy(file)
        click.echo(f"{file}: policy {found.policy.policy} of {found.policy.deployment}, digest {found.digest}")
