"""Several processes as one sender. Here they are threads; tests/integration/test_generator.py has real ones."""

import multiprocessing.connection
import os
import threading
from collections.abc import Callable
from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from cluster.kafka_settings import KafkaSettings
from loadtests.load import generator as generator_module
from loadtests.load.generator import Generator, processes_for
from loadtests.load.generator_process import Begin, Task
from loadtests.load.pool import Pool
from loadtests.load.tally import Tally, lateness
from loadtests.load.turns import Turns, shares
from operators.errors import BrokerUnavailable, DeploymentFailed
from tests.loadtests.load.runs import scenario, timetable
from tests.waiting import wait_until

Serve = Callable[[Any, Task, Tally], None]
POOL = Pool(Path("never"), [(0, 1)], "")


class Thread(threading.Thread):
    """A process that is none."""

    exitcode = 3

    def __init__(self, target: Serve, args: tuple[Any, ...], name: str, daemon: bool) -> None:
        pipe, *others = args
        own = multiprocessing.connection.Connection(os.dup(pipe.fileno()))
        super().__init__(target=self._serve, args=(own, *others), name=name, daemon=daemon)
        self._serve_with = target

    def terminate(self) -> None:
        """It ends by itself, since nobody is there any more."""

    def _serve(self, pipe: Any, task: Task, tally: Tally) -> None:
        with closing(pipe), suppress(BrokenPipeError):  # whoever listened may have gone
            self._serve_with(pipe, task, tally)


@pytest.fixture
def serving(monkeypatch: pytest.MonkeyPatch) -> Callable[[Serve], None]:
    """Says what each process does."""

    class Context:
        Process = Thread
        Pipe = staticmethod(multiprocessing.Pipe)

    monkeypatch.setattr(generator_module, "get_context", lambda _: Context)
    monkeypatch.setattr(generator_module, "LEAD_S", 0.01)
    return lambda serve: monkeypatch.setattr(generator_module, "serve", serve)


def opened(processes: int = 2) -> Generator:
    """A generator of a few frames."""
    of: list[Turns] = shares(timetable(scenario(seconds=0.4)), processes)
    return Generator(of, POOL, KafkaSettings(), "load-1")


def test_processes_are_one_sender(serving: Callable[[Serve], None]) -> None:
    """All have the same begin; what they have done adds up, and it is done when all are."""
    begins: list[Begin] = []
    go_on = threading.Event()

    def serve(pipe: Any, task: Task, tally: Tally) -> None:
        pipe.send(None)
        begins.append(pipe.recv())
        tally.frames, tally.bytes, tally.cpu_s, tally.held_s = len(task.turns), 10, 0.5, len(begins)
        for late_s in (0.0, 1.0):
            lateness(tally.late).add(late_s)
        if len(begins) == 2:
            go_on.wait()
        tally.is_done = True

    serving(serve)
    generator = opened()
    before = datetime.now(UTC)
    begin = generator.begin()
    wait_until(lambda: generator.look().frames == 8)
    assert not generator.look().is_done
    go_on.set()
    wait_until(lambda: generator.look().is_done)
    sent = generator.look()
    assert [each.at for each in begins] == [begin, begin]
    assert begin > before
    assert (sent.bytes, sent.latest_s, sent.held_s, sent.limit) == (20, 1.0, 2.0, None)
    assert sent.cores > 0
    wait_until(lambda: generator.look().due == 8)
    generator.close()


def test_what_sending_takes_is_of_the_time_in_which_it_sent(
    serving: Callable[[Serve], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """However long it is waited for what was sent to end."""
    now_s = 100.0
    monkeypatch.setattr(generator_module, "time", SimpleNamespace(monotonic=lambda: now_s))

    def serve(pipe: Any, task: Task, tally: Tally) -> None:
        pipe.send(None)
        pipe.recv()
        tally.cpu_s, tally.is_done = 3.0, True

    serving(serve)
    with closing(opened(1)) as generator:
        generator.begin()
        wait_until(lambda: generator._lanes[0]._tally.is_done)
        now_s = generator._begin_s + 10.0
        cores = [generator.look().cores]
        now_s += 50.0
        cores.append(generator.look().cores)
    assert cores == [pytest.approx(0.3)] * 2


def test_processes_that_run_end_when_the_next_cannot_be_started(
    serving: Callable[[Serve], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody else knows of them."""
    started, ended = list[Any](), list[Any]()

    def start(thread: Any) -> None:
        if started:
            raise OSError("no more processes")
        started.append(thread)
        threading.Thread.start(thread)

    monkeypatch.setattr(Thread, "start", start)
    monkeypatch.setattr(Thread, "terminate", lambda thread: ended.append(thread))
    serving(lambda pipe, *_: pipe.send(None))
    with pytest.raises(OSError, match="no more"):
        opened()
    assert started == ended


def test_one_process_that_is_slow_makes_the_generator_the_limit(serving: Callable[[Serve], None]) -> None:
    """Its own lateness is what counts, whatever Kafka did to the other."""

    def serve(pipe: Any, task: Task, tally: Tally) -> None:
        pipe.send(None)
        pipe.recv()
        lateness(tally.late).add(9.0)
        lateness(tally.own).add(3.0 if "camera-00002" in task.turns.cameras else 0.0)
        tally.is_done = True

    serving(serve)
    generator = opened()
    generator.begin()
    wait_until(lambda: generator.look().is_done)
    assert generator.look().limit == "frames were sent up to 3.0 s after they were due"
    generator.close()


def test_what_went_wrong_in_a_process_is_raised(serving: Callable[[Serve], None]) -> None:
    """When it opens its producer, and later."""

    def refused(pipe: Any, *_: Any) -> None:
        pipe.send(BrokerUnavailable("no Kafka"))

    def interrupted(pipe: Any, *_: Any) -> None:
        pipe.send(None)
        pipe.recv()
        pipe.send(BrokerUnavailable("gone"))

    serving(refused)
    with pytest.raises(BrokerUnavailable, match="no Kafka"):
        opened()
    serving(interrupted)
    generator = opened(1)
    generator.begin()
    with pytest.raises(BrokerUnavailable, match="gone"):
        wait_until(lambda: generator.look().is_done)
    generator.close()


def test_a_process_that_ends_before_it_is_done_is_noticed(serving: Callable[[Serve], None]) -> None:
    """Also before the begin, or without having read of it: then the connection is not closed but broken."""

    def unread(pipe: Any, *_: Any) -> None:
        pipe.send(None)
        pipe.poll(None)

    for serve in (lambda pipe, *_: pipe.send(None), unread):
        serving(serve)
        generator = opened(1)
        with closing(generator), pytest.raises(DeploymentFailed, match="ended with status 3"):
            sent_by(generator)


def test_a_process_that_ends_before_it_knows_of_the_begin_is_noticed(serving: Callable[[Serve], None]) -> None:
    """What it has not read makes the end of it look like a broken connection."""
    told = threading.Event()

    def serve(pipe: Any, *_: Any) -> None:
        pipe.send(None)
        told.wait()

    serving(serve)
    with closing(opened(1)) as generator:
        generator.begin()
        told.set()
        with pytest.raises(DeploymentFailed, match="ended with status 3"):
            wait_until(lambda: generator.look().is_done)


def sent_by(generator: Generator) -> None:
    """All of it, from its begin to its end."""
    generator.begin()
    wait_until(lambda: generator.look().is_done)


def test_a_process_that_does_not_start_is_given_up(
    serving: Callable[[Serve], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a while, with what to do."""
    monkeypatch.setattr(generator_module, "READY_S", 0.0)
    waits = threading.Event()
    monkeypatch.setattr(Thread, "terminate", lambda _: waits.set())
    serving(lambda *_: waits.wait() and None)
    with pytest.raises(DeploymentFailed, match="do less beside it"):
        opened(1)


@pytest.mark.parametrize(("fps", "cores", "processes"), [(5.0, 8, 1), (125.0, 8, 1), (126.0, 8, 2), (5000.0, 8, 8)])
def test_there_are_as_many_processes_as_the_rate_needs(
    fps: float, cores: int, processes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the full rate of all cameras, and no more than cores: each takes memory and half a second to start."""
    monkeypatch.setattr(generator_module.os, "cpu_count", lambda: cores)
    assert processes_for(timetable(scenario(fps=fps, seconds=1.0))) == processes
