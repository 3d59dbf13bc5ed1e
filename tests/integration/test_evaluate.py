"""`beholden evaluate` from the command to the page, with small counts, on the models that are shipped."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from loadtests.evaluate import evaluate

pytestmark = pytest.mark.integration

COUNTS = ["--enrolled", "40", "--mated", "2", "--unlisted", "80", "--scenes", "15"]


def test_the_shipped_models_find_and_recognise_people_who_do_not_exist(tmp_path: Path) -> None:
    """Figures, tables and plots come out, and the shipped models are as good as a small sample can show."""
    file, page, plots = tmp_path / "found.json", tmp_path / "page.md", tmp_path / "plots"
    arguments = [*COUNTS, "--json", str(file), "--markdown", str(page), "--plots", str(plots)]
    result = CliRunner().invoke(evaluate, arguments)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.output
    found = json.loads(file.read_text())
    assert share(found["identification"]["points"][0]["tpir"]) > 0.85, result.output
    assert share(found["detection"]["recall"]) > 0.95, result.output
    text = page.read_text()
    assert found["about"]["detector"] in text
    assert len(list(plots.iterdir())) == 4
    for plot in plots.iterdir():
        assert plot.name in text
        assert plot.stat().st_size < 150_000


def test_people_of_training_are_refused() -> None:
    """Counts that would reach their seeds end before anything is drawn."""
    result = CliRunner().invoke(evaluate, ["--unlisted", "900000"])
    assert result.exit_code == 2
    assert "Error" in result.output


def share(rate: dict[str, float]) -> float:
    """Of all that were counted."""
    return rate["hits"] / rate["of"]
