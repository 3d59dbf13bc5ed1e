"""A trace as it is shown: spans in their order as a tree, on one line of time, and where the time went."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cluster.stages import Stage
from cluster.telemetry import names
from cluster.telemetry.span_store import StoredSpan

MISSING = "sent by its camera"


@dataclass(frozen=True, slots=True)
class Row:
    """One line.

    Attributes:
        span: What is shown.
        depth: 0 for the first of a trace.
        begin_ms: After the trace's begin.
        length_ms: How long it took.
        is_missing: Whether the span itself was not received, and only its children tell of it.
    """

    span: StoredSpan
    depth: int
    begin_ms: float
    length_ms: float
    is_missing: bool = False

    @property
    def process(self) -> str:
        """Which process did it."""
        process = self.span.process
        return str(process.get(names.INSTANCE) or process.get(names.SERVICE) or "")

    @property
    def stage(self) -> str:
        """Which stage it is; empty when it is a whole of several."""
        return str(self.span.attributes.get(names.STAGE, ""))


@dataclass(frozen=True, slots=True)
class Waterfall:
    """A whole trace.

    Attributes:
        trace_id: 32 hexadecimal digits.
        rows: Parents before their children.
        shown_ms: What lies later than this after the begin is of no importance to how long the frame took.
        to_alert_ms: From capture to the alert's sending; None when there was no alert.
        stages: What the time until then was spent on, in the order in which it was.
        said: What the trace says of the frame: camera, outcome, reason and so on, by attribute.
        alerts: Ids of its alerts.
        began_ns: Unix nanoseconds.
    """

    trace_id: str
    rows: Sequence[Row]
    shown_ms: float
    to_alert_ms: float | None
    stages: Sequence[tuple[str, float]]
    said: Mapping[str, object]
    alerts: Sequence[str]
    began_ns: int

    @property
    def processes(self) -> list[str]:
        """Who took part."""
        return list(dict.fromkeys(row.process for row in self.rows if row.process))

    @property
    def camera(self) -> str:
        """Whose frame it was; empty when nothing says so."""
        return str(self.said.get(names.CAMERA, ""))

    @property
    def errors(self) -> list[Row]:
        """What failed."""
        return [row for row in self.rows if row.span.error]


def waterfall(spans: Sequence[StoredSpan]) -> Waterfall:
    """The trace that these spans are all of; there must be one at least."""
    began_ns = min(span.began_ns for span in spans)
    rows = _rows(spans, began_ns)
    of_frames = [span for span in spans if names.OUTCOME in span.attributes]
    sent = [span for span in spans if span.attributes.get(names.STAGE) == Stage.PUBLISH]
    alerted_ns = min((span.began_ns for span in sent), default=None)
    last_ns = max(span.ended_ns for span in (*of_frames, *sent)) if of_frames or sent else 0
    return Waterfall(
        trace_id=spans[0].trace_id,
        rows=rows,
        shown_ms=((last_ns or max(span.ended_ns for span in spans)) - began_ns) / 1e6,
        to_alert_ms=None if alerted_ns is None else (alerted_ns - began_ns) / 1e6,
        stages=_stages(spans),
        said={key: value for span in of_frames[:1] for key, value in span.attributes.items()},
        alerts=[str(span.attributes[names.MESSAGE_ID]) for span in sent if names.MESSAGE_ID in span.attributes],
        began_ns=began_ns,
    )


def _rows(spans: Sequence[StoredSpan], began_ns: int) -> list[Row]:
    """Parents before children, siblings by when they began; who lacks a parent is below a row for what is missing.

    Spans that are each other's parents are shown as well, from the first of them on.
    """
    known, ordered = {span.span_id for span in spans}, sorted(spans, key=_in_time)
    below: dict[str | None, list[StoredSpan]] = defaultdict(list)
    for span in ordered:
        below[span.parent_id].append(span)
    missing = [_missing(parent_id, below[parent_id]) for parent_id in below if parent_id and parent_id not in known]
    rows: dict[str, Row] = {}
    for first in (*sorted([*below[None], *missing], key=_in_time), *ordered):
        ahead = [(first, 0)]
        while ahead:
            span, depth = ahead.pop()
            if span.span_id in rows:
                continue
            begin_ms, length_ms = (span.began_ns - began_ns) / 1e6, (span.ended_ns - span.began_ns) / 1e6
            rows[span.span_id] = Row(span, depth, begin_ms, length_ms, span.span_id not in known)
            ahead += [(child, depth + 1) for child in reversed(below[span.span_id])]
    return list(rows.values())


def _in_time(span: StoredSpan) -> tuple[int, int]:
    return span.began_ns, -span.ended_ns


def _missing(span_id: str, children: Sequence[StoredSpan]) -> StoredSpan:
    first, last_ns = children[0], max(span.ended_ns for span in children)
    return StoredSpan(first.trace_id, span_id, None, MISSING, "producer", first.began_ns, last_ns)


def _stages(spans: Sequence[StoredSpan]) -> list[tuple[str, float]]:
    lengths_ms: dict[str, float] = {}
    for span in sorted(spans, key=lambda span: span.began_ns):
        stage = span.attributes.get(names.STAGE)
        if stage and stage != Stage.PUBLISH:
            lengths_ms[span.name] = lengths_ms.get(span.name, 0.0) + (span.ended_ns - span.began_ns) / 1e6
    return list(lengths_ms.items())
