"""`beholden people`: look at the people who do not exist."""

from pathlib import Path

import click
import cv2

from loadtests.people.sheet import sheet


@click.group()
def people() -> None:
    """Look at the people who do not exist, on whom everything here is run and tested."""


@people.command("portrait")
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True, help="Which person.")
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), required=True, help="A JPEG file.")
def portrait_command(seed: int, output: Path) -> None:
    """One person as for a passport: whom 'beholden canary' may show."""
    from loadtests.sought import portrait

    try:
        output.write_bytes(portrait(seed))
    except OSError as error:
        raise click.BadParameter(f"{output}: {error.strerror}", param_hint="--output") from error
    click.echo(f"{output}: person {seed}, who does not exist")


@people.command("sheet")
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True, help="First person.")
@click.option("--count", type=click.IntRange(1, 400), default=64, show_default=True, help="How many people.")
@click.option("--views", type=click.IntRange(0, 2), default=2, show_default=True, help="Smaller pictures of each.")
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), required=True, help="A PNG file.")
def sheet_command(seed: int, count: int, views: int, output: Path) -> None:
    """A contact sheet: each person once as for a passport, and as a camera might see them."""
    if output.suffix.lower() != ".png":
        raise click.BadParameter(f"{output}: only PNG is written; name the file .png", param_hint="--output")
    _, png = cv2.imencode(".png", sheet(seed, count, views))
    try:
        output.write_bytes(png.tobytes())
    except OSError as error:
        raise click.BadParameter(f"{output}: {error.strerror}", param_hint="--output") from error
    click.echo(f"{output}: people {seed} to {seed + count - 1}")
