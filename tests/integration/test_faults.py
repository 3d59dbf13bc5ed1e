"""A selection of the fault suite; `make faults` runs all of it."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.integration

ROOT = Path(__file__).resolve().parents[2]
PLANTED = ROOT / "tests" / "faults" / "planted"
SEED = 20261126


def suite(faults: list[str], *arguments: str, path: str = "") -> subprocess.CompletedProcess[str]:
    """Run the suite, each fault once."""
    command = [sys.executable, "-m", "tests.faults.suite", "--runs", str(len(faults)), "--seed", str(SEED), *arguments]
    command += [f"--fault={fault}" for fault in faults]
    environment = {**os.environ, "PYTHONPATH": path}
    return subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)


def test_people_walk_by_while_things_break() -> None:
    """A recogniser, a node, the supervisor and the broker: nobody is lost, doubled, or somebody else."""
    faults = ["kill -9 a recogniser", "kill -9 a node", "kill -9 the supervisor", "freeze the broker"]
    done = suite(faults)
    assert done.returncode == 0, done.stdout
    assert done.stdout.count(" 0 lost, 0 doubled, 0 wrong") == len(faults)


def test_alerts_and_offsets_of_one_transaction() -> None:
    """Killed amid a backlog, and led out of work: nothing is lost, and nothing is written twice under the same id."""
    faults = ["kill -9 all amid a backlog", "terminate a recogniser"]
    done = suite(faults, "--delivery=exactly-once")
    assert done.returncode == 0, done.stdout
    assert done.stdout.count(" 0 lost, 0 doubled, 0 wrong, 0 repeated") == len(faults)


def test_a_planted_bug_is_found() -> None:
    """Recognisers that commit frames before they publish alerts lose some, and the checker says so."""
    arguments = ("--runs=6", "--wait=5", "--until-bad")
    done = suite(["kill -9 all amid a backlog"], *arguments, path=f"{PLANTED}{os.pathsep}{ROOT}")
    lost = [int(count) for count in re.findall(r"(\d+) lost", done.stdout)]
    assert done.returncode == 1, done.stdout
    assert lost, done.stderr
    assert lost[-1] > 0
