"""The page and the file that an evaluation leaves behind."""

import json
import math
from collections.abc import Sequence
from dataclasses import asdict
from os.path import relpath
from pathlib import Path
from typing import Any

from loadtests.evaluate.findings import Findings
from loadtests.evaluate.report import line, sheets
from loadtests.evaluate.verdicts import verdicts


def write_page(findings: Findings, file: Path, plots: Sequence[Path]) -> None:
    """Write the tables as Markdown, with what they were measured on and with, and links to the plots."""
    parts = [
        "# How well a policy does on people who do not exist",
        "Written by `beholden evaluate`; docs/evaluation.md says how it is measured. Nothing here says how well the "
        "policy would do on real people.",
        "\n".join(f"- {line(verdict)}" for verdict in verdicts(findings)),
        *(sheet.as_markdown() for sheet in sheets(findings)),
        *([_pictures(file, plots)] if plots else []),
        "## Measured on and with\n\n" + "\n".join(f"- {name}: {value}" for name, value in findings.about.items()),
    ]
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("\n\n".join(parts) + "\n")


def write_json(findings: Findings, file: Path) -> None:
    """Write everything as JSON; what is not a number is null."""
    file.parent.mkdir(parents=True, exist_ok=True)
    document = {"verdicts": [asdict(each) for each in verdicts(findings)], **asdict(findings)}
    file.write_text(json.dumps(_finite(document), indent=1) + "\n")


def _pictures(file: Path, plots: Sequence[Path]) -> str:
    return "## Figures\n\n" + "\n\n".join(f"![{plot.stem}]({_link(plot, file)})" for plot in plots)


def _link(target: Path, file: Path) -> str:
    return Path(relpath(target.resolve(), file.resolve().parent)).as_posix()


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
