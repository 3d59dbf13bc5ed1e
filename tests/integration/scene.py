"""Topics of their own with frames in them, and lanes that work on them until they are killed."""

import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from types import MappingProxyType

from kafka import KafkaConsumer, TopicPartition

from cluster.frame_publisher import KafkaFramePublisher
from cluster.kafka.admin import ensure_topics
from cluster.kafka.topics import ALERTS, DEAD_LETTERS, FRAMES
from cluster.kafka_settings import KafkaSettings
from cluster.settings import Delivery
from cluster.watchlists.register import read_topic
from tests.builders import NOW, profile
from tests.integration.lane_process import CAMERAS, PARTITIONS, kafka_of

ROOT = Path(__file__).resolve().parents[2]
WAIT_S = 240.0  # whoever waits so long has failed
PICTURES = (b"anna", b"empty", b"bert", b"rubbish")
FRAMES_SENT = 96
ALERTS_DUE, LETTERS_DUE = FRAMES_SENT // 2, FRAMES_SENT // 4


@dataclass(slots=True)
class Scene:
    """Topics of their own, with frames in them, and the processes that work on them.

    Attributes:
        kafka: Whose topics.
        prefix: Of their names.
        delivery: The mode.
        processes: Those that were started.
        sent: Frames published.
        notes: Folder in which lanes note what they have in hand; none when empty.
    """

    kafka: KafkaSettings
    prefix: str
    delivery: Delivery
    processes: list["subprocess.Popen[bytes]"] = field(default_factory=list)
    sent: int = 0
    notes: str = ""

    def begin(self, instead: Mapping[int, bytes] = MappingProxyType({})) -> None:
        """Make the topics and publish."""
        ensure_topics(self.kafka, profile())
        self.publish(instead)

    def publish(self, instead: Mapping[int, bytes] = MappingProxyType({})) -> None:
        """Publish frames of all kinds, and some by their number instead."""
        begin, self.sent = self.sent, self.sent + FRAMES_SENT
        with closing(KafkaFramePublisher(self.kafka)) as publisher:
            for number in range(begin, self.sent):
                camera, jpeg = CAMERAS[number // 4 % 2], instead.get(number, PICTURES[number % 4])
                publisher.publish(camera, jpeg, NOW + timedelta(milliseconds=10 * number), "test", number)

    def start(self, slot: int, *point: str) -> "subprocess.Popen[bytes]":
        """A lane; with a point it is killed there."""
        arguments = (self.kafka.bootstrap, self.prefix, str(self.delivery), str(slot), self.notes, *point)
        command = [sys.executable, "-m", "tests.integration.lane_process", *arguments]
        self.processes.append(subprocess.Popen(command, cwd=ROOT))
        return self.processes[-1]

    def committed(self) -> int:
        """Frames before the group's offsets."""
        with closing(
            KafkaConsumer(bootstrap_servers=self.kafka.bootstrap, group_id=f"{self.prefix}group", metrics_enabled=False)
        ) as consumer:
            places = [TopicPartition(self.prefix + FRAMES, number) for number in range(PARTITIONS)]
            return sum(consumer.committed(place) or 0 for place in places)

    def read(self, topic: str) -> list[str]:
        """What readers of a topic are given, by id; for dead letters, by frame."""
        found = read_topic(self.kafka, topic)
        name = "ce_id" if topic == ALERTS else None
        return [(record.headers[name] if name else record.key or b"").decode() for record in found]

    def close(self) -> None:
        """End what runs."""
        for process in self.processes:
            if process.poll() is None:
                process.kill()
            process.wait()


@contextmanager
def scenes(bootstrap: str, wanted: Mapping[str, Delivery]) -> Iterator[dict[str, Scene]]:
    """Scenes by prefix, with frames in their topics; everything that runs in them is ended."""
    with ExitStack() as stack:
        found = {}
        for prefix, delivery in wanted.items():
            found[prefix] = stack.enter_context(closing(Scene(kafka_of(bootstrap, prefix), prefix, delivery)))
            found[prefix].begin()
        yield found


def wait(until: Callable[[], bool], what: str, wait_s: float = WAIT_S) -> None:
    """Wait for something to become true."""
    deadline = time.monotonic() + wait_s
    while not until():
        assert time.monotonic() < deadline, what
        time.sleep(0.01)


def await_results(scene: Scene, letters: int) -> None:
    """Wait until alerts and dead letters can be read: of a transaction, readers may be given the offsets first."""
    alerts = scene.sent // 2

    def are_there() -> bool:
        (_, ids), (_, frames) = counts(scene)
        return ids >= alerts and frames >= letters

    wait(are_there, f"{scene.prefix}: {alerts} alerts and {letters} dead letters")


def counts(scene: Scene) -> tuple[tuple[int, int], tuple[int, int]]:
    """Of alerts and of dead letters: how many are read, and how many of them differ."""
    alerts, letters = Counter(scene.read(ALERTS)), Counter(scene.read(DEAD_LETTERS))
    return (alerts.total(), len(alerts)), (letters.total(), len(letters))
