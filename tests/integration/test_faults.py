"""A selection of the fault suite; `make faults` runs all of it."""

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.integration

ROOT = Path(__file__).resolve().parents[2]
SEED = 20261126


def test_people_walk_by_while_things_break() -> None:
    """A recogniser, a node, the supervisor and the broker: nobody is lost, doubled, or somebody else."""
    faults = ["kill -9 a recogniser", "kill -9 a node", "kill -9 the supervisor", "freeze the broker"]
    command = [sys.executable, "-m", "tests.faults.suite", "--runs", str(len(faults)), "--seed", str(SEED)]
    done = subprocess.run(
        [*command, *(f"--fault={fault}" for fault in faults)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert done.returncode == 0, done.stdout
    assert done.stdout.count(" 0 lost, 0 doubled, 0 wrong") == len(faults)
