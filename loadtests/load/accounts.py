"""Where the frames of a run went, as recognisers, Kafka and the ledger tell it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cluster.account import Outcome
from operators.errors import DeploymentFailed

Stages = Mapping[str, tuple[int, float]]
"""By stage: how often it was gone through, and seconds of all together."""


@dataclass(frozen=True, slots=True)
class Told:
    """What all recognisers together say of themselves since they began.

    Attributes:
        frames: Frames by outcome and reason.
        stages: What stages took.
        processes: Who has told.
        busy_s: Seconds in which they did not wait for frames.
    """

    frames: Counter[tuple[str, str]]
    stages: Stages
    processes: frozenset[int]
    busy_s: float = 0.0

    def since(self, before: "Told") -> "Told":
        """What has come about since an earlier moment; of processes that ended meanwhile nothing is known."""
        none = (0, 0.0)
        stages = {
            name: (times - before.stages.get(name, none)[0], seconds - before.stages.get(name, none)[1])
            for name, (times, seconds) in self.stages.items()
        }
        gone = {name: each for name, each in stages.items() if each[0] > 0}
        return Told(self.frames - before.frames, gone, self.processes, max(0.0, self.busy_s - before.busy_s))


def told(lanes: Sequence[Mapping[str, Any]]) -> Told:
    """The sum of what recognisers say, each as `beholden status --json` prints it."""
    frames, times, seconds = Counter[tuple[str, str]](), Counter[str](), Counter[str]()
    for lane in lanes:
        for outcome in Outcome:
            frames.update({(str(outcome), reason): count for reason, count in lane["account"][outcome].items()})
        for stage, took in lane["measured"]["stages"].items():
            times[stage] += sum(took["counts"])
            seconds[stage] += took["total_s"]
    stages = {stage: (times[stage], float(seconds[stage])) for stage in times}
    busy_s = sum(lane["work"]["busy_s"] for lane in lanes if lane["work"])
    return Told(frames, stages, frozenset(int(lane["pid"]) for lane in lanes), busy_s)


def told_by_all(lanes: Sequence[Mapping[str, Any]], recognisers: int) -> Told:
    """See `told`.

    Raises:
        DeploymentFailed: One of so many recognisers says nothing.
    """
    if len(lanes) < recognisers:
        raise DeploymentFailed(f"{len(lanes)} of {recognisers} recognisers say what they have done; run it again")
    return told(lanes)


@dataclass(frozen=True, slots=True)
class Ledger:
    """The frames of a run: sent = alerted + no match + shed + dead-lettered + lost.

    Attributes:
        sent: Acknowledged by Kafka.
        ended: By outcome and reason, as recognisers say.
        committed: Frames that the group of recognisers has finished, as Kafka says.
        is_whole: Whether every recogniser that began is there at the end; else what the others counted is not known.
    """

    sent: int
    ended: Mapping[tuple[str, str], int]
    committed: int
    is_whole: bool

    @property
    def twice(self) -> int:
        """Frames processed a second time, as far as counts show: they may stand for others that vanished."""
        return max(0, sum(self.ended.values()) - self.committed)

    @property
    def lost(self) -> int | None:
        """Frames that nobody accounts for; where a recogniser has taken its counts with it, those not finished.

        None: not known, since frames were processed twice.
        """
        unfinished = max(0, self.sent - self.committed)
        if not self.is_whole:
            return unfinished
        return None if self.twice else max(unfinished, self.sent - sum(self.ended.values()))

    def count(self, outcome: Outcome) -> int:
        """Frames of one outcome."""
        return sum(self.of(outcome).values())

    def of(self, outcome: Outcome) -> dict[str, int]:
        """Frames of one outcome by reason."""
        return {reason: count for (name, reason), count in sorted(self.ended.items()) if name == outcome}
