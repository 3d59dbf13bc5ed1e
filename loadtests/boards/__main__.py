"""`python -m loadtests.boards --prometheus http://127.0.0.1:9090 -o FOLDER`: a picture of each dashboard."""

import json
import time
from pathlib import Path

import click

from cluster.telemetry.boards.shelf import RULES_FILE, files
from loadtests.boards.picture import draw
from loadtests.boards.prometheus import Window, asking

_POINTS = 240


@click.command()
@click.option("--prometheus", "address", default="http://127.0.0.1:9090", show_default=True, help="Whom to ask.")
@click.option("--minutes", type=click.FloatRange(min=1), default=60.0, show_default=True, help="How long to look back.")
@click.option("--end", "end_s", type=float, metavar="SECONDS", help="Unix time at which to end, in place of now.")
@click.option("--interval", default="1m", show_default=True, help="For rates: four scrapes or more.")
@click.option("-o", "--output", "folder", type=click.Path(file_okay=False, path_type=Path), required=True)
def main(address: str, minutes: float, end_s: float | None, interval: str, folder: Path) -> None:
    """Draw every dashboard from what a Prometheus has; needs matplotlib."""
    end_s = end_s or time.time()
    window = Window(end_s - 60 * minutes, end_s, 60 * minutes / _POINTS)
    ask = asking(address)
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files().items():
        if name != RULES_FILE:
            file = folder / f"{Path(name).stem}.png"
            empty = draw(json.loads(text), ask, window, interval, file)
            click.echo(f"{file}" + (f"; no data: {', '.join(empty)}" if empty else ""))


if __name__ == "__main__":
    main()
