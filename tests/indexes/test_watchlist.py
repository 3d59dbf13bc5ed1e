import math
from collections.abc import Iterator
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from indexes.exact import ExactIndex, Rows
from indexes.watchlist import Backend, Entry, Watchlist, cosine_of
from operators.types import Float32
from tests.builders import CONTRACT, NOW, entry, random_units, unit
from tests.indexes.model import exact_cosine, faiss_backend

BACKENDS: list[Backend] = [ExactIndex, faiss_backend]
SECOND = timedelta(seconds=1)


def _watchlist(*people: Entry, backend: Backend = ExactIndex) -> Watchlist:
    found = Watchlist(0, 1, CONTRACT, backend)
    for offset, one in enumerate(people):
        found.apply(0, offset, one.ref, one)
    return found


def _search(
    watchlist: Watchlist, *vectors: Float32, k: int = 3, at_least: float = -1.0
) -> Iterator[list[tuple[str, float]]]:
    for hits in watchlist.generation().search(np.stack(vectors), k, at_least, NOW):
        yield [(hit.entry, hit.cosine) for hit in hits]


@pytest.mark.parametrize("backend", BACKENDS)
def test_nothing_to_search_and_nothing_to_search_for(backend: Backend) -> None:
    """An empty list answers every query with nothing; no query has no answer."""
    empty = _watchlist(backend=backend).generation()
    assert empty.search(random_units(0, 2), 3, -1, NOW) == [[], []]
    full = _watchlist(entry("anna"), backend=backend).generation()
    assert full.search(np.zeros((0, 8), np.float32), 3, -1, NOW) == []
    assert (empty.size, full.size) == (0, 1)


@pytest.mark.parametrize("backend", BACKENDS)
def test_an_entry_counts_once_by_its_best_vector(backend: Backend) -> None:
    """Several photos of one person are one candidate, and do not push others out."""
    many = entry("anna", *[unit(1, step / 100) for step in range(20)])
    found = _search(_watchlist(many, entry("bert", unit(0, 1)), backend=backend), unit(1), k=2)
    assert [name for name, _ in next(found)] == ["anna", "bert"]


@pytest.mark.parametrize("backend", BACKENDS)
def test_expired_entries_at_the_top_do_not_hide_those_in_force(backend: Backend) -> None:
    """However many there are, the search goes on behind them."""
    expired = [entry(f"old-{at:03}", unit(1, at / 1000), not_after=NOW) for at in range(200)]
    living = [entry("anna", unit(1, 1)), entry("bert", unit(1, 2)), entry("cleo", unit(0, 0, 1))]
    found = _search(_watchlist(*expired, *living, backend=backend), unit(1), unit(0, 0, 1), k=2)
    assert [[name for name, _ in hits] for hits in found] == [["anna", "bert"], ["cleo", "anna"]]


@pytest.mark.parametrize("backend", BACKENDS)
def test_more_ties_than_are_fetched_are_ordered_by_reference(backend: Backend) -> None:
    """Fifty entries of one vector: the first references win, whatever the back end gives first."""
    names = [f"e{at:02}" for at in np.random.default_rng(1).permutation(50)]
    found = _search(_watchlist(*[entry(name, unit(1)) for name in names], backend=backend), unit(1))
    assert [name for name, _ in next(found)] == ["e00", "e01", "e02"]


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_cut_is_exactly_at_the_threshold(backend: Backend) -> None:
    """An entry at it is found, with the next number above it is not, for many pairs."""
    for row, vector in zip(random_units(1, 30, 128), random_units(2, 30, 128), strict=True):
        watchlist = _watchlist(entry("anna", row), backend=backend)
        cosine = cosine_of(row, vector)
        assert next(_search(watchlist, vector, at_least=cosine)) == [("anna", cosine)]
        assert next(_search(watchlist, vector, at_least=math.nextafter(cosine, 2))) == []


def test_every_back_end_batch_and_shard_gives_the_same_bits() -> None:
    """One pair of vectors has one cosine: alone, among others, in either back end, in any row."""
    rows, vectors = random_units(3, 40, 512), random_units(4, 33, 512)
    people = [entry(f"e{at:02}", row) for at, row in enumerate(rows)]
    found = set()
    for backend in BACKENDS:
        for part in (people, people[::-1], people[7:8], people[5:20]):
            watchlist = _watchlist(*part, backend=backend)
            for batch in (vectors, vectors[:1], vectors[:9]):
                found |= {cosine for name, cosine in next(_search(watchlist, *batch, k=40)) if name == "e07"}
    assert found == {cosine_of(rows[7], vectors[0])}


@given(st.integers(0, 2**32 - 1), st.sampled_from([1, 2, 128, 512]))
def test_a_cosine_is_the_exact_product_rounded_once(seed: int, dimension: int) -> None:
    """So that another machine, or another library, gets the same bits; never outside [-1, 1]."""
    a, b = random_units(seed, 2, dimension)
    assert cosine_of(a, b) == cosine_of(b, a) == exact_cosine(a, b)
    assert cosine_of(a, a) == exact_cosine(a, a) <= 1.0
    assert cosine_of(a, -a) >= -1.0


def test_a_cosine_with_what_is_no_number_is_no_number() -> None:
    """It must not become one by being cut to its range: no comparison with a threshold may hold."""
    assert math.isnan(cosine_of(unit(1), np.full(8, np.nan, np.float32)))


@pytest.mark.parametrize("backend", BACKENDS)
def test_an_entry_of_another_length_is_not_compared(backend: Backend) -> None:
    """One wrong record, of the right contract by its own word, neither matches nor stops the others."""
    wrong = entry("wrong", np.ones((1,), np.float32))
    watchlist = _watchlist(wrong, entry("anna", unit(1)), backend=backend)
    assert next(_search(watchlist, unit(1))) == [("anna", 1.0)]


def test_a_vector_without_direction_matches_nobody() -> None:
    """Zeros have cosine 0 with everyone; what is no number is found by no back end."""
    for backend in BACKENDS:
        watchlist = _watchlist(entry("anna"), entry("bert", unit(0, 1)), backend=backend)
        assert next(_search(watchlist, np.zeros(8, np.float32), at_least=0.1)) == []
        assert next(_search(watchlist, np.full(8, np.nan, np.float32))) == []


def test_a_generation_never_changes() -> None:
    """Later records make a new one."""
    watchlist = _watchlist(entry("anna"))
    before = watchlist.generation()
    watchlist.apply(0, 1, "anna", None)
    assert [hit.entry for hit in before.search(unit(1)[None], 3, -1, NOW)[0]] == ["anna"]
    assert watchlist.generation().search(unit(1)[None], 3, -1, NOW) == [[]]


def test_the_name_of_a_generation_follows_from_its_entries_alone() -> None:
    """The digest does not depend on order or history, and any entry changes it; the number counts records."""
    one = _watchlist(entry("anna", digest="1" * 64), entry("bert", digest="2" * 64)).generation().name
    other = _watchlist(
        entry("bert", digest="3" * 64), entry("bert", digest="2" * 64), entry("anna", digest="1" * 64)
    ).generation()
    assert (one.digest, one.number) == (other.name.digest, 2)
    assert other.name.number == 3
    changed = _watchlist(entry("anna", digest="1" * 64), entry("bert", digest="4" * 64)).generation().name
    assert changed.digest != one.digest
    assert _watchlist().generation().name.number == 0


def test_the_number_is_the_sum_over_partitions() -> None:
    """Next offsets, so that two shards can be compared with what was written."""
    watchlist = Watchlist(1, 2, CONTRACT, ExactIndex)
    watchlist.apply(1, 4, "anna", entry("anna"))
    watchlist.apply(3, 9, "bert", None)
    name = watchlist.generation().name
    assert (name.shard, name.shards, name.number) == (1, 2, 15)


def test_entries_of_another_contract_are_known_and_not_searched() -> None:
    """They replace what was there, and go when they are withdrawn or replaced."""
    watchlist = _watchlist(entry("anna"), entry("anna", contract="0" * 64))
    assert watchlist.foreign == {"anna"}
    assert watchlist.generation().size == 0
    watchlist.apply(0, 2, "anna", entry("anna"))
    assert (watchlist.foreign, watchlist.generation().size) == (set(), 1)
    watchlist.apply(0, 3, "anna", entry("anna", contract="0" * 64))
    watchlist.apply(0, 4, "anna", None)
    assert (watchlist.foreign, watchlist.generation().size) == (set(), 0)


class Records(RuleBasedStateMachine):
    """Entries come, change and go in any order; a dictionary is the model."""

    def __init__(self) -> None:
        super().__init__()
        self.watchlist = Watchlist(0, 1, CONTRACT, faiss_backend)
        self.model: dict[str, Entry] = {}
        self.offset = 0

    @rule(name=st.sampled_from("abcd"), row=st.integers(0, 7), living=st.booleans(), ours=st.booleans())
    def write(self, name: str, row: int, living: bool, ours: bool) -> None:
        """One entry, new or changed."""
        new = entry(
            name,
            np.eye(8, dtype=np.float32)[row],
            not_after=NOW + SECOND if living else NOW,
            contract=CONTRACT if ours else "0" * 64,
        )
        self._apply(name, new)

    @precondition(lambda self: self.model)
    @rule(data=st.data())
    def withdraw(self, data: st.DataObject) -> None:
        """One of those that are there."""
        self._apply(data.draw(st.sampled_from(sorted(self.model))), None)

    @rule()
    def withdraw_a_stranger(self) -> None:
        """Nobody of that name was ever there."""
        self._apply("nobody", None)

    def _apply(self, name: str, new: Entry | None) -> None:
        self.watchlist.apply(0, self.offset, name, new)
        self.offset += 1
        self.model.pop(name, None)
        if new is not None:
            self.model[name] = new

    @invariant()
    def finds_what_is_in_force(self) -> None:
        """Each axis finds exactly the living entries of our contract on it."""
        generation = self.watchlist.generation()
        found = generation.search(np.eye(8, dtype=np.float32), 10, 0.5, NOW)
        for row, hits in enumerate(found):
            expected = sorted(
                name
                for name, one in self.model.items()
                if one.contract == CONTRACT and one.not_after > NOW and one.vectors[0, row] == 1
            )
            assert [hit.entry for hit in hits] == expected
        assert generation.name.number == self.offset


TestRecords = Records.TestCase
TestRecords.settings = settings(max_examples=15, stateful_step_count=15)


class Counting:
    """A back end that counts the rows it was asked for."""

    def __init__(self, rows: Float32) -> None:
        self.asked: list[int] = []
        self._exact = ExactIndex(rows)

    def search(self, queries: Float32, k: int) -> tuple[Float32, Rows]:
        """See `ExactIndex.search`."""
        self.asked.append(k)
        return self._exact.search(queries, k)


def test_an_ordinary_search_asks_the_back_end_once() -> None:
    """Fetching more is for crowded tops; without them it would cost every frame."""
    made: list[Counting] = []

    def backend(rows: Float32) -> Counting:
        made.append(Counting(rows))
        return made[-1]

    people = [entry(f"e{at:03}", row) for at, row in enumerate(random_units(8, 300, 64))]
    generation = _watchlist(*people, backend=backend).generation()
    generation.search(random_units(9, 20, 64), 3, 0.6, NOW)
    assert [len(index.asked) for index in made] == [1]
