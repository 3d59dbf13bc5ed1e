import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexes.entry import Entry
from indexes.merge import merge
from indexes.watchlist import Watchlist
from operators.types import Hit
from tests.builders import CONTRACT, NOW, hit
from tests.indexes.halves import all_backends
from tests.indexes.model import best_by_hand, entries, queries

Found = list[tuple[str, str, float]]
BACKENDS = all_backends()


def _plain(hits: list[Hit]) -> Found:
    return [(one.watchlist, one.entry, one.cosine) for one in hits]


def test_lists_are_merged_one_by_one_higher_cosine_first() -> None:
    """Equal cosines are ordered by reference; k holds for each list."""
    a = [[hit("d", 0.5, "x"), hit("b", 0.4, "x"), hit("q", 0.9, "y")]]
    b = [[hit("c", 0.5, "x"), hit("a", 0.1, "x")]]
    assert _plain(merge([a, b], 2)[0]) == [("x", "c", 0.5), ("x", "d", 0.5), ("y", "q", 0.9)]


def test_empty_answers_are_answers() -> None:
    """A query without hits keeps its place."""
    assert merge([[[], [hit("a")]], [[], []]], 3) == [[], [hit("a")]]
    assert merge([[], []], 3) == []


def test_shards_that_answered_different_questions_are_refused() -> None:
    """An answer short of a query is a defect, never a partial result."""
    with pytest.raises(ValueError, match="zip"):
        merge([[[], []], [[]]], 3)


@given(entries(), queries(), st.integers(1, 4), st.sampled_from([-1.0, 0.0, 0.5, 1.0]), st.integers(1, 5), st.data())
def test_shards_together_answer_as_one(
    people: list[Entry], asked: list[int], k: int, at_least: float, shards: int, data: st.DataObject
) -> None:
    """Any sharding, either back end: what brute force over a plain dictionary finds, to the bit and in order."""
    vectors, expected = best_by_hand(people, asked, k, at_least)
    for backend in BACKENDS:
        parts = [Watchlist(shard, shards, CONTRACT, backend) for shard in range(shards)]
        for offset, one in enumerate(people):
            parts[data.draw(st.integers(0, shards - 1))].apply(0, offset, one.ref, one)
        answers = [part.generation().search(vectors, k, at_least, NOW) for part in parts]
        assert [_plain(found) for found in merge(answers, k)] == expected
