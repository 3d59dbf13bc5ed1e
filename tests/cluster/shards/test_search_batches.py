"""Searches of several callers at once: the same answers as one by one, in fewer searches."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cluster.shards import search_batches
from cluster.shards.search_batches import SearchBatches, _Asked
from indexes.backends import exact_backend
from indexes.watchlist import Watchlist
from operators.errors import IndexIncomplete
from operators.types import Float32, Hit
from tests.builders import CONTRACT, NOW, entry, hit, random_units
from tests.waiting import PATIENCE_S


class Slow:
    """A search whose first call waits until it is let go; it writes down how many rows each call had."""

    def __init__(self, fault: BaseException | None = None) -> None:
        self.began, self.go = threading.Event(), threading.Event()
        self.rows: list[int] = []
        self.fault = fault

    def search(self, vectors: Float32, k: int, at_least: float) -> list[list[Hit]]:
        """One hit a row that says which it was."""
        self.rows.append(len(vectors))
        if len(self.rows) == 1:
            self.began.set()
            assert self.go.wait(PATIENCE_S)
        elif self.fault:
            raise self.fault
        return [[hit(f"{vector[0]:.0f}", at_least)] * k for vector in vectors]


def numbered(*numbers: float) -> Float32:
    """(n, 2) float32 rows that can be told apart."""
    return np.array([[number, 0.0] for number in numbers], np.float32).reshape(-1, 2)


class Turn(threading.Event):
    """Tells when a caller is about to wait for its turn: by then it is among those who wait."""

    def __init__(self, come: threading.Semaphore) -> None:
        super().__init__()
        self._come = come

    def wait(self, timeout: float | None = None) -> bool:
        """One more has come."""
        self._come.release()
        return super().wait(timeout)


@pytest.fixture
def come(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Waits until so many more callers have come."""
    semaphore = threading.Semaphore(0)
    monkeypatch.setattr(search_batches, "_Asked", lambda *asked: _Asked(*asked, turn=Turn(semaphore)))

    def wait(count: int) -> None:
        for _ in range(count):
            assert semaphore.acquire(timeout=PATIENCE_S)

    return wait


def test_those_who_wait_are_searched_for_together_and_each_gets_its_own(come: Callable[[int], None]) -> None:
    """One search while the first runs, in the order they came; it is split where it was joined."""
    slow = Slow()
    batches = SearchBatches(slow.search)
    with ThreadPoolExecutor(4) as pool:
        first = pool.submit(batches.search, numbered(1), 1, 0.5)
        assert slow.began.wait(PATIENCE_S)
        come(1)
        others = [pool.submit(batches.search, rows, 1, 0.5) for rows in (numbered(2, 3), numbered(), numbered(4))]
        come(3)
        slow.go.set()
        answers = [[found[0].entry for found in each.result(PATIENCE_S)] for each in (first, *others)]
    assert answers == [["1"], ["2", "3"], [], ["4"]]
    assert slow.rows == [1, 3]


def test_what_differs_is_not_joined_and_a_search_does_not_grow_for_ever(come: Callable[[int], None]) -> None:
    """Another k, threshold, dimension or number type, and rows beyond the bound, are the next search."""
    slow = Slow()
    batches = SearchBatches(slow.search, most_rows=4)
    asked = [
        (numbered(2, 3), 1, 0.5),
        (numbered(4), 2, 0.5),
        (numbered(5), 1, 0.6),
        (np.array([[6]], np.float32), 1, 0.5),
        (numbered(7, 8, 9), 1, 0.5),
        (numbered(10, 11), 1, 0.5),
    ]
    with ThreadPoolExecutor(len(asked) + 1) as pool:
        first = pool.submit(batches.search, numbered(1), 1, 0.5)
        assert slow.began.wait(PATIENCE_S)
        come(1)
        others = []
        for question in asked:
            others.append(pool.submit(batches.search, *question))
            come(1)
        slow.go.set()
        answers = [each.result(PATIENCE_S) for each in (first, *others)]
    assert [[found[0].entry for found in each] for each in answers] == [
        ["1"],
        ["2", "3"],
        ["4"],
        ["5"],
        ["6"],
        ["7", "8", "9"],
        ["10", "11"],
    ]
    assert len(answers[2][0]) == 2
    assert slow.rows == [1, 4, 1, 1, 1, 3]


def test_one_caller_may_bring_more_rows_than_are_joined() -> None:
    """It is searched for alone."""
    slow = Slow()
    slow.go.set()
    assert len(SearchBatches(slow.search, most_rows=2).search(numbered(1, 2, 3), 1, 0.5)) == 3
    assert slow.rows == [3]


@pytest.mark.parametrize("fault", [IndexIncomplete("its topic is still being read"), SystemExit(1)])
def test_an_error_reaches_everyone_it_concerns_and_nobody_else(
    come: Callable[[int], None], fault: BaseException
) -> None:
    """Those who were joined get it, the one before and the one after do not, and nobody waits for ever."""
    slow = Slow(fault)
    batches = SearchBatches(slow.search)
    with ThreadPoolExecutor(3) as pool:
        first = pool.submit(batches.search, numbered(1), 1, 0.5)
        assert slow.began.wait(PATIENCE_S)
        come(1)
        others = [pool.submit(batches.search, numbered(at), 1, 0.5) for at in (2, 3)]
        come(2)
        slow.go.set()
        assert first.result(PATIENCE_S)[0][0].entry == "1"
        for each in others:
            with pytest.raises(type(fault)):
                each.result(PATIENCE_S)
    slow.fault = None
    assert batches.search(numbered(4), 1, 0.5)[0][0].entry == "4"
    assert slow.rows == [1, 2, 1]


@settings(max_examples=15)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(1, 2), st.sampled_from([-1.0, 0.3])), min_size=1, max_size=8))
def test_answers_are_those_of_searches_one_by_one(questions: Sequence[tuple[int, int, float]]) -> None:
    """To the last digit, however the callers meet."""
    watchlist = Watchlist(0, 1, CONTRACT, exact_backend())
    for at, row in enumerate(random_units(7, 30)):
        watchlist.apply(0, at, f"e{at}", entry(f"e{at}", row))
    generation = watchlist.generation()

    def search(vectors: Float32, k: int, at_least: float) -> list[list[Hit]]:
        return generation.search(vectors, k, at_least, NOW)

    batches = SearchBatches(search, most_rows=5)
    asked = [(random_units(at, rows), k, at_least) for at, (rows, k, at_least) in enumerate(questions)]
    with ThreadPoolExecutor(len(asked)) as pool:
        found = list(pool.map(lambda question: batches.search(*question), asked))
    assert found == [search(*question) for question in asked]
