import subprocess
from pathlib import Path

import pytest

MAKEFILE = Path(__file__).resolve().parents[2] / "Makefile"


def make_compare(folder: Path, codes: dict[str, int]) -> subprocess.CompletedProcess[str]:
    """`make compare` where each baseline's comparison exits with this."""
    (folder / "bin").mkdir()
    (folder / "bin" / "beholden").write_text('#!/bin/sh\nexit "$(cat "$3")"\n')
    (folder / "bin" / "beholden").chmod(0o755)
    for name in ("requirements/dev.txt", "pyproject.toml", "stamp"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).touch()
    (folder / "docs" / "performance").mkdir(parents=True)
    for name, code in codes.items():
        (folder / "docs" / "performance" / f"{name}.json").write_text(str(code))
    words = ["make", "-C", str(folder), "-f", str(MAKEFILE), "compare", "BIN=bin", "STAMP=stamp"]
    return subprocess.run(words, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("codes", "passes", "told"),
    [
        pytest.param({"a": 0, "b": 0}, True, "", id="all hold"),
        pytest.param({"a": 0, "b": 2}, True, "could not be compared: docs/performance/b.json", id="one cannot be said"),
        pytest.param({"a": 2, "b": 2}, False, "could not be compared: docs/performance/a.json", id="nothing compared"),
        pytest.param({"a": 1, "b": 2}, False, "could not be compared: docs/performance/b.json", id="after a worse one"),
        pytest.param({"a": 1, "b": 0}, False, "worse: docs/performance/a.json", id="worse"),
        pytest.param({}, False, "no baseline", id="no file"),
    ],
)
def test_all_baselines_are_looked_at(codes: dict[str, int], passes: bool, told: str, tmp_path: Path) -> None:
    """It fails when one is worse, and when nothing was compared; at the end it says which could not be."""
    done = make_compare(tmp_path, codes)
    assert (done.returncode == 0) is passes
    assert told in done.stdout
