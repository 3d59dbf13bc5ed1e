"""`beholden bench kafka`: what the client in Python costs, against the one in C, on the same broker in one run."""

import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from functools import partial
from itertools import cycle
from multiprocessing import get_context
from pathlib import Path
from statistics import median

import click
from rich.console import Console
from rich.table import Table

from cluster.broker.control import running_broker
from cluster.frame_publisher import KafkaFramePublisher
from cluster.kafka.admin import ensure_topics
from cluster.kafka.client import has_fast_crc
from cluster.kafka.reader import TopicReader
from cluster.kafka.topics import FRAMES
from cluster.kafka_settings import KafkaSettings
from cluster.policies.in_force import read_policy
from loadtests import librdkafka
from loadtests.bench_bare import Work
from loadtests.bench_report import tell_rejected
from loadtests.bench_result import Compared, conclude, json_option, result, save
from loadtests.quiet import LIMIT_CORES, Gate, Load, load, look
from loadtests.stopwatch import cpu_and_wall
from loadtests.temporary import CONFIGS
from operators.errors import BrokerUnavailable

OURS, YARDSTICK = "kafka-python", "librdkafka"
PARTITIONS = 4
MOST_CPU = 3.5
CAMERAS = [f"bench-{number}" for number in range(4 * PARTITIONS)]
READ, WRITE = "read.", "write."  # one topic is filled once and read again and again, one is written
_TIMEOUT_S = 60.0


@dataclass(frozen=True, slots=True)
class Client:
    """One client in one round.

    Attributes:
        write: What writing took.
        read: What reading took.
    """

    write: Work
    read: Work

    @property
    def cpu_ms(self) -> float:
        """Processor time of one message, written and read, milliseconds."""
        return 1000 * (self.write.cpu_s / self.write.frames + self.read.cpu_s / self.read.frames)


Round = Mapping[str, Client]
"""Both, by name."""


def write(kafka: KafkaSettings, cameras: Sequence[str], jpeg: bytes, count: int, at: datetime) -> None:
    """Publish `count` frames of these cameras in turn, as cameras do, and wait until the broker has them."""
    with closing(KafkaFramePublisher(kafka)) as publisher:
        for number, camera in zip(range(count), cycle(cameras), strict=False):
            publisher.publish(camera, jpeg, at, "bench", number)


def read(kafka: KafkaSettings, count: int) -> int:
    """Read `count` frames from the beginning of the topic; how many bytes they have.

    Raises:
        BrokerUnavailable: They did not come.
    """
    size = 0
    with closing(TopicReader(kafka, FRAMES, 0, 1, from_beginning=True)) as reader:
        while count:
            records = reader.poll(_TIMEOUT_S)
            if not records:
                raise BrokerUnavailable(f"{count} frames did not come from Kafka at {kafka.bootstrap}")
            count -= len(records)
            size += sum(len(each.value) for each in records)
    return size


CLIENTS = {OURS: (write, read), YARDSTICK: (librdkafka.write, librdkafka.read)}


def sample(name: str, kafka: KafkaSettings, jpeg: bytes, count: int) -> Client:
    """Have one client write and read; runs in a process of that client's own, whose processor time is its."""
    writes, reads = CLIENTS[name]
    written = _work(lambda: writes(replace(kafka, topic_prefix=WRITE), CAMERAS, jpeg, count, datetime.now(UTC)), count)
    return Client(written, _work(lambda: reads(replace(kafka, topic_prefix=READ), count), count))


def _work(call: Callable[[], object], count: int) -> Work:
    cpu_s, wall_s = cpu_and_wall(call)
    return Work(count, wall_s, cpu_s)


@contextmanager
def processes() -> Iterator[Mapping[str, ProcessPoolExecutor]]:
    """A process for each client."""
    with ExitStack() as closing_all:
        context = get_context("spawn")
        yield {name: closing_all.enter_context(ProcessPoolExecutor(1, context)) for name in CLIENTS}


@contextmanager
def filled_broker(jpeg: bytes, count: int) -> Iterator[KafkaSettings]:
    """A broker of this run's own, with the topics and `count` frames to be read."""
    profile = read_policy(CONFIGS / "policies" / "demo-1.yaml").policy.retention
    with ExitStack() as closing_all:
        folder = Path(closing_all.enter_context(tempfile.TemporaryDirectory(prefix="beholden-bench-")))
        bootstrap = closing_all.enter_context(running_broker(folder / "broker"))
        kafka = KafkaSettings(bootstrap=bootstrap, frame_partitions=PARTITIONS)
        for prefix in (READ, WRITE):
            ensure_topics(replace(kafka, topic_prefix=prefix), profile)
        write(replace(kafka, topic_prefix=READ), CAMERAS, jpeg, count, datetime.now(UTC))
        yield kafka


def measure(ask: Callable[[str], Client], rounds: int, gate: Gate, console: Console) -> list[Round]:
    """Both clients in turn, the first of a round alternating; rounds that were not quiet are left out."""
    found = []
    for number in range(rounds):
        one = gate.take(partial(_round, ask, list(CLIENTS)[:: 1 if number % 2 == 0 else -1]))
        if one:
            found.append(one)
            told = ", ".join(f"{name} {one[name].cpu_ms:.3f} ms" for name in CLIENTS)
            console.print(f"round {number + 1}: {told}", highlight=False)
    return found


def _round(ask: Callable[[str], Client], order: Sequence[str]) -> tuple[Round, Load]:
    before = look()
    return {name: ask(name) for name in order}, load(before, look())


def compared(rounds: Sequence[Round]) -> list[Compared]:
    """The client in use over the one in C."""
    pairs = [(each[OURS], each[YARDSTICK]) for each in rounds]
    over = f"{OURS} / {YARDSTICK}"
    cpu = tuple(ours.cpu_ms / theirs.cpu_ms for ours, theirs in pairs)
    return [
        Compared(f"{over}, processor time of a message", cpu, at_most=MOST_CPU),
        Compared(f"{over}, messages/s written", tuple(ours.write.fps / theirs.write.fps for ours, theirs in pairs)),
        Compared(f"{over}, messages/s read", tuple(ours.read.fps / theirs.read.fps for ours, theirs in pairs)),
    ]


def table(rounds: Sequence[Round], size: int) -> Table:
    """Medians of each client."""
    shown = Table("median", "written/s", "ms each", "read/s", "ms each", title=f"messages of {size:,} bytes")
    for name in CLIENTS:
        row = [name]
        for way in ("write", "read"):
            works: list[Work] = [getattr(each[name], way) for each in rounds]
            row += [f"{median(work.fps for work in works):,.0f}"]
            row += [f"{median(1000 * work.cpu_s / work.frames for work in works):.3f}"]
        shown.add_row(*row)
    shown.caption = "ms each: processor time of the client's process; the broker, on the same cores, is not in it"
    return shown


@click.command("kafka")
@click.option("--rounds", type=click.IntRange(1), default=5, show_default=True, help="Of both clients.")
@click.option("--messages", type=click.IntRange(1), default=1000, show_default=True, help="Of each way in a round.")
@click.option("--bytes", "size", type=click.IntRange(1), default=100_000, show_default=True, help="Of each message.")
@click.option("--foreign", type=float, default=LIMIT_CORES, show_default=True, help="Cores other programs may take.")
@click.option("--check", is_flag=True, help="Fail when a message costs too much.")
@json_option
def kafka_command(rounds: int, messages: int, size: int, foreign: float, check: bool, file: Path | None) -> None:
    """Compare kafka-python, as cameras and readers use it, with librdkafka: the same messages, the same broker.

    Exits with 1 when kafka-python computes checksums in Python or, with --check, when a message costs too much; with 2
    when the machine was not quiet enough to tell.
    """
    librdkafka.installed()
    console = Console()
    if not has_fast_crc():
        raise click.ClickException("kafka-python computes CRC-32C in Python: pip install 'kafka-python[crc32c]'")
    gate = Gate(look, foreign, told=partial(tell_rejected, console))
    jpeg = os.urandom(size)
    with filled_broker(jpeg, messages) as kafka, processes() as pools:

        def ask(name: str) -> Client:
            return pools[name].submit(sample, name, kafka, jpeg, messages).result()

        for name in CLIENTS:  # what is loaded once is no part of it
            ask(name)
        found = measure(ask, rounds, gate, console)
    ratios = compared(found)
    if found:
        console.print(table(found, size))
    samples = [{name: asdict(client) for name, client in each.items()} for each in found]
    save(result(ratios, samples, gate, {"partitions": PARTITIONS}, [librdkafka.PACKAGE]), file)
    raise SystemExit(conclude(ratios, len(found), rounds, check, console))
