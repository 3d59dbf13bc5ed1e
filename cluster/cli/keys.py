"""`beholden keys`: the secret keys of a deployment, for a store of secrets."""

from pathlib import Path

import click

from operators.errors import SettingsRefused


@click.group()
def keys() -> None:
    """Make the secret keys of a deployment."""


@keys.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
def make(folder: Path) -> None:
    """Make all keys that a new deployment needs in FOLDER.

    Machines on which people work make them by themselves. Where keys come from a store of secrets, as in Kubernetes,
    fill it from here, keep a copy as safe as the people who are listed, and remove FOLDER. Never make new ones for a
    deployment that exists: nobody could tell any more who has been listed, and its checkpoints would be refused. A
    folder in which some are and some are not is refused, therefore.
    """
    from cluster.keys import KEY_FILES, make_keys
    from cluster.ledger.checkpoint_key import CHECKPOINT_KEY_FILE, make_checkpoint_key

    names = sorted([*KEY_FILES, CHECKPOINT_KEY_FILE])
    there = [name for name in names if (folder / name).exists()]
    if lacking := [name for name in names if name not in there] if there else []:
        raise SettingsRefused(
            f"{folder} has {', '.join(there)} and lacks {', '.join(lacking)}: nothing was made. If the deployment is "
            "new, name an empty folder; if it exists, copy those that are lacking from where the others come from"
        )
    made = [make_keys(folder), make_checkpoint_key(folder)]
    click.echo(f"{'made the keys' if any(made) else 'nothing was missing'} in {folder}:", err=True)
    for file in sorted(folder.glob("*.key")):
        click.echo(file.name)
