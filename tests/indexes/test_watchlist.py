import math
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from indexes.backends import Backend, exact_backend
from indexes.entry import Entry, cosine_of
from indexes.exact import ExactIndex, Rows
from indexes.watchlist import Watchlist
from operators.types import Float32
from tests.builders import CONTRACT, NOW, entry, random_units, unit
from tests.indexes.halves import all_backends
from tests.indexes.model import exact_cosine

EXACT = exact_backend()
BACKENDS = all_backends()
SECOND = timedelta(seconds=1)


def _watchlist(*people: Entry, backend: Backend = EXACT) -> Watchlist:
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
    watchlist = Watchlist(1, 2, CONTRACT, EXACT)
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


SMALL = [Backend(one.block, one.tail, block_rows=6, tail_rows=3) for one in BACKENDS]
"""Blocks so small that a few entries fill several of them."""


class Records(RuleBasedStateMachine):
    """Entries come, change, expire and go while blocks are built beside; a dictionary is the model."""

    def __init__(self) -> None:
        super().__init__()
        self.log: list[tuple[str, Entry | None]] = []
        self.model: dict[str, Entry] = {}
        self.now = NOW
        self.backend = EXACT
        self.watchlist = Watchlist(0, 1, CONTRACT, EXACT)

    @initialize(backend=st.sampled_from(SMALL))
    def begin(self, backend: Backend) -> None:
        """With one of the back ends."""
        self.backend = backend
        self.watchlist = Watchlist(0, 1, CONTRACT, backend)

    @rule(
        names=st.lists(st.sampled_from("abcdefghijkl"), min_size=4, max_size=8),
        row=st.integers(0, 7),
        vectors=st.integers(1, 3),
        left_s=st.integers(0, 5),
        ours=st.sampled_from([True, True, True, False]),
    )
    def write(self, names: list[str], row: int, vectors: int, left_s: int, ours: bool) -> None:
        """Entries, new or changed."""
        for at, name in enumerate(names):
            axes = [np.eye(8, dtype=np.float32)[(row + at + more) % 8] for more in range(vectors)]
            until, contract = self.now + left_s * SECOND, CONTRACT if ours else "0" * 64
            watchlist = "one" if name < "g" else "two"
            self._apply(name, entry(name, *axes, watchlist=watchlist, not_after=until, contract=contract))

    @precondition(lambda self: self.model)
    @rule(data=st.data())
    def withdraw(self, data: st.DataObject) -> None:
        """One of those that are there."""
        self._apply(data.draw(st.sampled_from(sorted(self.model))), None)

    @rule()
    def withdraw_a_stranger(self) -> None:
        """Nobody of that name was ever there."""
        self._apply("nobody", None)

    @rule()
    def time_passes(self) -> None:
        """Some expire."""
        self.now += SECOND

    @precondition(lambda self: self.watchlist.due(erase=True))
    @rule(data=st.data(), row=st.integers(0, 7))
    def change_while_a_block_is_built(self, data: st.DataObject, row: int) -> None:
        """Some of its members are withdrawn and some replaced before it is put in place."""
        due = self.watchlist.due(erase=True)
        assert due
        block = due.build(self.backend)
        old = [ref for _, part in due.instead for ref in part.living().refs]
        names = st.sampled_from(sorted({*old, *(one.ref for one in due.new)} or "a"))
        for name in data.draw(st.lists(names, min_size=1, max_size=3)):
            new = entry(name, np.eye(8, dtype=np.float32)[row], watchlist="one", not_after=self.now + SECOND)
            self._apply(name, new if data.draw(st.booleans()) else None)
        self.watchlist.install(due, block)

    @rule()
    def merge_all(self) -> None:
        """As on a start."""
        self.watchlist.merge_all()
        assert self.watchlist.due() is None

    @rule()
    def restart(self) -> None:
        """The process dies; another reads the topic, of which only the last record of each key is left."""
        before = self.watchlist.generation().name
        self.watchlist = Watchlist(0, 1, CONTRACT, self.backend)
        last = {name: offset for offset, (name, _) in enumerate(self.log)}
        for offset, (name, one) in enumerate(self.log):
            if last[name] == offset:
                self.watchlist.apply(0, offset, name, one)
        assert self.watchlist.generation().name == before

    @rule()
    def restart_from_a_snapshot(self) -> None:
        """What was written is read, and the topic from there on."""
        before = self.watchlist.generation().name
        taken = self.watchlist.snapshot({}, 0)()
        assert sum(len(columns) for columns in taken.blocks) == self.watchlist.generation().size
        self.watchlist = Watchlist(0, 1, CONTRACT, self.backend)
        blocks = [self.watchlist.block(columns) for columns in taken.blocks]
        self.watchlist.restore(replace(taken, blocks=blocks))
        assert self.watchlist.generation().name == before

    def _apply(self, name: str, new: Entry | None) -> None:
        self.watchlist.apply(0, len(self.log), name, new)
        self.log.append((name, new))
        self.model.pop(name, None)
        if new is not None:
            self.model[name] = new

    @invariant()
    def finds_what_is_in_force(self) -> None:
        """Each axis finds exactly the living entries of our contract on it, by list."""
        generation = self.watchlist.generation()
        found = generation.search(np.eye(8, dtype=np.float32), 12, 0.5, self.now)
        for row, hits in enumerate(found):
            expected = sorted(
                (one.watchlist, name)
                for name, one in self.model.items()
                if one.contract == CONTRACT and one.not_after > self.now and one.vectors[:, row].any()
            )
            assert [(hit.watchlist, hit.entry) for hit in hits] == expected
        assert generation.name.number == len(self.log)
        assert generation.size == sum(one.contract == CONTRACT for one in self.model.values())


TestRecords = Records.TestCase
TestRecords.settings = settings(max_examples=50, stateful_step_count=20, deadline=None)


def test_a_withdrawn_vector_leaves_memory_when_its_block_is_put_together_anew() -> None:
    """Marked at once, erased by the merge; the members that stay are those that count."""
    backend = Backend(ExactIndex, ExactIndex, block_rows=100, tail_rows=4)
    watchlist = Watchlist(0, 1, CONTRACT, backend)
    for at, row in enumerate(random_units(3, 8)):
        watchlist.apply(0, at, f"e{at}", entry(f"e{at}", row))
    watchlist.merge_all()
    watchlist.apply(0, 8, "e3", None)
    [marked] = watchlist.generation().parts
    assert [marked.block.columns.refs[number] for number in marked.gone] == ["e3"]
    watchlist.merge_all()
    [anew] = watchlist.generation().parts
    assert sorted(anew.block.columns.refs) == [f"e{at}" for at in range(8) if at != 3]
    assert (len(anew.block.columns.rows), anew.gone) == (7, frozenset())


def test_each_row_is_moved_a_few_times_in_its_life() -> None:
    """A thousand entries, one by one: blocks grow by doubling, and full ones are left alone."""
    moved: list[int] = []

    def block(rows: Float32) -> ExactIndex:
        moved.append(len(rows))
        return ExactIndex(rows)

    watchlist = Watchlist(0, 1, CONTRACT, Backend(block, ExactIndex, block_rows=256, tail_rows=8))
    for at, row in enumerate(random_units(4, 1000)):
        watchlist.apply(0, at, f"e{at}", entry(f"e{at}", row))
        watchlist.merge_all()
    assert sum(moved) < 1000 * 8
    assert len(watchlist.generation().parts) < 16


class Counting:
    """A back end that counts the rows it was asked for."""

    def __init__(self, rows: Float32) -> None:
        self.asked: list[int] = []
        self._exact = ExactIndex(rows)

    def search(self, queries: Float32, k: int, at_least: float) -> tuple[Float32, Rows]:
        """See `ExactIndex.search`."""
        self.asked.append(k)
        return self._exact.search(queries, k, at_least)


def test_an_ordinary_search_asks_the_back_end_once() -> None:
    """Fetching more is for crowded tops; without them it would cost every frame."""
    made: list[Counting] = []

    def backend(rows: Float32) -> Counting:
        made.append(Counting(rows))
        return made[-1]

    people = [entry(f"e{at:03}", row) for at, row in enumerate(random_units(8, 300, 64))]
    generation = _watchlist(*people, backend=Backend(backend, backend)).generation()
    generation.search(random_units(9, 20, 64), 3, 0.6, NOW)
    assert [len(index.asked) for index in made] == [1]
