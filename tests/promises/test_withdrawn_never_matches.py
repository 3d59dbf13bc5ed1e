"""Promise 4: a withdrawn or expired entry cannot alert."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexes.backends import Backend, exact_backend
from indexes.watchlist import Watchlist
from tests.builders import CONTRACT, NOW, TOMORROW, Lane, entry, random_units, record, unit
from tests.indexes.halves import all_backends

MOMENT = timedelta(microseconds=1)
BACKENDS = all_backends()


@pytest.mark.parametrize("backend", BACKENDS)
def test_an_entry_matches_until_it_ends_and_never_from_then_on(backend: Backend) -> None:
    """One and the same generation, searched a moment before, at and after the end."""
    watchlist = Watchlist(0, 1, CONTRACT, backend)
    watchlist.apply(0, 0, "anna", entry("anna", not_after=TOMORROW))
    generation = watchlist.generation()
    found = [bool(generation.search(unit(1)[None], 3, 0.6, TOMORROW + by)[0]) for by in (-MOMENT, 0 * MOMENT, MOMENT)]
    assert found == [True, False, False]


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_withdrawn_entry_is_in_no_generation_made_after_it(backend: Backend) -> None:
    """With all its vectors, alone or among others; the others stay."""
    watchlist = Watchlist(0, 1, CONTRACT, backend)
    watchlist.apply(0, 0, "anna", entry("anna", unit(1), unit(1, 0.1), unit(1, 0.2)))
    watchlist.apply(0, 1, "bert", entry("bert", unit(1, 0.3)))
    watchlist.apply(0, 2, "anna", None)
    hits = watchlist.generation().search(unit(1)[None], 3, -1, NOW)[0]
    assert [hit.entry for hit in hits] == ["bert"]


@pytest.mark.parametrize("backend", BACKENDS)
@settings(max_examples=20, deadline=None)
@given(gone=st.sets(st.integers(0, 11), min_size=1), later=st.integers(0, 11))
def test_a_withdrawn_entry_matches_neither_at_once_nor_in_the_block_made_anew(
    backend: Backend, gone: set[int], later: int
) -> None:
    """Marked in its block, in the block that was being built when one more was withdrawn, and in the one after it."""
    rows, watchlist = random_units(7, 12), Watchlist(0, 1, CONTRACT, replace(backend, tail_rows=4))
    for at, row in enumerate(rows):
        watchlist.apply(0, at, f"e{at}", entry(f"e{at}", row))
    watchlist.merge_all()

    def matching() -> set[int]:
        found = watchlist.generation().search(rows, 12, 0.999, NOW)
        return {at for at, hits in enumerate(found) if f"e{at}" in {hit.entry for hit in hits}}

    for at in gone:
        watchlist.apply(0, 12 + at, f"e{at}", None)
    assert matching() == set(range(12)) - gone
    due = watchlist.due(erase=True)
    assert due
    block = due.build(watchlist._backend)
    watchlist.apply(0, 30, f"e{later}", None)
    assert matching() == set(range(12)) - gone - {later}
    watchlist.install(due, block)
    assert matching() == set(range(12)) - gone - {later}
    while due := watchlist.due(erase=True):
        watchlist.install(due, due.build(watchlist._backend))
    assert matching() == set(range(12)) - gone - {later}
    assert sum(len(part.block.columns) for part in watchlist.generation().parts) == 12 - len(gone | {later})


def test_a_changed_entry_matches_as_it_is_now_only() -> None:
    """An older vector, list or end of the same reference is gone."""
    watchlist = Watchlist(0, 1, CONTRACT, exact_backend())
    watchlist.apply(0, 0, "anna", entry("anna", unit(1)))
    watchlist.apply(0, 1, "anna", entry("anna", unit(0, 1), watchlist="other"))
    generation = watchlist.generation()
    assert generation.search(unit(1)[None], 3, 0.6, NOW) == [[]]
    assert [hit.watchlist for hit in generation.search(unit(0, 1)[None], 3, 0.6, NOW)[0]] == ["other"]


def test_no_alert_names_an_entry_withdrawn_between_two_frames() -> None:
    """The lane goes on with the same camera and the same person, and says no match."""
    lane = Lane()
    pipeline = lane.run([record(b"anna", 0)])
    assert len(lane.alerts.messages) == 1
    lane.index.watchlist.apply(0, 3, "anna", None)
    lane.source.records.append(record(b"anna", 1, key=b"hall"))
    pipeline.step(0)
    assert len(lane.alerts.messages) == 1
    assert lane.account.frames_out["no_match", "below_threshold"] == 1


def test_no_alert_names_an_entry_that_expires_while_it_is_watched_for() -> None:
    """Nobody has to withdraw it."""
    lane = Lane()
    lane.index.watchlist.apply(0, 3, "anna", entry("anna", unit(1), not_after=NOW))
    lane.run([record(b"anna", 0), record(b"bert", 1)])
    assert [b'"entry":"bert"' in message.value for message in lane.alerts.messages] == [True]
