"""The demonstration as a visitor runs it: what it says of itself, how it ends, and that it leaves nothing behind."""

import os
import re
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from cluster.kafka.reader import TopicReader
from cluster.kafka.topics import ALERTS
from cluster.kafka_settings import KafkaSettings

pytestmark = pytest.mark.integration

MARK = "DEMO_TEST_RUN"  # in the environment of everything that one run starts
SERVERS = {"java", "gcs_server", "raylet"}
START_S, LENGTH_S, WIND_UP_S = 300.0, 30, 180.0
COUNTS = re.compile(r"alerts +\d+: (\d+) right, (\d+) wrong, (\d+) repeated, (\d+) missed")


@dataclass
class Visit:
    """One run in a process of its own.

    Attributes:
        name: Value of MARK.
        output: Where it writes.
        process: The command.
    """

    name: str
    output: Path
    process: "subprocess.Popen[bytes]"

    def running(self) -> set[str]:
        """Names of all processes that belong to the run."""
        found = set()
        for process in psutil.process_iter():
            try:
                if process.environ().get(MARK) == self.name:
                    found.add(process.name())
            except psutil.Error:
                continue
        return found

    def said(self) -> str:
        """What it has written so far."""
        return self.output.read_text()

    def await_words(self, words: str) -> None:
        """Wait until it says something."""
        self.wait(lambda: words in self.said() or self.process.poll() is not None, START_S)
        assert words in self.said()

    def await_alert(self) -> None:
        """Wait until somebody has come by who is listed."""
        [bootstrap] = re.findall(r"The broker listens on (\S+)\.", self.said())
        with closing(TopicReader(KafkaSettings(bootstrap), ALERTS, 0, 1, from_beginning=True)) as reader:
            self.wait(lambda: bool(reader.poll(0.2)), START_S)

    def end(self, within_s: float) -> int:
        """Wait for its end, and give its exit status."""
        status = self.process.wait(within_s)
        self.wait(lambda: not self.running(), 30.0)  # what it started may take a moment to notice
        return status

    def wait(self, until: Callable[[], bool], within_s: float) -> None:
        """Wait for something to become true."""
        deadline = time.monotonic() + within_s
        while not until():
            assert time.monotonic() < deadline, f"{self.running()} run; it said:\n{self.said()}"
            time.sleep(0.2)


@pytest.fixture
def visit(tmp_path: Path) -> Iterator[Callable[..., Visit]]:
    """Starts `beholden demo` with arguments, and ends it should the test fail."""
    visits: list[Visit] = []

    def start(*arguments: str) -> Visit:
        name, output = uuid.uuid4().hex, tmp_path / "output.txt"
        environment = {**os.environ, MARK: name, "COLUMNS": "160"}
        environment.pop("BEHOLDEN_TESTDATA", None)
        with output.open("wb") as file:
            command = [sys.executable, "-m", "cluster", "demo", *arguments]
            process = subprocess.Popen(command, env=environment, stdout=file, stderr=subprocess.STDOUT)
        visits.append(Visit(name, output, process))
        return visits[-1]

    yield start
    for one in visits:
        one.process.send_signal(signal.SIGTERM)
        one.process.wait(WIND_UP_S)


def test_every_listed_person_alerts_once_and_nobody_else(visit: Callable[..., Visit]) -> None:
    """For half a minute, with neither photos nor models from elsewhere; afterwards nothing is left running."""
    found = visit("--seconds", str(LENGTH_S))
    found.await_words("The broker listens on")
    assert found.running() >= SERVERS
    status = found.end(LENGTH_S + WIND_UP_S)
    counts = COUNTS.findall(found.said())
    assert counts, found.said()
    right, *others = map(int, counts[-1])
    assert others == [0, 0, 0], found.said()
    assert right >= 3
    assert status == 0


def test_ctrl_c_prints_the_summary_and_leaves_nothing_running(visit: Callable[..., Visit]) -> None:
    """A run without an end is ended; who had come and gone by then has been judged."""
    found = visit()
    found.await_words("The broker listens on")
    found.await_alert()
    found.process.send_signal(signal.SIGINT)
    status = found.end(WIND_UP_S)
    assert re.search(r"passages +[1-9]", found.said()), found.said()
    assert "every listed person alerted once, nobody else" in found.said()
    assert status == 0
