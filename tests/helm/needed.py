"""Tools that judge the chart: a test that lacks one skips and says how to build it, unless they are required."""

import functools
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from helm.tools.build import definitions, tool
from helm.tools.examples import template


def needed(module: str, name: str) -> Path:
    """A built tool.

    Without it the test is skipped, or fails where BEHOLDEN_CHART_TOOLS says `required`, as `make chart` does.
    """
    return _there(tool(module, name), module)


def needed_definitions(module: str) -> Path:
    """The folder of custom resource definitions that a module generates, on the same terms."""
    return _there(definitions(module), module)


def _there(path: Path, module: str) -> Path:
    if path.exists():
        return path
    reason = f"{path.name} is not built: python -m helm.tools.build {module}"
    if os.environ.get("BEHOLDEN_CHART_TOOLS") == "required":
        pytest.fail(reason)
    pytest.skip(reason)


@functools.cache
def rendered(example: str, helm: str = "helm4") -> str:
    """What Helm makes of an example now."""
    return ran(template(needed("charts", helm), example))


def ran(command: Sequence[str | Path], standard_input: str | None = None) -> str:
    """What a command printed; a test that runs one which fails fails with all it said."""
    done = _run(command, standard_input)
    assert done.returncode == 0, f"{' '.join(map(str, command))}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def refused(command: Sequence[str | Path], standard_input: str | None = None) -> str:
    """What a command said when it refused, blanks and line ends made one blank."""
    done = _run(command, standard_input)
    assert done.returncode != 0, f"this should have been refused: {' '.join(map(str, command))}"
    return " ".join(f"{done.stdout} {done.stderr}".split())


def answered(command: Sequence[str | Path], standard_input: str) -> str:
    """What a command printed, whether it was content or not."""
    return _run(command, standard_input).stdout


def _run(command: Sequence[str | Path], standard_input: str | None) -> subprocess.CompletedProcess[str]:
    words = [str(each) for each in command]
    return subprocess.run(words, input=standard_input, capture_output=True, text=True, check=False)
