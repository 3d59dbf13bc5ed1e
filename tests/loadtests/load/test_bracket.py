"""Where the edge between rates that hold and rates that do not is looked for."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loadtests.load.bracket import Outcome, Search, Seen, bracket

HOLDS, FAILS, SENDER = Outcome.HOLDS, Outcome.FAILS, Outcome.SENDER


def run(search: Search, edge: float, noise: float = 0.0, seed: int = 0, most: int = 200) -> list[tuple[float, Outcome]]:
    """All trials, of a cluster that can do `edge` frames a second, more or less."""
    draw, tried = random.Random(seed), list[tuple[float, Outcome]]()  # noqa: S311
    while (fps := search.next(tried)) is not None and len(tried) < most:
        tried.append((fps, HOLDS if fps <= edge * (1 + draw.uniform(-noise, noise)) else FAILS))
    return tried


@given(edge=st.floats(1.0, 5000.0), first=st.floats(1.0, 5000.0), precision=st.floats(0.02, 0.3))
@settings(max_examples=60, deadline=None)
def test_the_edge_lies_in_the_bracket(edge: float, first: float, precision: float) -> None:
    """As narrow as was asked, each end seen as often as was asked, wherever the search begins."""
    search = Search(first, precision=precision)
    tried = run(search, edge)
    found = bracket(tried)
    assert found.holds is not None
    assert found.fails is not None
    assert found.holds.fps <= edge < found.fails.fps
    assert found.fails.fps <= found.holds.fps * (1 + precision) * (1 + 1e-9)
    assert (found.holds.holds, found.fails.fails) == (search.repeats, search.repeats)


@given(seed=st.integers(0, 10_000), noise=st.floats(0.0, 0.2))
@settings(max_examples=60, deadline=None)
def test_a_search_ends_though_outcomes_differ(seed: int, noise: float) -> None:
    """What holds once and not the next time is decided by most trials, and the bracket is in order."""
    tried = run(Search(20.0, precision=0.04), 55.0, noise, seed)
    assert len(tried) < 60
    found = bracket(tried)
    assert found.holds is not None
    assert found.fails is not None
    assert found.holds.fps < found.fails.fps
    assert 55 * (1 - noise) / 1.05 <= found.fails.fps
    assert found.holds.fps <= 55 * (1 + noise)


def test_a_sender_that_is_the_limit_is_no_capacity() -> None:
    """Nor is it held against the cluster: the rate is no more than a bound above which nothing is known."""
    found = bracket([(100.0, HOLDS), (200.0, SENDER), (400.0, HOLDS)])
    assert found.holds == Seen(100.0, holds=1)
    assert found.fails == Seen(200.0, sender=1)


def test_as_often_as_not_is_not_held() -> None:
    """A rate that failed once and held once is above the capacity, until it has held more often."""
    tried = [(10.0, HOLDS), (20.0, HOLDS), (20.0, FAILS)]
    assert bracket(tried).fails == Seen(20.0, holds=1, fails=1)
    assert bracket([*tried, (20.0, HOLDS)]).holds == Seen(20.0, holds=2, fails=1)


def test_a_rate_above_one_that_fails_does_not_count() -> None:
    """It held by chance, or the lower one failed by chance: the lower bound is the careful one."""
    found = bracket([(10.0, HOLDS), (20.0, FAILS), (30.0, HOLDS)])
    assert found.holds == Seen(10.0, holds=1)
    assert found.fails == Seen(20.0, fails=1)


@pytest.mark.parametrize("wrong", [{"first": 0.0}, {"factor": 1.0}, {"precision": 0.0}, {"repeats": 0}])
def test_a_search_that_could_not_end_is_refused(wrong: dict[str, float]) -> None:
    """With what it needs."""
    asked: dict[str, float] = {"first": 1.0} | wrong
    with pytest.raises(ValueError, match="must be above 0, factor above 1"):
        Search(**asked)  # type: ignore[arg-type]
