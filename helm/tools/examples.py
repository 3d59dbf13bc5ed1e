"""Writes the chart's README and its examples' renderings: `python -m helm.tools.examples`, then look at the difference.

An example is a folder of helm/beholden/examples: `values.yaml`, what somebody would write, and `rendered`, what the
chart makes of it, a file for each template. Where several releases share values, each has a file of its own beside that
one, and is named by both: `two-sites/north`.
"""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from helm.tools.build import tool

CHART = Path(__file__).resolve().parents[1] / "beholden"
EXAMPLES = CHART / "examples"
NAMESPACE = "beholden"
KUBERNETES = "1.30.0"  # the oldest that the chart takes: what is rendered for it must do for all


def names() -> list[str]:
    """Every example there is."""
    found = []
    for shared in EXAMPLES.glob("*/values.yaml"):
        own = [path.stem for path in shared.parent.glob("*.yaml") if path != shared]
        found += [f"{shared.parent.name}/{name}" for name in own] or [shared.parent.name]
    return sorted(found)


def values(example: str) -> list[Path]:
    """The files of values of an example, each over the one before."""
    case, _, own = example.partition("/")
    return [EXAMPLES / case / f"{name}.yaml" for name in ("values", own) if name]


def committed(example: str) -> Path:
    """The folder of what the chart makes of an example, as it is kept."""
    case, _, own = example.partition("/")
    return EXAMPLES / case / "rendered" / own


def template(helm: Path, example: str, *more: str) -> list[str]:
    """The command that renders the chart for an example."""
    fixed = ["--namespace", NAMESPACE, "--kube-version", KUBERNETES]
    files = [argument for path in values(example) for argument in ("--values", str(path))]
    return [str(helm), "template", example.partition("/")[2] or "beholden", str(CHART), *fixed, *files, *more]


def render(helm: Path, example: str, target: Path) -> None:
    """Render one example into a folder, a flat file for each template.

    Raises:
        CalledProcessError: Helm refused the values; its reason is on standard error.
    """
    with tempfile.TemporaryDirectory() as folder:
        command = template(helm, example, "--output-dir", folder)
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        root = Path(folder, "beholden", "templates")
        target.mkdir(parents=True)
        for path in sorted(root.rglob("*.yaml")):
            flat = "-".join(path.relative_to(root).parts)
            shutil.copy(path, target / flat)


def document() -> str:
    """The chart's README, out of its values' comments."""
    options = ["--chart-search-root", str(CHART), "--dry-run", "--log-level", "error", "--skip-version-footer"]
    options += ["--sort-values-order", "file"]
    done = subprocess.run([str(tool("charts", "helm-docs")), *options], check=True, capture_output=True, text=True)
    return done.stdout.strip() + "\n"


def main(arguments: Sequence[str]) -> None:
    """Write the README, and the renderings of the examples named, or of all."""
    (CHART / "README.md").write_text(document())
    for example in arguments or names():
        target = committed(example)
        shutil.rmtree(target, ignore_errors=True)
        render(tool("charts", "helm4"), example, target)
        sys.stdout.write(f"{target}: {len(list(target.iterdir()))} files\n")


if __name__ == "__main__":
    main(sys.argv[1:])
