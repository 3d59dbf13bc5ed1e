"""What cameras, index shards and readers of alerts add to the trace of a frame."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cluster.plan import Plan
from cluster.shards.asked import MOST, SILENT, AskedBook
from cluster.shards.layout import Replica
from cluster.telemetry import recent_searches
from cluster.telemetry.camera_tracing import CameraTracing, open_camera_tracing
from cluster.telemetry.context import TraceContext, parse_traceparent
from cluster.telemetry.frame_trace import Place
from cluster.telemetry.frame_tracing import FrameTracing, open_frame_tracing
from cluster.telemetry.journal import Rule
from cluster.telemetry.reader_tracing import ReaderTracing, open_reader_tracing
from cluster.telemetry.recent_searches import RecentSearches
from cluster.telemetry.settings import TelemetrySettings, TraceSettings
from cluster.telemetry.shard_tracing import ShardTracing
from cluster.telemetry.spans import Kind, Span
from cluster.telemetry.stamps import Asked
from operators.types import FrameRef
from tests.builders import Lane, record
from tests.cluster.telemetry.lanes import Tick

AT = datetime(2026, 1, 31, 12, tzinfo=UTC)
AT_NS = int(AT.timestamp()) * 10**9
MS = 1_000_000
FIRST, SECOND = Replica(0, 2, 0), Replica(1, 2, 1)


@dataclass(slots=True)
class Sink:
    """Spans in a list."""

    spans: list[Span] = field(default_factory=list)
    dropped: int = 0

    def send(self, spans: Any) -> None:
        """Remember them."""
        self.spans += spans

    def close(self, timeout_s: float) -> None:
        """Nothing is queued."""


@pytest.mark.parametrize(("share", "spans"), [(1.0, 1), (0.0, 0)])
def test_a_camera_sends_its_span_when_the_frame_s_trace_is_one_of_the_share(share: float, spans: int) -> None:
    """Every frame carries a context; its flag says whether the span is there."""
    sink = Sink()
    frame = CameraTracing(sink, share, lambda: AT_NS + 7 * MS).begin("gate", AT)
    frame.sent("frames", 3, 12)
    assert frame.context.sampled is bool(spans)
    assert len(sink.spans) == spans
    for span in sink.spans:
        assert (span.name, span.kind, span.context, span.parent) == ("send frames", Kind.PRODUCER, frame.context, None)
        assert (span.began_ns, span.ended_ns) == (AT_NS, AT_NS + 7 * MS)
        assert span.attributes["beholden.camera"] == "gate"
        assert span.attributes["messaging.kafka.offset"] == 12


def test_a_frame_that_kafka_does_not_take_is_told_of() -> None:
    """Whatever the share, by the kind of the error alone."""
    sink = Sink()
    CameraTracing(sink, 0.0, lambda: AT_NS - 1).begin("gate", AT).failed("frames", TimeoutError("at 10.0.0.7"))
    [span] = sink.spans
    assert (span.error, span.context.sampled) == ("TimeoutError", True)
    assert span.began_ns == span.ended_ns
    assert "10.0.0.7" not in repr(span)


def test_an_asked_book_says_who_was_asked_and_what_came_of_it() -> None:
    """Answers, failures and silence; each once, and of a late answer nothing any more."""
    book = AskedBook[str](is_on=True, now_ns=Tick(0))
    for reply, replica, number in (("a", FIRST, 7), ("b", SECOND, 8), ("c", FIRST, 9)):
        book.ask(reply, replica, number)
    book.answered("a", 500)
    book.answered("b", None, "IndexIncomplete")
    asked = book.take()
    assert asked == [
        Asked("shard-0-of-2-r0", 0, 7, (1 * MS, 4 * MS), 500),
        Asked("shard-1-of-2-r1", 1, 8, (2 * MS, 5 * MS), None, "IndexIncomplete"),
        Asked("shard-0-of-2-r0", 0, 9, (3 * MS, 6 * MS), None, SILENT),
    ]
    book.answered("c", 1)
    assert book.take() == []
    assert book.number() != book.number() != 0


@pytest.mark.parametrize("answers", [True, False])
def test_an_asked_book_keeps_the_last_however_often_is_asked(answers: bool) -> None:
    """A search is repeated until it is complete, for an hour if need be; silent or refused, the last are told of."""
    book = AskedBook[int](is_on=True)
    for number in range(1, 7_201):
        book.ask(number, FIRST, number)
        if answers:
            book.answered(number, None, "IndexIncomplete")
    assert len(book._open) <= MOST
    assert [asked.number for asked in book.take()] == list(range(7_201 - MOST, 7_201))


def test_an_asked_book_that_is_off_keeps_nothing() -> None:
    """And the shard is to remember nothing."""
    book = AskedBook[str](is_on=False)
    book.ask("a", FIRST, book.number())
    book.answered("a", 5)
    assert book.number() == 0
    assert book.take() == []


def test_a_shard_tells_of_the_searches_it_is_asked_about() -> None:
    """For each frame that they were part of; of others, and of those without a number, it says nothing."""
    recent = RecentSearches("shard-0-of-2-r0", 0, Tick(0), lambda: AT_NS)
    began_ns = recent.now_ns()
    assert recent.note(17, began_ns, rows=3) == MS
    recent.note(0, began_ns, rows=1)
    first, second = TraceContext(1, 2), TraceContext(3, 4)
    spans = recent.spans([(17, first), (17, second), (18, first), (0, first)])
    assert [(span.context.trace_id, span.parent) for span in spans] == [(1, 2), (3, 4)]
    assert {(span.name, span.kind) for span in spans} == {("search shard", Kind.SERVER)}
    assert spans[0].ended_ns - spans[0].began_ns == MS
    assert spans[0].attributes == {
        "beholden.replica": "shard-0-of-2-r0",
        "beholden.shard": 0,
        "beholden.search.rows": 3,
    }


def test_a_shard_forgets_its_oldest_search(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is a bound on what it remembers."""
    monkeypatch.setattr(recent_searches, "MOST", 2)
    recent = RecentSearches("shard-0-of-2-r0", 0)
    for number in (1, 2, 3):
        recent.note(number, 0, 1)
    told = TraceContext(1, 2)
    assert [len(recent.spans([(number, told)])) for number in (1, 2, 3)] == [0, 1, 1]


def test_an_alert_s_reader_goes_on_with_its_trace() -> None:
    """From when it was written until it was read, and while it is taken."""
    sink, clock = Sink(), Tick(AT_NS)
    taken: list[Any] = []
    context = TraceContext(5, 6)
    headers = {"traceparent": str(context).encode(), "ce_id": b"alert-1"}
    alert = replace(record(b"{}", 4, headers=headers, timestamp_ms=AT_NS // MS), ref=FrameRef("alerts", 0, 4))
    ReaderTracing(sink, clock).traced(lambda *given: taken.append(given))(alert, "connection")
    assert taken == [(alert, "connection")]
    waited, process = sink.spans
    assert (waited.name, waited.began_ns, waited.ended_ns) == ("wait in topic", AT_NS, AT_NS + MS)
    assert (process.name, process.kind) == ("process alerts", Kind.CONSUMER)
    assert (process.began_ns, process.ended_ns) == (AT_NS + MS, AT_NS + 2 * MS)
    assert {(span.context.trace_id, span.parent, span.error) for span in sink.spans} == {(5, 6, None)}
    assert process.attributes["messaging.message.id"] == "alert-1"


@pytest.mark.parametrize("header", [b"", b"garbage", b"\xff", str(TraceContext(5, 6, sampled=False)).encode()])
def test_an_alert_without_a_kept_trace_is_taken_all_the_same(header: bytes) -> None:
    """And nothing is sent."""
    sink = Sink()
    taken: list[Any] = []
    ReaderTracing(sink).traced(taken.append)(record(b"{}", headers={"traceparent": header}))
    assert (len(taken), sink.spans) == (1, [])


def test_what_taking_an_alert_raises_is_raised_and_told_of() -> None:
    """By its kind: its text may name somebody."""

    def take(_: Any) -> None:
        raise ValueError("Jane-Canary-Doe")

    sink = Sink()
    with pytest.raises(ValueError, match="Jane"):
        ReaderTracing(sink).traced(take)(record(b"{}", headers={"traceparent": str(TraceContext(5, 6)).encode()}))
    assert [span.error for span in sink.spans] == [None, "ValueError"]
    assert "Canary" not in repr(sink.spans)


def test_a_recogniser_s_traces_go_to_the_collector_and_to_the_shards() -> None:
    """Each holder is told once, which of its searches belong to which spans."""
    sink, told = Sink(), []
    asked = [Asked("shard-0-of-2-r0", 0, 7, (1, 2), 1), Asked("shard-1-of-2-r1", 1, 8, (1, 2), 1)]
    tracing = FrameTracing(
        sink, Rule(0.0, 500), Place("group", "alerts"), lambda: asked, lambda *given: told.append(given)
    )
    lane = Lane(journal=tracing.journal())
    lane.run([record(b"anna"), record(b"stranger", 1)])
    asks = {span.attributes["beholden.replica"]: span.context for span in sink.spans if span.name == "ask shard"}
    assert told == [(asked[0].holder, [(7, asks[asked[0].holder])]), (asked[1].holder, [(8, asks[asked[1].holder])])]
    [send] = [span for span in sink.spans if span.name == "send alerts"]
    assert parse_traceparent(dict(lane.alerts.messages[0].headers)["traceparent"].decode()) == send.context
    assert abs(send.began_ns - datetime.now(UTC).timestamp() * 1e9) < timedelta(minutes=5).total_seconds() * 1e9
    sink.dropped = 3
    assert tracing.dropped == 3


def test_a_holder_is_told_once_of_all_that_is_committed_together() -> None:
    """A call for each frame would cost more than its spans."""
    told: list[Any] = []
    asked = [Asked("shard-0-of-2-r0", 0, 7, (1, 2), 1)]
    rule, place = Rule(1.0, 500), Place("group", "alerts")
    tracing = FrameTracing(Sink(), rule, place, lambda: asked, lambda *given: told.append(given))
    Lane(journal=tracing.journal()).run([record(b"anna"), record(b"stranger", 1)])
    [(holder, searches)] = told
    assert (holder, [number for number, _ in searches]) == (asked[0].holder, [7, 7])


def test_without_a_collector_nobody_makes_spans(drawn: Plan) -> None:
    """Everything is off unless the cluster file names one, and then it is on."""
    settings = drawn.settings
    assert open_frame_tracing(drawn, "recogniser-0") is None
    assert open_camera_tracing(settings, "gate") is None
    assert open_reader_tracing(settings, "tail") is None
    shard = ShardTracing(settings, FIRST)
    shard.note(1, 0, 1)
    shard.tell([(1, TraceContext(1, 2))])
    assert shard.dropped == 0
    on = replace(settings, telemetry=TelemetrySettings(traces=TraceSettings("http://127.0.0.1:9", share=1.0)))
    opened = [open_camera_tracing(on, "gate"), open_reader_tracing(on, "tail")]
    tracing = open_frame_tracing(replace(drawn, settings=on), "recogniser-0")
    assert tracing is not None
    assert all(opened)
    for each in (*opened, tracing):
        assert each is not None
        each.close()
