"""The traces of a recogniser: from its journal to the collector, and to the shards that it has asked."""

import time
from collections import defaultdict
from collections.abc import Callable, Sequence

from cluster.kafka.topics import ALERTS
from cluster.plan import Plan
from cluster.telemetry.context import TraceContext
from cluster.telemetry.frame_trace import FrameTrace, Place
from cluster.telemetry.journal import Journal, Rule
from cluster.telemetry.span_sink import CLOSE_S, SpanSink, open_sink
from cluster.telemetry.stamps import Asked, Entry

Tell = Callable[[str, Sequence[tuple[int, TraceContext]]], None]


class FrameTracing:
    """Makes the traces of one recogniser.

    Args:
        sink: Where spans go.
        rule: Which traces are kept.
        place: What all of them have in common.
        asked: Gives whom searches have asked since it was called last.
        tell: Tells the holder of a shard, by name, which of its searches are parts of which spans.
    """

    def __init__(
        self, sink: SpanSink, rule: Rule, place: Place, asked: Callable[[], Sequence[Asked]], tell: Tell
    ) -> None:
        self._sink = sink
        self._rule = rule
        self._place = place
        self._asked = asked
        self._tell = tell

    @property
    def dropped(self) -> int:
        """Spans that were not sent."""
        return self._sink.dropped

    def journal(self) -> Journal:
        """A journal for a dataflow that begins anew."""
        return Journal(self._rule, self._keep, self._asked)

    def close(self) -> None:
        """There are no more frames."""
        self._sink.close(CLOSE_S)

    def _keep(self, entry: Entry) -> None:
        trace = FrameTrace(entry, self._place, time.time_ns() - time.perf_counter_ns())
        self._sink.send(trace.spans())
        by_holder = defaultdict(list)
        for told in trace.told:
            by_holder[told.holder].append((told.number, told.context))
        for holder, searches in by_holder.items():
            self._tell(holder, searches)


def open_frame_tracing(
    plan: Plan,
    member: str,
    asked: Callable[[], Sequence[Asked]] = tuple,
    tell: Tell = lambda *_: None,
) -> FrameTracing | None:
    """What makes the traces of a recogniser; None when the cluster file names no collector. See `FrameTracing`."""
    settings = plan.settings
    sink = open_sink(settings, "recogniser", member)
    if sink is None:
        return None
    rule = Rule(settings.telemetry.traces.share, settings.telemetry.objective_ms)
    place = Place(plan.group, settings.kafka.topic_prefix + ALERTS)
    return FrameTracing(sink, rule, place, asked, tell)
