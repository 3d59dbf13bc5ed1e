"""One rate, tried once: whether the verdict holds, whether the cluster kept up, and what it used."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from loadtests.load.accounts import Stages
from loadtests.load.bracket import Outcome
from loadtests.load.machine_watch import OTHERS
from loadtests.load.result import Result
from loadtests.load.samples import Sample
from loadtests.load.saturation import Saturation, saturation
from loadtests.quiet import LIMIT_CORES

GROWS = 0.05  # of the frames that come: what waits grows by more only when too many come, or for a moment
_THIRDS = 3


@dataclass(frozen=True, slots=True)
class Trial:
    """What one rate came to.

    Attributes:
        fps: Frames a second of all cameras that were asked for.
        outcome: What it came to.
        why: In a sentence.
        ended_fps: Frames a second that reached their end.
        grows_fps: Frames a second by which more waited; below 0: fewer.
        p50_ms: From capture to alert; None: there was no alert.
        p99_ms: The same.
        alerts: Right ones: what percentiles are of.
        shed_share: Of the frames sent.
        frames: Sent.
        mean_bytes: Of a frame.
        cores: By group.
        stages: By name, times and seconds.
        busy_s: Seconds in which recognisers did not wait for frames.
        saturation: What was used, and what was used up.
    """

    fps: float
    outcome: Outcome
    why: str
    ended_fps: float
    grows_fps: float
    p50_ms: float | None
    p99_ms: float | None
    alerts: int
    shed_share: float
    frames: int
    mean_bytes: float
    cores: Mapping[str, float]
    stages: Stages
    busy_s: float
    saturation: Saturation

    @property
    def is_disturbed(self) -> bool:
        """Whether other programs took so much that the rate would have been another without them."""
        return self.cores.get(OTHERS, 0.0) > LIMIT_CORES

    def disturbed(self, may_be: bool) -> "Trial":
        """The same as one that does not count, if it failed while other programs worked and `may_be`."""
        is_so = may_be and self.outcome is not Outcome.HOLDS and self.is_disturbed
        return replace(self, outcome=Outcome.DISTURBED, why=f"other programs worked: {self.why}") if is_so else self

    def as_json(self) -> dict[str, Any]:
        """For machines."""
        return asdict(self)


def trial_of(fps: float, result: Result, link_mbps: float | None) -> Trial:
    """What a run says of a rate.

    Args:
        fps: What was asked for.
        result: What came of it.
        link_mbps: See `saturation`.
    """
    grows_fps = growth_fps(result.samples, result.scenario.seconds)
    outcome, why = _outcome(result, grows_fps, fps)
    found = result.found
    return Trial(
        fps=fps,
        outcome=outcome,
        why=why,
        ended_fps=result.throughput_fps,
        grows_fps=grows_fps,
        p50_ms=found.p50_ms,
        p99_ms=found.p99_ms,
        alerts=len(result.right),
        shed_share=result.shed_share,
        frames=result.sent.frames,
        mean_bytes=result.sent.bytes / max(1, result.sent.frames),
        cores=result.cores,
        stages=result.stages,
        busy_s=result.busy_s,
        saturation=saturation(result, link_mbps),
    )


def growth_fps(samples: Sequence[Sample], seconds: float) -> float:
    """Frames a second by which more wait in the last third of a run than in the third before.

    Frames count as waiting until they are committed, once a second: the mean over a third does not see that.
    """
    inside = [each for each in samples if 0 < each.at_s <= seconds]
    third = len(inside) // _THIRDS
    if not third:
        return 0.0
    middle, last = inside[-2 * third : -third], inside[-third:]
    apart_s = _mean([each.at_s for each in last]) - _mean([each.at_s for each in middle])
    return (_mean([each.lag for each in last]) - _mean([each.lag for each in middle])) / apart_s


def _outcome(result: Result, grows_fps: float, fps: float) -> tuple[Outcome, str]:
    if result.sent.limit:
        return Outcome.SENDER, result.sent.limit
    if broken := result.verdict.broken:
        return Outcome.FAILS, "; ".join(f"{each.name} {each.found}, asked {each.asked}" for each in broken)
    if grows_fps > GROWS * fps:
        return Outcome.FAILS, f"it does not keep up: {grows_fps:.1f} frames more wait with each second"
    return Outcome.HOLDS, "all is as it was asked"


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
