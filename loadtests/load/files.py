"""Files that commands write, and what they need for it: looked at before hours are spent."""

import json
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

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


def require_outlets(file: Path | None, html: Path | None) -> None:
    """Make sure that the JSON and the report which were asked for can be written.

    Raises:
        click.ClickException: What is in the way.
    """
    if html:
        require_plots()
    for each in filter(None, (file, html)):
        require_writable(each)


def write_outlets(
    document: Mapping[str, Any], file: Path | None, html: Path | None, render: Callable[[Mapping[str, Any]], str]
) -> None:
    """Write the JSON and the report which were asked for.

    Args:
        document: What was found.
        file: Where the JSON goes.
        html: Where the report goes.
        render: Makes the report.
    """
    if file:
        file.write_text(json.dumps(document, indent=1) + "\n")
    if html:
        html.write_text(render(document))


def require_plots() -> None:
    """Make sure that plots can be drawn.

    Raises:
        click.ClickException: With what to install.
    """
    if find_spec("matplotlib") is None:
        raise click.ClickException("matplotlib not installed; add the extra: pip install 'beholden[cpu,evaluate]'")
