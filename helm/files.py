"""What the chart has from configs/: a chart can read its own folder alone. `python -m helm.files` copies it anew."""

from collections.abc import Iterator
from pathlib import Path

CONFIGS = Path(__file__).parents[1] / "configs"
FILES = Path(__file__).parent / "beholden" / "files"
FOLDERS = ("retention", "telemetry")


def copies() -> Iterator[tuple[Path, Path]]:
    """Each file and its copy."""
    for folder in FOLDERS:
        for source in sorted((CONFIGS / folder).iterdir()):
            yield source, FILES / folder / source.name


def copy() -> None:
    """Write the copies anew, and remove those of what is not there any more."""
    wanted = {target: source for source, target in copies()}
    for folder in FOLDERS:
        (FILES / folder).mkdir(parents=True, exist_ok=True)
        for there in (FILES / folder).iterdir():
            if there not in wanted:
                there.unlink()
    for target, source in wanted.items():
        target.write_bytes(source.read_bytes())


if __name__ == "__main__":
    copy()
