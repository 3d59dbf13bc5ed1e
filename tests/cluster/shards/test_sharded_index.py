"""What a recogniser asks: one layout at a time, in pieces that can be sent."""

from collections.abc import Callable, Collection, Sequence

import numpy as np
import pytest

from cluster.shards.layout import Layout, Replica
from cluster.shards.sharded_index import INLINE_BYTES, ShardedIndex
from operators.types import Float32, Hit
from tests.builders import hit


class Calls:
    """Answers at once; writes down who was asked, and with how many bytes."""

    def __init__(self, before: Callable[[], None] = lambda: None) -> None:
        self.asked: list[tuple[str, int]] = []
        self._before = before
        self._answers: dict[int, list[list[Hit]]] = {}

    def ask(self, replica: Replica, vectors: Float32, k: int, at_least: float) -> int:
        """See `shard_replicas.Calls`."""
        self._before()
        self.asked.append((str(replica), vectors.nbytes))
        self._answers[len(self.asked)] = [[hit(f"{vector[0]:.0f}")] for vector in vectors]
        return len(self.asked)

    def wait(self, replies: Sequence[int], enough: int, timeout_s: float) -> Collection[int]:
        """See `shard_replicas.Calls`."""
        return replies

    def answer(self, reply: int) -> list[list[Hit]]:
        """See `shard_replicas.Calls`."""
        return self._answers[reply]


@pytest.mark.parametrize("rows", [0, 1, 43, 44, 200])
def test_no_question_is_larger_than_a_call_may_be(rows: int) -> None:
    """Larger ones would go through Ray's object store; the answers are put together in order."""
    calls = Calls()
    vectors = np.zeros((rows, 512), np.float32)
    vectors[:, 0] = np.arange(rows)
    found = ShardedIndex(Layout(1, 1), calls).search(vectors, 1, 0.5)
    assert [each[0].entry for each in found] == [str(row) for row in range(rows)]
    assert all(size <= INLINE_BYTES for _, size in calls.asked)
    assert sum(size for _, size in calls.asked) == vectors.nbytes


def test_another_layout_is_asked_from_the_next_search_on() -> None:
    """A search that has begun ends with the shards it began with: mixed answers would cover a part twice or never."""
    index = ShardedIndex(Layout(2, 1), calls := Calls(before=lambda: index.use(Layout(3, 2))), slot=1)
    index.search(np.zeros((80, 512), np.float32), 1, 0.5)
    assert {name for name, _ in calls.asked} == {"shard-0-of-2-r0", "shard-1-of-2-r0"}
    assert index.layout == Layout(3, 2)
    calls.asked.clear()
    index.search(np.zeros((1, 512), np.float32), 1, 0.5)
    assert [name for name, _ in calls.asked] == [f"shard-{shard}-of-3-r1" for shard in range(3)]
