"""Promise 4: a withdrawn or expired entry cannot alert."""

from datetime import timedelta

import pytest

from indexes.backends import Backend, exact_backend, faiss_backend, int8_backend
from indexes.watchlist import Watchlist
from tests.builders import CONTRACT, NOW, TOMORROW, Lane, entry, record, unit

MOMENT = timedelta(microseconds=1)


@pytest.mark.parametrize("backend", [exact_backend(), faiss_backend(1), int8_backend(1)])
def test_an_entry_matches_until_it_ends_and_never_from_then_on(backend: Backend) -> None:
    """One and the same generation, searched a moment before, at and after the end."""
    watchlist = Watchlist(0, 1, CONTRACT, backend)
    watchlist.apply(0, 0, "anna", entry("anna", not_after=TOMORROW))
    generation = watchlist.generation()
    found = [bool(generation.search(unit(1)[None], 3, 0.6, TOMORROW + by)[0]) for by in (-MOMENT, 0 * MOMENT, MOMENT)]
    assert found == [True, False, False]


@pytest.mark.parametrize("backend", [exact_backend(), faiss_backend(1), int8_backend(1)])
def test_a_withdrawn_entry_is_in_no_generation_made_after_it(backend: Backend) -> None:
    """With all its vectors, alone or among others; the others stay."""
    watchlist = Watchlist(0, 1, CONTRACT, backend)
    watchlist.apply(0, 0, "anna", entry("anna", unit(1), unit(1, 0.1), unit(1, 0.2)))
    watchlist.apply(0, 1, "bert", entry("bert", unit(1, 0.3)))
    watchlist.apply(0, 2, "anna", None)
    hits = watchlist.generation().search(unit(1)[None], 3, -1, NOW)[0]
    assert [hit.entry for hit in hits] == ["bert"]


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
