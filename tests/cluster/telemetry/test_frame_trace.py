"""The tree of a frame's spans, and that its leaves add up to the time that passed."""

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cluster.telemetry.context import TraceContext
from cluster.telemetry.journal import Rule
from cluster.telemetry.names import OF_SPANS, allowed
from cluster.telemetry.spans import Kind, Span
from cluster.telemetry.stamps import Asked
from tests.builders import NOW, FakeIndex, record
from tests.cluster.telemetry.lanes import Traced, children, lane, leaves

CAMERA = TraceContext(0xABC, 0xDEF)
HEADERS = {"traceparent": str(CAMERA).encode()}
MS = 1_000_000
# Stages are timed from a second on; what the tests' frames were captured at is that moment.
TO_UNIX_NS = int(NOW.timestamp()) * 10**9 - 10**9
SHARDS = (
    Asked("shard-0-of-2-r0", 0, 17, (10**9 + 20 * MS, 10**9 + 23 * MS), 2 * MS),
    Asked("shard-1-of-2-r0", 1, 18, (10**9 + 21 * MS, 10**9 + 22 * MS), None, "IndexIncomplete"),
)


def _spans(frames: Any, **changes: Any) -> list[Span]:
    traced = Traced(**changes)
    lane(traced).run(frames)
    return traced.spans(TO_UNIX_NS)


def _one(spans: list[Span], name: str) -> Span:
    [found] = [span for span in spans if span.name == name]
    return found


def test_the_tree_of_an_alert() -> None:
    """From the camera's span to the alert's, each part once and in its place."""
    spans = _spans([record(b"anna", headers=HEADERS)], asked=SHARDS)
    process = _one(spans, "process frames")
    above = [span for span in spans if span.parent == CAMERA.span_id]
    assert [span.name for span in above] == ["wait in topic", "process frames", "commit frames"]
    parts = [span for span in children(spans, process) if span.name != "wait for batch"]
    assert [(span.name, span.kind) for span in parts] == [
        ("wait for turn", Kind.INTERNAL),
        ("decode", Kind.INTERNAL),
        ("detect", Kind.INTERNAL),
        ("gate and align", Kind.INTERNAL),
        ("embed", Kind.INTERNAL),
        ("search", Kind.INTERNAL),
        ("decide", Kind.INTERNAL),
        ("seal evidence", Kind.INTERNAL),
        ("send alerts", Kind.PRODUCER),
    ]
    asks = children(spans, _one(spans, "search"))
    assert [(span.name, span.kind, span.error) for span in asks] == [
        ("ask shard", Kind.CLIENT, None),
        ("ask shard", Kind.CLIENT, "IndexIncomplete"),
    ]
    assert {span.context.trace_id for span in spans if span.name != "receive frames"} == {CAMERA.trace_id}
    assert len({span.context.span_id for span in spans}) == len(spans)


def test_the_shard_that_answered_is_told_under_which_span_it_worked() -> None:
    """One that did not answer is told nothing."""
    traced = Traced(asked=SHARDS)
    lane(traced).run([record(b"anna")])
    asks = {str(span.attributes["beholden.replica"]): span for span in traced.spans() if span.name == "ask shard"}
    [told] = traced.told
    assert (told.holder, told.number) == ("shard-0-of-2-r0", 17)
    assert told.context == asks["shard-0-of-2-r0"].context


@given(
    words=st.lists(st.sampled_from(["anna", "bert", "stranger", "blurred", "empty", "none"]), min_size=1, max_size=6),
    has_camera=st.booleans(),
)
@settings(max_examples=40, deadline=None)
def test_leaves_add_up_to_the_nanosecond(words: list[str], has_camera: bool) -> None:
    """Of every frame of a batch: from its capture until its alert is handed over, or until its outcome is known."""
    headers = HEADERS if has_camera else {}
    frames = [record(word.encode(), at, headers=headers) for at, word in enumerate(words)]
    traced = Traced(Rule(1.0, 500))
    lane(traced).run(frames)
    for entry in list(traced.kept):
        traced.kept = [entry]
        spans = traced.spans(TO_UNIX_NS)
        process = _one(spans, "process frames")
        parts = [_one(spans, "wait in topic"), *leaves(spans, process)]
        until_ns = entry.alerts[0].began_ns if entry.alerts else entry.ended_ns
        before = [span for span in parts if span.began_ns < until_ns + TO_UNIX_NS]
        assert sum(span.ended_ns - span.began_ns for span in before) == until_ns - 10**9
        assert all(one.ended_ns == other.began_ns for one, other in pairwise(before))


def test_what_a_frame_waited_for_is_shown() -> None:
    """The second of two frames waits for the first to be looked at, three stages at a millisecond each and the gaps."""
    traced = Traced(Rule(1.0, 500))
    lane(traced).run([record(b"empty"), record(b"empty", 1)])
    traced.kept = traced.kept[1:]
    spans = traced.spans()
    found = leaves(spans, _one(spans, "process frames"))
    lengths_ms = [(span.name, (span.ended_ns - span.began_ns) / MS) for span in found][:4]
    assert lengths_ms == [("wait for turn", 1), ("wait for batch", 7), ("decode", 1), ("wait for batch", 1)]


def test_without_a_camera_s_span_the_trace_begins_with_the_frame() -> None:
    """One root, from the capture to the commit, and all others below it."""
    spans = [span for span in _spans([record(b"anna")]) if span.name != "receive frames"]
    [root] = [span for span in spans if span.parent is None]
    assert (root.name, root.kind) == ("follow frame", Kind.INTERNAL)
    assert root.began_ns == int(NOW.timestamp()) * 10**9
    assert root.ended_ns == max(span.ended_ns for span in spans)
    ids = {span.context.span_id for span in spans}
    assert all(span.parent in ids for span in spans if span is not root)


def test_frames_of_one_poll_share_a_span_by_links() -> None:
    """It is a trace of its own: no frame is its parent, and it is told of once."""
    spans = _spans([record(b"anna", headers=HEADERS), record(b"bert", 1)])
    receive = _one(spans, "receive frames")
    assert (receive.kind, receive.parent, receive.attributes["messaging.batch.message_count"]) == (Kind.CLIENT, None, 2)
    assert [link.span_id for link in receive.links] == [CAMERA.span_id]
    processes = [span for span in spans if span.name == "process frames"]
    assert [span.links for span in processes] == [(receive.context,), (receive.context,)]


def test_what_a_process_span_says() -> None:
    """Where the frame stands, what became of it and why its trace is there; no face, no cosine, nobody."""
    [span] = [span for span in _spans([record(b"anna blurred stranger", 4)]) if span.name == "process frames"]
    assert span.kind is Kind.CONSUMER
    assert span.attributes == {
        "messaging.system": "kafka",
        "messaging.operation.name": "process",
        "messaging.operation.type": "process",
        "messaging.destination.name": "frames",
        "messaging.destination.partition.id": "0",
        "messaging.kafka.offset": 4,
        "messaging.consumer.group.name": "beholden.test",
        "beholden.camera": "gate",
        "beholden.outcome": "alerted",
        "beholden.reason": "candidate",
        "beholden.kept": "alert",
        "beholden.frame.age_ms": 0.0,
        "beholden.faces": 2,
        "beholden.faces.gated": 1,
        "beholden.batch.frames": 1,
        "beholden.policy.number": 7,
        "beholden.policy.digest": "d" * 64,
    }


@pytest.mark.parametrize(
    ("frame", "names"),
    [
        (record(b"empty"), ["wait for turn", "decode", "detect", "gate and align", "decide"]),
        (record(b"none"), ["wait for turn"]),
        (record(b"x", key=None), ["wait for turn"]),
        (record(b"anna", timestamp_ms=1769850000000), ["wait for turn"]),
    ],
)
def test_a_frame_shows_only_the_stages_it_went_through(frame: Any, names: list[str]) -> None:
    """Without faces nothing is embedded or searched for; what is not looked at has waited."""
    spans = _spans([frame], rule=Rule(1.0, 500))
    found = [span.name for span in children(spans, _one(spans, "process frames"))]
    assert [name for name in found if name != "wait for batch"] == names


def test_a_dead_letter_is_an_error_and_an_alert_is_none() -> None:
    """Its reason is the kind of the error."""
    spans = _spans([record(b"none"), record(b"anna", 1)])
    assert [span.error for span in spans if span.name == "process frames"] == ["not_jpeg", None]


def test_a_clock_that_is_ahead_makes_no_negative_time() -> None:
    """A camera whose clock is a second ahead: its frame was captured when it was polled."""
    spans = _spans([record(b"anna", timestamp_ms=int(NOW.timestamp() * 1000) + 5_000)])
    waited = _one(spans, "wait in topic")
    assert waited.began_ns == waited.ended_ns
    assert all(span.began_ns <= span.ended_ns for span in spans)


def test_a_clock_before_1970_makes_no_time_that_cannot_be_sent() -> None:
    """A camera without a clock: its frame has waited since 1970, and a whole batch of spans is not lost for it."""
    long_ago = {"traceparent": str(CAMERA).encode(), "captured_at": b"1969-01-01T00:00:00Z"}
    spans = _spans([record(b"anna", headers=long_ago)])
    assert all(0 <= span.began_ns <= span.ended_ns for span in spans)
    assert _one(spans, "wait in topic").began_ns == 0


def test_everything_that_is_said_is_on_the_list() -> None:
    """Nothing is left out when a span leaves the process."""
    spans = _spans([record(b"anna", headers=HEADERS), record(b"none", 1)], asked=SHARDS)
    assert all(allowed(span.attributes) == dict(span.attributes) for span in spans)
    assert OF_SPANS - {key for span in spans for key in span.attributes} <= {"error.type"}


def test_a_search_that_failed_first_says_how_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its time includes all tries."""
    monkeypatch.setattr("cluster.searching.RETRY_SEARCH_S", 0.0)
    monkeypatch.setattr("cluster.searching.LONGEST_RETRY_SEARCH_S", 0.0)
    traced = Traced()
    lane(traced, index=FakeIndex(silent=2)).run([record(b"stranger")])
    search = _one(traced.spans(), "search")
    assert (search.attributes["beholden.search.failed"], search.attributes["beholden.search.rows"]) == (2, 1)
