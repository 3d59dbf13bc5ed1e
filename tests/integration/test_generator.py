"""The generator in processes of its own, into a sink: nothing is lost, and nothing goes on alone."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psutil
import pytest

from cluster.kafka_settings import KafkaSettings
from loadtests.load.generator import Generator
from loadtests.load.pool import Pool, write_pool
from loadtests.load.sink import running_sink
from loadtests.load.turns import shares
from operators.errors import DeploymentFailed
from tests.integration.passing import await_end
from tests.loadtests.load.runs import scenario, timetable
from tests.waiting import wait_until

pytestmark = pytest.mark.integration
PROCESSES = 2
ENDLESS_S = 3600.0
ALONE = """
import sys, time
from pathlib import Path
from tests.integration.test_generator import ENDLESS_S, generator, pool
if __name__ == "__main__":
    own = generator(sys.argv[1], pool(Path(sys.argv[2])), ENDLESS_S)
    own.begin()
    print("begun", flush=True)
    time.sleep(ENDLESS_S)
"""


def pool(folder: Path) -> Pool:
    """A few small pictures."""
    return write_pool(folder / "pool.zip", (bytes([number]) * 10_000 for number in range(64)))


def generator(address: str, of: Pool, seconds: float) -> Generator:
    """Four cameras at twenty frames a second each."""
    frames = timetable(scenario(fps=20.0, seconds=seconds))
    return Generator(shares(frames, PROCESSES), of, KafkaSettings(bootstrap=address), "load-1")


@pytest.fixture(scope="module")
def sink() -> Iterator[str]:
    """Takes everything."""
    with running_sink(8) as address:
        yield address


def test_every_frame_arrives(sink: str, tmp_path: Path) -> None:
    """By two processes that are counted as one; the processor time is theirs."""
    with closing(generator(sink, pool(tmp_path), 2.0)) as own:
        own.begin()
        wait_until(lambda: own.look().is_done, own.look)
        sent = own.look()
    assert (sent.frames, sent.due, sent.bytes) == (160, 160, 1_600_000)
    assert sent.cores > 0


def test_a_process_that_is_killed_is_missed(sink: str, tmp_path: Path) -> None:
    """Or its cameras would be silent, and nobody know why."""
    before = psutil.Process().children()
    with closing(generator(sink, pool(tmp_path), ENDLESS_S)) as own:
        own.begin()
        wait_until(lambda: own.look().frames > 0)
        new = [each for each in psutil.Process().children() if each not in before]
        senders = [each for each in new if "spawn_main" in " ".join(each.cmdline())]
        assert len(senders) == PROCESSES
        senders[0].kill()
        with pytest.raises(DeploymentFailed, match=f"status -{signal.SIGKILL.value}"):
            wait_until(lambda: own.look().is_done)
    assert not any(each.is_running() for each in senders)


def test_nobody_goes_on_sending_alone(sink: str, tmp_path: Path) -> None:
    """Whoever began the run may be killed, and cannot end what it started."""
    script = tmp_path / "alone.py"
    script.write_text(ALONE)
    root = Path(__file__).resolve().parents[2]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    command = [sys.executable, str(script), sink, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as alone:
        assert alone.stdout is not None
        assert alone.stdout.readline() == "begun\n"
        senders = psutil.Process(alone.pid).children()
        alone.kill()
    assert len(senders) >= PROCESSES
    for each in senders:
        await_end(each)
