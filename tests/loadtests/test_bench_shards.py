"""What `bench shards` makes of answers, times and losses, without a cluster."""

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np
import pytest

from loadtests import shard_loss
from loadtests.bench_shards import MOST_MORE_MS, Found, Search, compare, disagreements, values, verdict
from loadtests.quiet import Snapshot
from loadtests.shard_loss import INCOMPLETE, WHOLE, WRONG, Course, Tried, course
from operators.errors import IndexIncomplete
from operators.types import Float32, Generation, Hit
from tests.builders import hit, random_units

BATCHES = [random_units(1, 3), random_units(2, 3)]


def answering(*hits: Hit) -> Search:
    """A search that finds the same for each query."""
    return lambda vectors, k, at_least: [list(hits) for _ in vectors]


def test_answers_are_held_against_each_other_by_all_but_the_generation() -> None:
    """Which names the shard; another cosine in the last digit, entry or order is a disagreement of each query."""
    one = hit("anna", 0.9)
    elsewhere = dataclasses.replace(one, generation=Generation(3, 4, 1, "a" * 64))
    assert values([[one]]) == values([[elsewhere]])
    assert disagreements(answering(one, hit("bert")), answering(elsewhere, hit("bert")), BATCHES) == 0
    for others in ([hit("anna", np.nextafter(0.9, 1))], [hit("bert", 0.9)], [], [hit("bert"), one]):
        assert disagreements(answering(one), answering(*others), BATCHES) == 6


def test_both_ways_are_asked_in_turn_with_the_same_queries() -> None:
    """As many times of each as asked for."""
    asked: list[tuple[str, float]] = []

    def way(name: str) -> Search:
        def search(vectors: Float32, k: int, at_least: float) -> list[list[Hit]]:
            asked.append((name, float(vectors[0, 0])))
            return []

        return search

    moments = iter([Snapshot(0.0, {}, {}, 0.0), Snapshot(2.0, {}, {}, 0.0)])
    (own_ms, other_ms), load = compare(way("own"), way("other"), BATCHES, 5, lambda: next(moments))
    assert (len(own_ms), len(other_ms), load.wall_s) == (5, 5, 2.0)
    assert [name for name, _ in asked] == ["own", "other"] * 5
    assert [first for _, first in asked[::2]] == [first for _, first in asked[1::2]]
    assert len({first for _, first in asked}) == 2


def outcomes(*each: object) -> Callable[[], object]:
    """A search that has these outcomes, the last for ever."""
    left = list(each)

    def search() -> object:
        found = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(found, Exception):
            raise found
        return found

    return search


def test_the_course_of_a_loss_is_followed_until_the_successor_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whole answers, none, and wrong ones are told apart; the last failure says when it was over."""
    monkeypatch.setattr(shard_loss, "_BETWEEN_S", 0.0)
    looks = iter([False] * 5 + [True])
    gone = IndexIncomplete("away")
    found = course(outcomes(["all"], gone, [], gone, ["all"]), ["all"], 1, lambda: next(looks), 20.0)
    assert (found.count(INCOMPLETE), found.count(WRONG), found.count(WHOLE)) == (2, 1, 22)
    assert found.again_s == found.tried[4].at_s
    assert found.tried[4].at_s <= found.rebuilt_s <= found.tried[5].at_s
    never = course(outcomes(gone), ["all"], 1, lambda: False, 0.01)
    assert (never.again_s, never.rebuilt_s) == (float("inf"), float("inf"))
    assert Course(2, [Tried(WHOLE, 0.1, 5.0)], 1.0).again_s == 0.0


def found(more_ms: float = 1.0, differ: int = 0, courses: Sequence[Course] = ()) -> Found:
    """One number of rows of which all is well unless said otherwise."""
    return Found(1000, 100, [([5.0] * 3, [5.0 + more_ms] * 3)] * 3, differ, courses)


def tried(*each: str) -> list[Tried]:
    """Searches with these outcomes, a second apart."""
    return [Tried(outcome, float(at), 5.0) for at, outcome in enumerate(each)]


@pytest.mark.parametrize(
    ("what", "lax", "strict"),
    [
        (found(), [], []),
        (found(MOST_MORE_MS + 0.1), [], ["shards take 4.10 ms longer"]),
        (found(differ=3), ["3 queries have another answer"], ["3 queries have another answer"]),
        (found(courses=[Course(1, tried(INCOMPLETE, WHOLE), 1.0), Course(2, tried(WHOLE), 1.0)]), [], []),
        (found(courses=[Course(2, tried(INCOMPLETE, WHOLE), 1.0)]), [], ["1 searches failed"]),
        (found(courses=[Course(1, tried(WRONG, WHOLE), 1.0)]), ["1 answers were not whole"], ["1 answers were not"]),
        (found(courses=[Course(1, tried(WHOLE, INCOMPLETE), 1.0)]), [], ["did not come back"]),
        (found(courses=[Course(2, tried(WHOLE), float("inf"))]), [], ["did not come back"]),
    ],
)
def test_the_verdict_names_what_was_missed(what: Found, lax: list[str], strict: list[str]) -> None:
    """Wrong answers always; slowness and failures when asked to be strict; one replica may be missed for a while."""
    for texts, missed in ((lax, verdict(what, strict=False)), (strict, verdict(what, strict=True))):
        assert len(missed) == len(texts)
        assert all(text in line for text, line in zip(texts, missed, strict=True))
