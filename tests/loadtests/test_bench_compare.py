import json
import subprocess
from dataclasses import replace
from pathlib import Path
from unittest.mock import Mock

import pytest
from click.testing import CliRunner

from loadtests import bench_compare
from loadtests.bench_compare import Change, changes, compare_command, exit_code
from loadtests.bench_report import hardware
from loadtests.bench_result import BenchResult, Compared, save

RATIO = Compared("cluster / bare loop", (0.94, 0.95, 0.98), at_least=0.9)
FOUND = BenchResult("pipeline", "beholden bench pipeline --rounds 3", "2026-11-26", hardware(), {}, [RATIO])


def moved(by: float, compared: Compared = RATIO) -> Compared:
    """The same, each round moved."""
    return replace(compared, rounds=tuple(each + by for each in compared.rounds))


@pytest.mark.parametrize(
    ("before", "now", "verdict"),
    [
        pytest.param(RATIO, RATIO, "holds", id="the same"),
        pytest.param(RATIO, moved(-0.03), "holds", id="within its spread"),
        pytest.param(RATIO, moved(-0.05), "worse", id="beyond"),
        pytest.param(RATIO, moved(0.5), "holds", id="better"),
        pytest.param(RATIO, None, "not measured", id="not measured"),
        pytest.param(RATIO, replace(RATIO, rounds=(0.8, 0.9, 1.0)), "holds", id="a wide spread of the new run"),
        pytest.param(RATIO, replace(RATIO, rounds=(0.6, 0.9, 1.0)), "rounds differ too much", id="too wide a spread"),
        pytest.param(RATIO, replace(RATIO, rounds=(0.1, 0.2, 0.5)), "worse", id="wide, and worse all the same"),
        pytest.param(replace(RATIO, rounds=(1.0, 1.0)), replace(RATIO, rounds=(0.98, 0.98)), "holds", id="2 per cent"),
        pytest.param(replace(RATIO, rounds=(1.0, 1.0)), replace(RATIO, rounds=(0.96, 0.96)), "worse", id="4 per cent"),
        pytest.param(
            Compared("ms", (4.0, 4.1), at_most=9), Compared("ms", (4.5, 4.6), at_most=9), "worse", id="slower"
        ),
        pytest.param(
            Compared("ms", (4.0, 4.1), at_most=9), Compared("ms", (3.0, 3.1), at_most=9), "holds", id="faster"
        ),
        pytest.param(
            Compared("cost", (4.0, 4.1), higher_is_better=False),
            Compared("cost", (4.5, 4.6), higher_is_better=False),
            "worse",
            id="dearer, although nothing is asked",
        ),
        pytest.param(
            Compared("wrong", (0.0,), at_most=0), Compared("wrong", (1.0,), at_most=0), "worse", id="a wrong one"
        ),
        pytest.param(
            Compared("age", (450,), at_most=1000), Compared("age", (990,), at_most=1000), "holds", id="as asked"
        ),
        pytest.param(
            Compared("age", (450,), at_most=1000), Compared("age", (1010,), at_most=1000), "worse", id="older"
        ),
        pytest.param(Compared("alone", (4.0,)), Compared("alone", (0.01,)), "too few rounds", id="no limit"),
        pytest.param(
            Compared("wrong", (3.0,), at_most=0), Compared("wrong", (6.0,), at_most=0), "worse", id="missed already"
        ),
        pytest.param(
            Compared("ratio", (0.8,), at_least=0.9),
            Compared("ratio", (0.72,), at_least=0.9),
            "worse",
            id="below already",
        ),
        pytest.param(
            replace(RATIO, rounds=(0.93, 0.94, 0.95, 0.96, 0.98)),
            replace(RATIO, rounds=(0.86,)),
            "too few rounds",
            id="one round of five",
        ),
    ],
)
def test_what_has_become_worse(before: Compared, now: Compared | None, verdict: str) -> None:
    """By more than rounds differ, in the direction that counts."""
    assert Change(before, now).verdict == verdict


def test_everything_of_the_baseline_is_looked_for() -> None:
    """A ratio that is measured no more is not passed over; a new one has nothing to be held against."""
    now = replace(FOUND, compared=[Compared("new", (1.0,))])
    [change] = changes(FOUND, now)
    assert (change.before, change.now) == (RATIO, None)
    assert exit_code([change]) == 2


@pytest.mark.parametrize(
    ("now", "code"), [([RATIO], 0), ([moved(-0.5)], 1), ([], 2), ([moved(-0.5), Compared("x", (1.0,))], 1)]
)
def test_the_exit_status(now: list[Compared], code: int, tmp_path: Path) -> None:
    """0, 1 or 2, by what has become worse."""
    before, current = tmp_path / "before.json", tmp_path / "now.json"
    save(FOUND, before)
    save(replace(FOUND, compared=now), current)
    assert CliRunner().invoke(compare_command, [str(before), "--with", str(current)]).exit_code == code


def test_another_machine_is_not_compared_with(tmp_path: Path) -> None:
    """It says how a baseline is made, or what to say if it is meant."""
    before, current = tmp_path / "before.json", tmp_path / "now.json"
    save(replace(FOUND, machine={**FOUND.machine, "processor": "Another CPU"}), before)
    save(FOUND, current)
    refused = CliRunner().invoke(compare_command, [str(before), "--with", str(current)])
    assert refused.exit_code == 2
    assert "beholden bench pipeline --rounds 3 --json FILE" in " ".join(refused.output.split())
    assert CliRunner().invoke(compare_command, [str(before), "--with", str(current), "--other-machine"]).exit_code == 0


def test_the_baseline_s_own_command_is_run_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With what is needed here beside it."""
    before = tmp_path / "before.json"
    save(FOUND, before)
    ran: list[list[str]] = []

    def run(words: list[str], check: bool) -> object:
        ran.append(words[3:])
        save(FOUND, Path(words[-1]))
        return Mock(returncode=0)

    monkeypatch.setattr(subprocess, "run", run)
    assert CliRunner().invoke(compare_command, [str(before), "--", "--models", "here"]).exit_code == 0
    assert ran[0][:-1] == ["bench", "pipeline", "--rounds", "3", "--models", "here", "--json"]


@pytest.mark.parametrize("command", ["rm -rf all", "beholden down", "beholden bench", "beholden bench compare x.json"])
def test_a_command_that_is_no_benchmark_is_not_run(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A baseline is a file that somebody may have written."""
    before = tmp_path / "before.json"
    save(replace(FOUND, command=command), before)
    monkeypatch.setattr(subprocess, "run", Mock(side_effect=AssertionError("it was run")))
    refused = CliRunner().invoke(compare_command, [str(before)])
    assert refused.exit_code == 2
    assert "is no benchmark" in refused.output


def test_a_run_that_writes_nothing_is_no_comparison(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is told of as what it is."""
    before = tmp_path / "before.json"
    save(FOUND, before)
    monkeypatch.setattr(bench_compare.subprocess, "run", lambda words, check: Mock(returncode=3))
    failed = CliRunner().invoke(compare_command, [str(before)])
    assert failed.exit_code == 2
    assert "ended with 3" in failed.output


def test_a_run_that_was_not_quiet_is_no_comparison(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Although it has written what it saw."""
    before = tmp_path / "before.json"
    save(FOUND, before)

    def run(words: list[str], check: bool) -> object:
        save(FOUND, Path(words[-1]))
        return Mock(returncode=2)

    monkeypatch.setattr(subprocess, "run", run)
    done = CliRunner().invoke(compare_command, [str(before)])
    assert done.exit_code == 2
    assert "holds" not in done.output


def test_another_file_is_refused(tmp_path: Path) -> None:
    """In one line."""
    before = tmp_path / "before.json"
    before.write_text(json.dumps({"form": "beholden.load.v1"}))
    refused = CliRunner().invoke(compare_command, [str(before)])
    assert refused.exit_code == 2
    assert "beholden bench NAME --json FILE" in refused.output
