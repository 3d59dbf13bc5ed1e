"""Files that commands write, and what they need for it: looked at before hours are spent."""

from importlib.util import find_spec
from pathlib import Path

import click

FILE = click.Path(path_type=Path, dir_okay=False)
EXISTING = click.Path(path_type=Path, dir_okay=False, exists=True)


def require_writable(file: Path) -> None:
    """Make sure that a file can be written; nothing is made or changed.

    Raises:
        click.ClickException: It cannot.
    """
    is_there = file.exists()
    try:
        file.open("a").close()
    except OSError as error:
        raise click.ClickException(f"{file} cannot be written: {error.strerror}") from None
    if not is_there:
        file.unlink()


def require_plots() -> None:
    """Make sure that plots can be drawn.

    Raises:
        click.ClickException: With what to install.
    """
    if find_spec("matplotlib") is None:
        raise click.ClickException("matplotlib not installed; add the extra: pip install 'beholden[cpu,evaluate]'")
