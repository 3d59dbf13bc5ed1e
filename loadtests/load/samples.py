"""What a run looks like at one moment."""

from collections.abc import Mapping
from dataclasses import dataclass

from loadtests.load.machine_watch import Usage
from loadtests.load.sending import Sent


@dataclass(frozen=True, slots=True)
class Sample:
    """One moment of a run.

    Attributes:
        at_s: Seconds after the begin.
        sent: How far sending has come.
        ended: Frames that recognisers have finished and committed, whatever became of them.
        right: Alerts so far by what they are worth.
        wrong: The same.
        repeated: The same.
        missed: Listed passages that were over for a while and have no alert.
        usage: Of the machine, since the sample before.
    """

    at_s: float
    sent: Sent
    ended: int
    right: int
    wrong: int
    repeated: int
    missed: int
    usage: Usage

    @property
    def lag(self) -> int:
        """Frames that Kafka has acknowledged and that wait or are in hand."""
        return max(0, self.sent.frames - self.ended)

    def as_json(self) -> Mapping[str, object]:
        """For machines."""
        gpu = self.usage.gpu
        return {
            "at_s": round(self.at_s, 3),
            "due": self.sent.due,
            "sent": self.sent.frames,
            "ended": self.ended,
            "lag": self.lag,
            "late_s": round(self.sent.late_s, 4),
            "right": self.right,
            "wrong": self.wrong,
            "repeated": self.repeated,
            "missed": self.missed,
            "cores": {group: round(cores, 3) for group, cores in self.usage.cores.items()},
            "memory_bytes": dict(self.usage.memory_bytes),
            "gpu": gpu.utilisation if gpu else None,
            "gpu_bytes": gpu.used_bytes if gpu else None,
        }
