"""`beholden up` that is terminated on its way leaves nothing running."""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from cluster.plan import read_plan
from loadtests.temporary import Temporary
from tests.drawn import write_deployment
from tests.running import prepared

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Temporary]:
    """A broker, topics and a list, and no cluster."""
    with prepared(write_deployment(tmp_path_factory.mktemp("deployment"))) as running:
        yield running.run


@pytest.mark.parametrize("moment", ["starting Ray", "recogniser-0: starting"])
def test_up_that_is_terminated_takes_down_what_it_has_started(run: Temporary, moment: str) -> None:
    """Ray's processes are gone, whether actors were there by then or not; the next `up` finds nothing."""
    command = [sys.executable, "-m", "cluster", "up", "-f", str(run.file)]
    with subprocess.Popen(command, env=dict(run.environment), stderr=subprocess.PIPE, text=True) as up:
        assert up.stderr is not None
        assert any(moment in line for line in up.stderr)
        up.send_signal(signal.SIGTERM)
        told = up.communicate(timeout=180)[1]
    assert up.returncode == 130, told
    assert left_of(run) == []
    with pytest.raises(subprocess.CalledProcessError):
        run.status()


def left_of(run: Temporary) -> list[str]:
    """Processes of the run's Ray: its folder stands in their commands."""
    cluster = read_plan(run.file).settings.cluster
    folder = Path(tempfile.gettempdir()) / f"beholden-{os.getuid()}" / cluster
    commands = [" ".join(process.info["cmdline"] or []) for process in psutil.process_iter(["cmdline"])]
    return [command for command in commands if str(folder) in command]
