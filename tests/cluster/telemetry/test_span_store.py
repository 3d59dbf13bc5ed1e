"""Spans in a file: found by trace, by alert, by age and by error, for as long and as many as were agreed."""

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cluster.telemetry import span_store
from cluster.telemetry.span_store import TRIM_EVERY_S, SpanStore, StoredSpan
from operators.errors import SettingsRefused

S = 10**9


def _span(number: int, trace: str = "a", **changes: Any) -> StoredSpan:
    fields: dict[str, Any] = {
        "trace_id": trace,
        "span_id": f"{number:016x}",
        "parent_id": None,
        "name": "process frames",
        "kind": "consumer",
        "began_ns": number * S,
        "ended_ns": number * S + 5,
        "process": {"service.name": "recogniser"},
    }
    return StoredSpan(**{**fields, **changes})


def test_spans_come_back_as_they_were_given(tmp_path: Path) -> None:
    """Those of one trace, in the order in which they began; one that is sent twice is there once."""
    store = SpanStore(tmp_path / "new" / "traces.sqlite")
    spans = [_span(2, attributes={"beholden.faces": 2}, error="Broken"), _span(1, parent_id="0" * 16), _span(3, "b")]
    spans[1] = replace(spans[1], process={"service.name": "shard"})
    store.add(spans)
    store.add(spans[:1])
    assert store.trace("a") == [spans[1], spans[0]]
    assert store.trace("c") == []
    assert len(store) == 3


def test_alerts_slow_frames_and_errors_are_found(tmp_path: Path) -> None:
    """The oldest frames first, the last errors first, and of an alert that was written twice the last writing."""
    store = SpanStore(tmp_path / "traces.sqlite")
    aged = [_span(at, f"t{at}", attributes={"beholden.frame.age_ms": age}) for at, age in enumerate([5.0, 50.0, 20.0])]
    alerts = [_span(at, f"t{at}", attributes={"messaging.message.id": "alert-1"}) for at in (10, 11)]
    failed = [_span(at, f"t{at}", error="Broken") for at in (20, 21)]
    store.add([*aged, *alerts, *failed])
    assert [span.trace_id for span in store.slowest(2)] == ["t1", "t2"]
    assert [span.trace_id for span in store.latest(2)] == ["t2", "t1"]
    assert [span.trace_id for span in store.errors(5)] == ["t21", "t20"]
    assert store.of_alert("alert-1") == "t11"
    assert store.of_alert("alert-2") is None


def test_what_is_too_old_and_too_much_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest first. It is looked at when enough has come, not at each span."""
    monkeypatch.setattr(span_store, "TRIM_EVERY", 4)
    store = SpanStore(tmp_path / "traces.sqlite", keep_s=100.0, keep_spans=3, now_s=lambda: 150.0)
    store.add([_span(at) for at in (10, 60, 70)])
    assert len(store) == 3
    store.add([_span(at) for at in (80, 90)])
    assert [span.began_ns // S for span in store.trace("a")] == [70, 80, 90]


def test_what_has_become_too_old_goes_when_time_has_passed(tmp_path: Path) -> None:
    """However little comes: with the next spans, when the store is closed, and when it is opened."""
    file, now_s = tmp_path / "traces.sqlite", [100.0]

    def opened() -> SpanStore:
        return SpanStore(file, keep_s=100.0, now_s=lambda: now_s[0])

    def kept() -> int:
        with closing(sqlite3.connect(file)) as database:
            return int(database.execute("SELECT count(*) FROM span").fetchone()[0])

    store = opened()
    store.add([_span(at) for at in (10, 90, 190, 290)])
    now_s[0] += TRIM_EVERY_S
    store.add([_span(150)])
    assert kept() == 4  # without that of second 10
    now_s[0] = 200.0
    store.close()
    assert kept() == 3
    now_s[0] = 300.0
    opened()
    assert kept() == 1


def test_a_file_that_others_could_read_is_this_user_s_alone(tmp_path: Path) -> None:
    """With what SQLite has beside it."""
    file = tmp_path / "traces.sqlite"
    file.touch(mode=0o644)
    file.chmod(0o644)
    SpanStore(file).add([_span(1)])
    assert {each.stat().st_mode & 0o777 for each in tmp_path.iterdir()} == {0o600}
    assert len(list(tmp_path.iterdir())) == 3


@pytest.mark.parametrize("times", [{"began_ns": 2**63}, {"ended_ns": 2**63}, {"began_ns": -1}, {"ended_ns": -1}])
def test_a_span_without_a_time_is_refused_and_what_comes_after_it_is_kept(
    tmp_path: Path, times: dict[str, int]
) -> None:
    """Together with what came with it."""
    store = SpanStore(tmp_path / "traces.sqlite")
    with pytest.raises(ValueError, match="between 1970 and 2262"):
        store.add([_span(1), _span(2, **times)])
    store.add([_span(3)])
    assert store.trace("a") == [_span(3)]


def test_what_the_file_does_not_take_leaves_nothing_half_done(tmp_path: Path) -> None:
    """All of it is taken back, and the next is kept."""
    store = SpanStore(tmp_path / "traces.sqlite")
    with pytest.raises(sqlite3.Error):
        store.add([_span(1), _span(2, name=None)])
    store.add([_span(3)])
    assert store.trace("a") == [_span(3)]


def test_a_file_that_is_no_store_is_refused(tmp_path: Path) -> None:
    """Instead of being written over."""
    file = tmp_path / "text"
    file.write_text("no database " * 100)
    with pytest.raises(SettingsRefused, match="no store of traces"):
        SpanStore(file)
    with pytest.raises(SettingsRefused, match="no store of traces"):
        SpanStore(file / "below")
