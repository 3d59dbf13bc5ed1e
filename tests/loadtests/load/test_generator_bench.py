"""What the generator is measured by, and what its command says."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from cluster.kafka_settings import KafkaSettings
from loadtests.bench_result import read_result
from loadtests.load import generator_bench
from loadtests.load.command import load
from loadtests.load.generator_bench import CAMERAS, PICTURES, Question, work
from loadtests.load.sending import Sent
from loadtests.quiet import Load
from operators.errors import DeploymentFailed

QUESTION = Question(frames=1000, bytes=100, processes=3, fps=250.0, rounds=1)
FIGURES = {
    "at once": Sent(1000, 1000, 100_000, cores=0.5, is_done=True, late_p99_s=4.0, limit="all were due at once"),
    "250": Sent(1000, 1000, 100_000, cores=0.25, is_done=True, late_p99_s=0.012),
}


class Sending:
    """A generator that has always sent all."""

    def __init__(self, of: list[Any], *_: object) -> None:
        self._sent = FIGURES["250" if of[0].due_s.any() else "at once"]

    def begin(self) -> datetime:
        """See `Sender`."""
        return datetime.now(UTC) - timedelta(seconds=1)

    def look(self) -> Sent:
        """See `Sender`."""
        return self._sent

    def close(self) -> None:
        """See `Sender`."""


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither processes nor a broker, on a quiet machine."""

    @contextmanager
    def kafka(*_: object) -> Iterator[KafkaSettings]:
        yield KafkaSettings()

    monkeypatch.setattr(generator_bench, "_sink", kafka)
    monkeypatch.setattr(generator_bench, "_broker", kafka)
    monkeypatch.setattr(generator_bench, "Generator", Sending)
    monkeypatch.setattr(generator_bench, "look", lambda: None)
    monkeypatch.setattr(generator_bench, "load", lambda *_: Load(2.0, 1.0, 0.0, 0.0))


@pytest.mark.parametrize("fps", [None, 250.0])
def test_every_frame_is_of_one_process(fps: float | None) -> None:
    """Cameras in turn, pictures in turn; a rate is that of all together."""
    parts = work(QUESTION, fps)
    frames = sorted((due_s, camera, seq, picture) for part in parts for due_s, camera, seq, picture in part)
    assert len(frames) == 1000
    assert len({camera for _, camera, *_ in frames}) == CAMERAS
    assert {picture for *_, picture in frames} == set(range(PICTURES))
    assert len({(camera, seq) for _, camera, seq, _ in frames}) == 1000
    assert all(np.all(np.diff(part.due_s) >= 0) for part in parts)
    assert frames[-1][0] == pytest.approx(999 / 250 if fps else 0.0)
    cameras = [{part.cameras[each] for each in part.camera} for part in parts]
    assert set.union(*cameras) == set(parts[0].cameras)
    assert sum(map(len, cameras)) == CAMERAS


def test_the_command_measures_and_writes_everything(at_once: None, tmp_path: Path) -> None:
    """Into both as fast as can be, and into the broker at the rate that is asked, in the form of all benchmarks."""
    file = tmp_path / "generator.json"
    arguments = ["generator", "--frames", "1000", "--fps", "250", "--rounds", "2", "--check", "--json", str(file)]
    done = CliRunner().invoke(load, arguments)
    assert done.exit_code == 0, done.output
    found = read_result(file)
    assert found.command == "beholden bench generator --frames 1000 --fps 250.0 --rounds 2 --check"
    assert [(each["into"], each["asked_fps"]) for each in found.samples[:3]] == [
        ("sink", None),
        ("broker", None),
        ("broker", 250.0),
    ]
    assert (len(found.samples), found.taken, len(found.rejected)) == (6, 6, 0)
    sent, costs, late = (found.compared[number] for number in (0, 1, 6))
    assert (sent.name, sent.at_least) == ("generator, sink: sent", 250.0)
    assert 250 < sent.median < 1000  # in a second and what it took
    assert costs.median > 0.5
    assert (late.name, late.rounds) == ("generator, broker, 250 frames/s: 99 % given within", (12.0, 12.0))
    assert late.asked == "at most 250 ms"


def test_a_rate_that_is_not_reached_fails_when_it_is_asked_for(at_once: None) -> None:
    """Less than 1,000 a second, of 5,000."""
    arguments = ["generator", "--frames", "1000", "--fps", "5000", "--rounds", "1"]
    assert CliRunner().invoke(load, arguments).exit_code == 0
    assert CliRunner().invoke(load, [*arguments, "--check"]).exit_code == 1


def test_nothing_is_said_of_a_machine_that_is_not_quiet(at_once: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Status 2, and why each sample was rejected."""
    monkeypatch.setattr(generator_bench, "load", lambda *_: Load(2.0, 1.0, 0.5, 0.0))
    monkeypatch.setattr("loadtests.quiet.Gate._await_quiet", lambda _: None)
    done = CliRunner().invoke(load, ["generator", "--frames", "100", "--rounds", "1"])
    assert done.exit_code == 2
    assert "other programs took 0.50 core" in done.output
    assert "round 1: the sink was never measured in quiet" in done.output


def test_frames_that_are_not_sent_in_time_end_it(at_once: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """With what to do."""
    monkeypatch.setattr(generator_bench, "PATIENCE_S", 0.0)
    monkeypatch.setitem(FIGURES, "at once", Sent())
    done = CliRunner().invoke(load, ["generator", "--frames", "100", "--rounds", "1"])
    assert isinstance(done.exception, DeploymentFailed)
    assert "measure fewer frames" in str(done.exception)
