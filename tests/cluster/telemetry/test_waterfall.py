"""A trace as it is shown: the tree, where the time went, the terminal and the page."""

import io
import time
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from rich.console import Console

from cluster.cli.trace import trace as command
from cluster.cli.trace_view import view
from cluster.telemetry.span_store import SpanStore, StoredSpan
from cluster.telemetry.trace_look import shown_ms
from cluster.telemetry.trace_page import page
from cluster.telemetry.waterfall import MISSING, waterfall

MS, BEGIN = 1_000_000, time.time_ns()


def _span(name: str, span: int, parent: int | None, begin: float, end: float, **said: Any) -> StoredSpan:
    error = said.pop("error", None)
    attributes = {key.replace("__", "."): value for key, value in said.items()}
    return StoredSpan(
        trace_id="ab" * 16,
        span_id=f"{span:016x}",
        parent_id=None if parent is None else f"{parent:016x}",
        name=name,
        kind="internal",
        began_ns=BEGIN + int(begin * MS),
        ended_ns=BEGIN + int(end * MS),
        process={"service.name": "recogniser", "service.instance.id": "recogniser-0"},
        attributes=attributes,
        error=error,
    )


FRAME = {"beholden__outcome": "alerted", "beholden__reason": "candidate", "beholden__camera": "Tor <3>"}
ALERT = {"messaging__message__id": "alert-1", "beholden__stage": "publish"}
SPANS = [
    _span("commit frames", 9, 1, 900, 905),
    _span("process frames", 2, 1, 20, 60, beholden__frame__age_ms=45.0, **FRAME),
    _span("wait in topic", 3, 1, 0, 20, beholden__stage="topic"),
    _span("search", 5, 2, 30, 40, beholden__stage="search"),
    _span("decode", 4, 2, 20, 30, beholden__stage="decode"),
    _span("ask shard", 6, 5, 31, 39, beholden__shard=0, error="silent"),
    _span("send alerts", 7, 2, 40, 60, **ALERT),
]
ROOT = _span("send frames", 1, None, 0, 15, beholden__camera="Tor <3>")


def test_parents_come_before_their_children_and_siblings_in_time() -> None:
    """In whichever order they have arrived."""
    found = waterfall([*SPANS, ROOT])
    assert [(row.span.name, row.depth) for row in found.rows] == [
        ("send frames", 0),
        ("wait in topic", 1),
        ("process frames", 1),
        ("decode", 2),
        ("search", 2),
        ("ask shard", 3),
        ("send alerts", 2),
        ("commit frames", 1),
    ]
    assert (found.to_alert_ms, found.shown_ms) == (40.0, 60.0)
    assert found.stages == [("wait in topic", 20.0), ("decode", 10.0), ("search", 10.0)]
    assert sum(length for _, length in found.stages) == found.to_alert_ms
    assert (found.camera, found.alerts, found.processes) == ("Tor <3>", ["alert-1"], ["recogniser-0"])
    assert [row.span.name for row in found.errors] == ["ask shard"]


def test_what_a_camera_has_not_sent_is_shown_as_missing() -> None:
    """Its children are one tree all the same, and nothing else is."""
    found = waterfall(SPANS)
    assert [row.is_missing for row in found.rows] == [True] + [False] * len(SPANS)
    assert (found.rows[0].span.name, found.rows[0].depth, found.rows[1].depth) == (MISSING, 0, 1)


def test_a_trace_that_is_deep_or_goes_in_circles_is_shown() -> None:
    """Anybody may have posted it: a thousand spans below each other, two that are each other's parents, one its own."""
    deep = [_span("deep", at, at - 1 or None, at, 2_000) for at in range(1, 1_001)]
    round_about = [
        _span("first", 2_001, 2_002, 5, 9),
        _span("second", 2_002, 2_001, 6, 9),
        _span("own", 3_000, 3_000, 7, 9),
    ]
    found = waterfall([*deep, *round_about])
    assert [row.depth for row in found.rows] == [*range(1_000), 0, 1, 0]
    assert [row.span.name for row in found.rows[1_000:]] == ["first", "second", "own"]
    assert not any(row.is_missing for row in found.rows)
    assert page(found)
    Console(width=100, file=io.StringIO()).print(view(waterfall([*deep[:50], *round_about]), 100))


def test_a_trace_of_anything_can_be_shown() -> None:
    """A poll's, which has neither frame nor stages; and one of no length."""
    found = waterfall([_span("receive frames", 1, None, 5, 5)])
    assert (found.to_alert_ms, found.stages, found.camera) == (None, [], "")
    assert "receive frames" in page(found)
    console = Console(width=100, record=True, file=io.StringIO())
    console.print(view(found, 100))
    assert "receive frames" in console.export_text()


@pytest.mark.parametrize("width", [60, 100, 200])
def test_the_terminal_shows_every_row_in_its_place(width: int, capsys: pytest.CaptureFixture[str]) -> None:
    """As wide as it is; what comes after all that matters is an arrow."""
    Console(width=width, color_system=None).print(view(waterfall([*SPANS, ROOT]), width))
    text = capsys.readouterr().out
    lines = text.splitlines()
    assert max(map(len, lines)) <= width
    for name in ("send frames", "├─ wait in topic", "│  ├─ decode", "silent", "+840 ms ▸", "capture to alert 40.0 ms"):
        assert name in text, name
    assert "wait in topic  20.0 ms  50%" in text


def test_the_page_needs_nothing_and_repeats_nothing_unescaped() -> None:
    """No address, no script; a camera's id is text."""
    found = page(waterfall([*SPANS, ROOT]))
    assert found.startswith("<!doctype html>")
    assert "<script" not in found
    assert "http" not in found.replace("http-equiv", "")
    assert "Tor <3>" not in found
    assert "Tor &lt;3&gt;" in found
    assert found.count("<details>") == len(SPANS) + 1


@pytest.mark.parametrize(("ms", "text"), [(0.123, "0.12 ms"), (12.34, "12.3 ms"), (123.4, "123 ms"), (1234, "1.23 s")])
def test_times_have_as_many_digits_as_matter(ms: float, text: str) -> None:
    """Three, at most."""
    assert shown_ms(ms) == text


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A file with one trace in it."""
    file = tmp_path / "traces.sqlite"
    spans = SpanStore(file)
    spans.add([*SPANS, ROOT, _span("process frames", 1, None, 0, 5, beholden__frame__age_ms=5.0, error="not_jpeg")])
    spans.close()
    return file


def _run(store: Path, *arguments: str) -> Any:
    return CliRunner().invoke(command, ["--store", str(store), *arguments])


def test_traces_are_found_by_alert_id_and_choice(store: Path, tmp_path: Path) -> None:
    """An alert's, one by its id, the slowest, the last error, the last."""
    for choice in (["alert-1"], ["AB" * 16], ["--slowest"], ["--errors"], []):
        found = _run(store, *choice)
        assert found.exit_code == 0, found.output
        assert "process frames" in found.output
    assert "trace " in _run(store, "--slowest").output
    html = tmp_path / "page.html"
    assert str(html) in _run(store, "alert-1", "--html", str(html)).output
    assert "alert-1" in html.read_text()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nobody"], "no trace of nobody is here"),
        (["alert-1", "--slowest"], "give one of"),
    ],
)
def test_what_cannot_be_shown_says_what_to_do(store: Path, arguments: list[str], words: str) -> None:
    """In one line."""
    found = _run(store, *arguments)
    assert found.exit_code != 0
    assert words in found.output


def test_an_empty_store_says_how_to_fill_it(tmp_path: Path) -> None:
    """Where to listen, and what to write into the cluster file."""
    found = _run(tmp_path / "new.sqlite")
    assert found.exit_code == 1
    assert "telemetry: {traces: {otlp:" in found.output
