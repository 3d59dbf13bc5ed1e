"""A bug on purpose, in every Python that has this folder on its path: frames are committed before alerts are published.

Python runs a module of this name when it starts. The suite has to find what this does, or it finds nothing.
"""

from collections.abc import Mapping, Sequence

from cluster.kafka.frame_source import KafkaFrameSource
from cluster.ports import Record

_poll, _commit = KafkaFrameSource.poll, KafkaFrameSource.commit


def _commits_what_it_polls(
    self: KafkaFrameSource, max_records: int, timeout_s: float, finished: Mapping[tuple[str, int], int]
) -> Sequence[Record]:
    records = _poll(self, max_records, timeout_s, finished)
    if records:
        _commit(self, {(each.ref.topic, each.ref.partition): each.ref.offset + 1 for each in records})
    return records


KafkaFrameSource.poll = _commits_what_it_polls  # type: ignore[method-assign]
KafkaFrameSource.commit = lambda *_: None  # type: ignore[method-assign]
