"""What `beholden-load plan` and `fit` print, and how they exit."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from loadtests.load.command import load
from loadtests.planning.fit import as_yaml
from operators.errors import SettingsRefused
from tests.loadtests.planning.nodes import node
from tests.loadtests.planning.searches import search, written

ASKED = ["--cameras", "500", "--fps", "5", "--list", "1e6"]


def plan(*asked: str) -> Result:
    """`beholden-load plan`, in a wide terminal."""
    return CliRunner().invoke(load, ["plan", *asked], env={"COLUMNS": "400"})


@pytest.mark.parametrize("kind", ["h100", "h200"])
def test_a_plan_says_how_many_and_where_each_figure_comes_from(tmp_path: Path, kind: str) -> None:
    """And what is not known."""
    file = tmp_path / "plan.json"
    done = plan(*ASKED, "--node", kind, "--json", str(file))
    assert done.exit_code == 0, done.output
    for said in (
        "nodes",
        "GPUs",
        "recognisers",
        "partitions",
        "brokers",
        "into Kafka",
        "out of Kafka",
        "storage, frames",
    ):
        assert said in done.output
    for said in ("p50", "p99", "list, one copy", "used up first", "assumed", "computed", "not known: "):
        assert said in done.output
    document = json.loads(file.read_text())
    assert document["p99_ms"] >= document["p50_ms"] > 0
    assert {each["source"] for each in document["figures"].values()} >= {"computed", "assumed"}
    assert any("computed, not measured" in each for each in document["unknown"])


@pytest.mark.parametrize(("cameras", "fps", "said"), [("30", "2", True), ("2000", "0.01", False)])
def test_a_plan_says_when_it_is_the_busiest_recogniser_that_counts(cameras: str, fps: str, said: bool) -> None:
    """Where a node is used less than one of its recognisers."""
    done = plan("--cameras", cameras, "--fps", fps, "--list", "1000", "--node", "cpu-2")
    assert done.exit_code == 0, done.output
    assert ("are not spread evenly, and the busiest recogniser counts" in done.output) is said


def test_what_is_missing_is_asked_for() -> None:
    """All three, or results to check."""
    done = plan("--cameras", "5", "--node", "h200")
    assert isinstance(done.exception, SettingsRefused)
    assert "give all three" in str(done.exception)


def test_a_check_exits_by_whether_the_model_is_near(tmp_path: Path) -> None:
    """0 within 15 %; 1 when it is not, or when nothing can be said."""
    fitted, file = tmp_path / "mine.yaml", tmp_path / "check.json"
    measured = written(tmp_path, search(1, 46.0, 48.0))
    kind = tmp_path / "test.yaml"
    kind.write_text(as_yaml(node()))
    done = CliRunner().invoke(load, ["fit", str(measured), "--node", str(kind), "-o", str(fitted)])
    assert done.exit_code == 0, done.output
    near = plan("--node", str(fitted), "--check", str(measured), "--json", str(file))
    assert near.exit_code == 0, near.output
    assert "within 15%" in near.output
    assert json.loads(file.read_text())["checked"][0]["is_near"] is True
    far = plan("--node", str(fitted), "--check", str(written(tmp_path, search(1, 20.0, 21.0))))
    assert far.exit_code == 1
    assert "off by more than 15% with 1 recognisers" in far.output
    nothing = plan("--node", str(fitted), "--check", str(written(tmp_path, search(1, 46.0, None))))
    assert nothing.exit_code == 1
    assert "not measured with 1" in nothing.output


def test_a_result_of_another_form_is_refused(tmp_path: Path) -> None:
    """With who writes it."""
    file = tmp_path / "run.json"
    file.write_text('{"form": "beholden.load.v1"}')
    done = plan("--node", "cpu-2", "--check", str(file))
    assert isinstance(done.exception, SettingsRefused)
    assert "'beholden-load capacity --json'" in str(done.exception)
