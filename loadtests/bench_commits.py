"""How fast a consumer group works, read from Kafka alone.

What a recogniser has finished is what it has committed, and the broker stamps every commit with its time.
"""

import struct
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from cluster.kafka.reader import TopicReader
from cluster.kafka.topics import FRAMES
from cluster.plan import Plan
from cluster.ports import Record

COMMITS = "__consumer_offsets"
OFFSET_COMMIT = (0, 1)  # versions of a key of that topic that stand for a commit


@dataclass(frozen=True, slots=True)
class Commit:
    """One partition's committed offset.

    Attributes:
        group: Consumer group.
        topic: Topic of the partition.
        partition: Its number.
        offset: Next offset to be read.
        at_s: When the broker took it, Unix seconds.
    """

    group: str
    topic: str
    partition: int
    offset: int
    at_s: float


def parse_commit(record: Record) -> Commit | None:
    """The commit in a record of the commits topic; None when the record is something else, or a commit's removal."""
    key, value = record.key or b"", record.value
    if len(key) < 2 or len(value) < 10 or struct.unpack_from(">h", key)[0] not in OFFSET_COMMIT:
        return None
    group, at = _text(key, 2)
    topic, at = _text(key, at)
    (partition,) = struct.unpack_from(">i", key, at)
    (offset,) = struct.unpack_from(">q", value, 2)
    return Commit(group, topic, partition, offset, record.timestamp_ms / 1000)


def _text(data: bytes, at: int) -> tuple[str, int]:
    (length,) = struct.unpack_from(">h", data, at)
    return data[at + 2 : at + 2 + length].decode(), at + 2 + length


def curve(commits: Sequence[Commit], partitions: Collection[int]) -> list[tuple[float, int]]:
    """Moments at which the owner of `partitions` committed, and the sum of its offsets from then on."""
    offsets: dict[int, int] = {}
    points: dict[float, int] = {}
    for commit in commits:
        if commit.partition in partitions:
            offsets[commit.partition] = commit.offset
            points[commit.at_s] = sum(offsets.values())
    return sorted(points.items())


def rate(points: Sequence[tuple[float, int]], begin_s: float, end_s: float) -> float | None:
    """Frames a second between the first and the last commit within a window; None with fewer than three commits."""
    inside = [point for point in points if begin_s <= point[0] <= end_s]
    if len(inside) < 3:
        return None
    (first_s, first), (last_s, last) = inside[0], inside[-1]
    return (last - first) / (last_s - first_s)


class Commits:
    """Follows what a group commits for the frames topic.

    Args:
        plan: Whose group.
    """

    def __init__(self, plan: Plan) -> None:
        self._group = plan.group
        self._topic = plan.settings.kafka.topic_prefix + FRAMES
        self._reader = TopicReader(plan.settings.kafka, COMMITS, 0, 1, from_beginning=True)
        self._offsets: dict[int, int] = {}
        self.history: list[Commit] = []

    @property
    def total(self) -> int:
        """Frames committed since the topic was made."""
        return sum(self._offsets.values())

    def read(self, timeout_s: float) -> None:
        """Take in what has come within `timeout_s`."""
        for record in self._reader.poll(timeout_s):
            commit = parse_commit(record)
            if commit and (commit.group, commit.topic) == (self._group, self._topic):
                self._offsets[commit.partition] = commit.offset
                self.history.append(commit)

    def close(self) -> None:
        """Stop following."""
        self._reader.close()
