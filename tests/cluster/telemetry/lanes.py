"""A lane whose frames are traced, on clocks that a test moves."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from cluster.telemetry.frame_trace import FrameTrace, Place, Told
from cluster.telemetry.journal import Journal, Rule
from cluster.telemetry.spans import Span
from cluster.telemetry.stamps import Asked, Entry
from operators.errors import FrameRefused
from operators.vision import Seen, Times
from tests.builders import FakeVision, Lane

PLACE = Place("beholden.test", "alerts")


@dataclass(slots=True)
class Tick:
    """A clock that moves by a millisecond each time it is looked at."""

    ns: int = 10**9

    def __call__(self) -> int:
        """The next millisecond."""
        self.ns += 1_000_000
        return self.ns


@dataclass(slots=True)
class Traced:
    """Journals that write into one list."""

    rule: Rule | None = field(default_factory=lambda: Rule(share=0.0, objective_ms=500))
    asked: Sequence[Asked] = ()
    kept: list[Entry] = field(default_factory=list)
    told: list[Told] = field(default_factory=list)
    clock: Tick = field(default_factory=Tick)

    def journal(self) -> Journal:
        """One that begins anew."""
        return Journal(self.rule, self.kept.extend, lambda: self.asked, self.clock)

    def spans(self, to_unix_ns: int = 0) -> list[Span]:
        """Of everything that was kept."""
        found = []
        for entry in self.kept:
            trace = FrameTrace(entry, PLACE, to_unix_ns)
            found += trace.spans()
            self.told += trace.told
        return found


def children(spans: Sequence[Span], of: Span) -> list[Span]:
    """Parts of a span, in the order in which they began."""
    return sorted((span for span in spans if span.parent == of.context.span_id), key=lambda span: span.began_ns)


def leaves(spans: Sequence[Span], of: Span) -> list[Span]:
    """Parts of a span that have no parts themselves."""
    below = children(spans, of)
    return [leaf for child in below for leaf in leaves(spans, child)] if below else [of]


@dataclass(slots=True)
class TimedVision(FakeVision):
    """Takes a tick for each stage of each frame, and one for all that is embedded."""

    clock: Tick

    def see(self, jpegs: Sequence[bytes]) -> list[Seen | FrameRefused]:
        """See `FakeVision`."""
        found = FakeVision.see(self, jpegs)
        times = [Times(*((self.clock(), self.clock()) for _ in range(3))) for _ in found]
        embed = (self.clock(), self.clock())
        pairs = zip(found, times, strict=True)
        return [
            one if isinstance(one, FrameRefused) else replace(one, times=replace(at, embed=embed)) for one, at in pairs
        ]


def lane(traced: Traced, **changes: Any) -> Lane:
    """A lane that writes its journal into `traced`."""
    return Lane(**{"journal": traced.journal(), "vision": TimedVision(traced.clock), **changes})
