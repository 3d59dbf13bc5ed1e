"""From the time stamps of one frame to the spans of its trace.

    send frames (the camera's), or follow frame
        wait in topic
        process frames
            wait for turn, decode, detect, gate and align, embed
            search
                ask shard, once for each shard; its own span in its own process
            decide, seal evidence
            send alerts, once for each
        commit frames

What nobody did anything for a frame in is a span, too: `wait for batch`. So the times of the leaves add up.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from cluster.account import Outcome
from cluster.stages import Stage
from cluster.telemetry import names
from cluster.telemetry.context import TraceContext, new_trace
from cluster.telemetry.names import Value
from cluster.telemetry.spans import Kind, Span
from cluster.telemetry.stamps import NOT_YET, Asked, Entry
from cluster.telemetry.unix_time import unix_ns
from operators.vision import Stretch

# Between two stages of a frame there are some calls of Python. What is shorter is counted to the stage that follows.
SHORTEST_WAIT_NS = 500_000
_BATCH = "batch"


@dataclass(frozen=True, slots=True)
class Place:
    """What all traces of one process have in common.

    Attributes:
        group: Its consumer group.
        alerts: Name of the topic of alerts.
    """

    group: str
    alerts: str


@dataclass(frozen=True, slots=True)
class Told:
    """What the holder of an index shard is to tell of itself: a search it has done, as a part of this span."""

    holder: str
    number: int
    context: TraceContext


class FrameTrace:
    """The trace of one frame.

    Args:
        entry: What is known of the frame, kept.
        place: What is known of this process.
        to_unix_ns: What is to be added to a time stamp to have Unix nanoseconds.
    """

    def __init__(self, entry: Entry, place: Place, to_unix_ns: int) -> None:
        self._entry = entry
        self._place = place
        self._to_unix_ns = to_unix_ns
        sender = entry.sender or new_trace(1.0)
        self._sender = replace(sender, sampled=True)
        self._process = entry.process or self._sender.child()
        self.told: list[Told] = []

    def spans(self) -> list[Span]:
        """All that this process has to tell, parents first."""
        entry = self._entry
        polled_ns, written_ns = entry.poll.took[1], entry.written_ns or entry.ended_ns
        begin_ns = self._captured_ns(polled_ns)
        spans = [] if entry.poll.context else [self._batch()]
        if not entry.has_sender:
            spans.append(self._root(begin_ns, max(written_ns, entry.commit[1])))
        spans.append(self._leaf(names.IN_TOPIC, Stage.TOPIC, (begin_ns, polled_ns), self._sender))
        spans.append(self._whole((polled_ns, written_ns)))
        spans += self._stages(polled_ns)
        spans += self._sent()
        if entry.commit != NOT_YET:
            spans.append(self._commit())
        return spans

    def _batch(self) -> Span:
        """The poll that the frame came with: a trace of its own, told of by the first of its frames."""
        poll, ref = self._entry.poll, self._entry.ref
        poll.context = new_trace(1.0)
        attributes = names.kafka(names.RECEIVE, names.RECEIVE, ref.topic) | {names.BATCH_MESSAGES: poll.frames}
        name = names.of_topic(names.RECEIVE, ref.topic)
        return self._span(name, Kind.CLIENT, poll.context, None, poll.took, attributes, (self._sender,))

    def _captured_ns(self, polled_ns: int) -> int:
        """When the frame was captured, as a time stamp; a camera's clock may be ahead."""
        captured_at = self._entry.captured_at
        if captured_at is None:
            return polled_ns
        return min(unix_ns(captured_at) - self._to_unix_ns, polled_ns)

    def _root(self, begin_ns: int, end_ns: int) -> Span:
        attributes = {names.CAMERA: self._entry.camera} if self._entry.camera else {}
        return self._span(names.FOLLOW, Kind.INTERNAL, self._sender, None, (begin_ns, end_ns), attributes)

    def _whole(self, took: Stretch) -> Span:
        entry, place = self._entry, self._place
        attributes = names.kafka(names.PROCESS, names.PROCESS, entry.ref.topic) | {
            names.PARTITION: str(entry.ref.partition),
            names.OFFSET: entry.ref.offset,
            names.GROUP: place.group,
            names.CAMERA: entry.camera,
            names.OUTCOME: str(entry.outcome),
            names.REASON: entry.reason,
            names.KEPT: str(entry.kept),
            names.AGE_MS: entry.age_ms,
            names.FACES: entry.compared,
            names.GATED: entry.gated,
            names.BATCH: entry.batch.frames if entry.batch else 0,
            names.POLICY: entry.policy[0],
            names.POLICY_DIGEST: entry.policy[1],
        }
        links = (entry.poll.context,) if entry.poll.context else ()
        error = entry.reason if entry.outcome is Outcome.DEAD_LETTERED else None
        name = names.of_topic(names.PROCESS, entry.ref.topic)
        return self._span(name, Kind.CONSUMER, self._process, self._sender, took, attributes, links, error)

    def _stages(self, polled_ns: int) -> Iterator[Span]:
        """One after the other from the poll on, with what was waited for between them."""
        entry, at_ns = self._entry, polled_ns
        for name, stage, (began_ns, ended_ns) in self._gone_through():
            if stage is Stage.TURN or began_ns - at_ns < SHORTEST_WAIT_NS:
                began_ns = at_ns
            else:
                yield self._leaf(names.FOR_BATCH, _BATCH, (at_ns, began_ns))
            at_ns = max(began_ns, ended_ns)
            span = self._leaf(name, stage, (began_ns, at_ns))
            if stage is Stage.SEARCH and entry.batch:
                yield self._searched(span)
                yield from (self._ask(asked, span.context) for asked in entry.batch.asked)
            else:
                yield span
        last_ns = entry.alerts[0].began_ns if entry.alerts else entry.ended_ns
        if last_ns - at_ns >= SHORTEST_WAIT_NS:
            yield self._leaf(names.FOR_BATCH, _BATCH, (at_ns, last_ns))

    def _gone_through(self) -> Iterator[tuple[str, Stage, Stretch]]:
        entry = self._entry
        polled_ns = entry.poll.took[1]
        if entry.batch is None:
            yield names.FOR_TURN, Stage.TURN, (polled_ns, entry.ended_ns)
            return
        times = entry.times
        faces = entry.compared > 0
        stages = (
            (names.FOR_TURN, Stage.TURN, (polled_ns, entry.batch.turn_ns)),
            (names.DECODE, Stage.DECODE, times.decode),
            (names.DETECT, Stage.DETECT, times.detect),
            (names.GATE, Stage.GATE, times.gate),
            (names.EMBED, Stage.EMBED, times.embed if faces else NOT_YET),
            (names.SEARCH, Stage.SEARCH, entry.batch.search if faces else NOT_YET),
            (names.DECIDE, Stage.DECIDE, entry.decide),
            (names.EVIDENCE, Stage.EVIDENCE, entry.evidence),
        )
        yield from (each for each in stages if each[2] != NOT_YET)

    def _searched(self, span: Span) -> Span:
        batch = self._entry.batch
        assert batch  # noqa: S101 - it was searched for
        attributes = {names.ROWS: batch.rows, names.FAILED: batch.failed, names.BATCH: batch.frames}
        return replace(span, attributes={**span.attributes, **attributes})

    def _ask(self, asked: Asked, search: TraceContext) -> Span:
        context = search.child()
        if asked.error is None:
            self.told.append(Told(asked.holder, asked.number, context))
        attributes: dict[str, Value] = {names.REPLICA: asked.holder, names.SHARD: asked.shard}
        if asked.own_ns is not None:
            attributes[names.OWN_MS] = asked.own_ns / 1e6
        return self._span(names.ASK_SHARD, Kind.CLIENT, context, search, asked.took, attributes, error=asked.error)

    def _sent(self) -> Iterator[Span]:
        """Alerts, from the moment they are handed over until they are acknowledged."""
        entry, topic = self._entry, self._place.alerts
        for alert in entry.alerts:
            attributes = names.kafka(names.SEND, names.SEND, topic) | {
                names.MESSAGE_ID: alert.alert_id,
                names.STAGE: str(Stage.PUBLISH),
            }
            took = (alert.began_ns, entry.written_ns or entry.ended_ns)
            name = names.of_topic(names.SEND, topic)
            yield self._span(name, Kind.PRODUCER, alert.context, self._process, took, attributes)

    def _commit(self) -> Span:
        topic = self._entry.ref.topic
        attributes = names.kafka(names.COMMIT, "settle", topic) | {names.GROUP: self._place.group}
        name = names.of_topic(names.COMMIT, topic)
        return self._span(name, Kind.CLIENT, self._sender.child(), self._sender, self._entry.commit, attributes)

    def _leaf(self, name: str, stage: str, took: Stretch, parent: TraceContext | None = None) -> Span:
        parent = parent or self._process
        return self._span(name, Kind.INTERNAL, parent.child(), parent, took, {names.STAGE: str(stage)})

    def _span(
        self,
        name: str,
        kind: Kind,
        context: TraceContext,
        parent: TraceContext | None,
        took: Stretch,
        attributes: Mapping[str, Value],
        links: tuple[TraceContext, ...] = (),
        error: str | None = None,
    ) -> Span:
        began_ns, ended_ns = (at_ns + self._to_unix_ns for at_ns in took)
        parent_id = parent.span_id if parent else None
        return Span(name, kind, context, parent_id, began_ns, ended_ns, attributes, links, error)
