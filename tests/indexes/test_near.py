import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from indexes.columns import columns_of
from indexes.entry import Entry, cosine_of
from indexes.near import near
from tests.builders import entry, random_units, unit


def _entries(*counts: int, seed: int = 1) -> list[Entry]:
    rows = random_units(seed, sum(counts), 3)
    parts = np.split(rows, np.cumsum(counts)[:-1])
    return [entry(f"e{at}", *part, digest="e" * 64) for at, part in enumerate(parts)]


@given(st.lists(st.integers(1, 3), min_size=1, max_size=8), st.integers(0, 9), st.integers(0, 99), st.floats(-1, 1))
def test_pairs_are_those_of_comparing_each_with_each(counts: list[int], first: int, seed: int, at_least: float) -> None:
    """By their closest vectors, each pair once, only those with a new one."""
    entries = _entries(*counts, seed=seed)
    expected = {}
    for at, one in enumerate(entries):
        for number in range(max(at + 1, first), len(entries)):
            cosine = max(cosine_of(a, b) for a in one.vectors for b in entries[number].vectors)
            if cosine >= at_least:
                expected[one.ref, entries[number].ref] = cosine
    found = list(near(columns_of(entries), at_least, first))
    assert {(one, other): cosine for one, other, cosine in found} == expected
    assert len(found) == len(expected)


def test_one_person_twice_is_found() -> None:
    """And nobody is a pair with themselves, however many images they have."""
    entries = [entry("a", unit(1), unit(1)), entry("b", unit(0, 1)), entry("c", unit(1))]
    assert list(near(columns_of(entries), 0.9)) == [("a", "c", 1.0)]
