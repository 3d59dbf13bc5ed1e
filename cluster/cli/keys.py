"""`beholden keys`: the secret keys of a deployment, for a store of secrets."""

from pathlib import Path

import click


@click.group()
def keys() -> None:
    """Make the secret keys of a deployment."""


@keys.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
def make(folder: Path) -> None:
    """Make the keys that are missing in FOLDER, all that a new deployment needs.

    Machines on which people work make them by themselves. Where keys come from a store of secrets, as in Kubernetes,
    fill it from here, keep a copy as safe as the people who are listed, and remove FOLDER. Never make new ones for a
    deployment that exists: nobody could tell any more who has been listed, and its checkpoints would be refused.
    """
    from cluster.keys import make_keys
    from cluster.ledger.checkpoint_key import make_checkpoint_key

    made = [make_keys(folder), make_checkpoint_key(folder)]
    click.echo(f"{'made the keys that were missing' if any(made) else 'nothing was missing'} in {folder}:", err=True)
    for file in sorted(folder.glob("*.key")):
        click.echo(file.name)
