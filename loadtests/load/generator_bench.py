"""What the generator itself can do: into a sink that forgets, and into a real broker, on the same cores."""

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from cluster.broker.control import running_broker
from cluster.kafka.admin import ensure_topics
from cluster.kafka_settings import KafkaSettings
from cluster.strict_yaml import read
from loadtests.load.generator import Generator
from loadtests.load.pool import Pool, write_pool
from loadtests.load.sending import Sent
from loadtests.load.sink import running_sink
from loadtests.load.timetable import camera_names
from loadtests.load.turns import Turns
from loadtests.people.draws import draw_of
from loadtests.quiet import Gate, Load, load, look
from loadtests.temporary import CONFIGS
from operators.errors import DeploymentFailed
from operators.retention import RetentionProfile

SINK, BROKER = "sink", "broker"
PICTURES, CAMERAS = 64, 32
LOOK_S = 0.02
PATIENCE_S = 120.0


@dataclass(frozen=True, slots=True)
class Flow:
    """One quiet measurement.

    Attributes:
        into: Who took the frames.
        asked_fps: At which rate they were due; None: all at once.
        fps: Frames a second, from the first that was due to the last acknowledgement.
        cores: That the generator took on the mean.
        cpu_ms: Processor time of the generator for a frame, milliseconds.
        rest_cpu_ms: The same of whoever took them, and of the measurement.
        late_p99_s: How late frames were given, 99th percentile.
        held_s: How long whoever took them held sending up.
        limit: Why the generator was the limit; None: it was not.
    """

    into: str
    asked_fps: float | None
    fps: float
    cores: float
    cpu_ms: float
    rest_cpu_ms: float
    late_p99_s: float
    held_s: float
    limit: str | None


@dataclass(frozen=True, slots=True)
class Question:
    """What is measured.

    Attributes:
        frames: How many.
        bytes: Of each: noise, which nothing on the way can make smaller.
        processes: That send.
        fps: At which rate, where it is not as fast as can be.
        rounds: How often.
    """

    frames: int
    bytes: int
    processes: int
    fps: float
    rounds: int


def measure(question: Question, gate: Gate, told: Callable[[str], None]) -> list[Flow]:
    """Every quiet measurement: into both, as fast as can be, and into the broker at a rate.

    Args:
        question: What is measured.
        gate: Takes samples until one is quiet.
        told: Is told what is done, in words.

    Raises:
        BeholdenError: Frames could not be sent.
    """
    with ExitStack() as open_:
        folder = Path(open_.enter_context(tempfile.TemporaryDirectory(prefix="beholden-generator-")))
        noise = draw_of(1, 63)
        pool = write_pool(folder / "pool.zip", (noise.bytes(question.bytes) for _ in range(PICTURES)))
        sink = open_.enter_context(_sink())
        told("starting a broker")
        broker = open_.enter_context(_broker(folder))
        cases = ((SINK, sink, None), (BROKER, broker, None), (BROKER, broker, question.fps))
        found = []
        for number in range(question.rounds):
            for into, kafka, fps in cases:
                flow = gate.take(lambda at=(into, kafka, fps): _take(question, pool, *at))  # type: ignore[misc]
                said = f"{flow.fps:.0f} frames/s into the {into}" if flow else f"the {into} was never measured in quiet"
                told(f"round {number + 1}: {said}")
                found += [flow] if flow else []
        return found


def work(question: Question, fps: float | None) -> list[Turns]:
    """What each process sends: cameras in turn, all at once or at a rate."""
    names = camera_names(CAMERAS, KafkaSettings().frame_partitions)
    number = np.arange(question.frames, dtype=np.int32)
    due_s = number / fps if fps else np.zeros(question.frames)
    found = []
    for first in range(question.processes):
        own = number[number % CAMERAS % question.processes == first]
        camera, seq, picture = own % CAMERAS, own // CAMERAS, own % PICTURES
        found.append(Turns(names, due_s[own], camera, seq, picture))
    return found


def _take(question: Question, pool: Pool, into: str, kafka: KafkaSettings, fps: float | None) -> tuple[Flow, Load]:
    with closing(Generator(work(question, fps), pool, kafka, "measured")) as generator:
        before, begin = look(), generator.begin()
        sent = _until_done(generator)
        seconds = (datetime.now(UTC) - begin).total_seconds()
        spent = load(before, look())
    cpu_s = sent.cores * seconds
    rest_s = spent.own_cores * spent.wall_s - cpu_s
    flow = Flow(
        into=into,
        asked_fps=fps,
        fps=sent.frames / seconds,
        cores=sent.cores,
        cpu_ms=1000 * cpu_s / sent.frames,
        rest_cpu_ms=1000 * rest_s / sent.frames,
        late_p99_s=sent.late_p99_s,
        held_s=sent.held_s,
        limit=sent.limit,
    )
    return flow, spent


def _until_done(generator: Generator) -> Sent:
    deadline_s = time.monotonic() + PATIENCE_S
    while not (sent := generator.look()).is_done:
        if time.monotonic() > deadline_s:
            raise DeploymentFailed(f"not sent in {PATIENCE_S:.0f} s; measure fewer frames")
        time.sleep(LOOK_S)
    return sent


@contextmanager
def _sink() -> Iterator[KafkaSettings]:
    settings = KafkaSettings()
    with running_sink(settings.frame_partitions) as address:
        yield replace(settings, bootstrap=address)


@contextmanager
def _broker(folder: Path) -> Iterator[KafkaSettings]:
    with running_broker(folder / "broker") as bootstrap:
        kafka = KafkaSettings(bootstrap=bootstrap)
        ensure_topics(kafka, read(CONFIGS / "retention" / "uk-strict.yaml", RetentionProfile))
        yield kafka
