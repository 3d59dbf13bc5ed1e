"""All that the supervisor knows at one moment, of which samples are made."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from cluster.ledger.checkpoint_keeper import Sealing
from cluster.recogniser_status import RecogniserStatus
from cluster.status import Member, PolicyShown
from cluster.telemetry.kept import Kept


@dataclass(frozen=True, slots=True)
class Heard:
    """What is known.

    Attributes:
        deployment: Whose cluster.
        at_s: When the members were heard, Unix time.
        objective_s: The latency objective.
        members: Every actor.
        nodes: The machine of each, of those that have ever said so.
        ended: How often each was found in another process.
        wanted: Recognisers that are wanted.
        policy: What stands; None while that is not known.
        sealing: How far the ledger is sealed.
        kept: How old the records of each topic are, may become and can become.
        pushes: Pushes to a collector, by outcome.
    """

    deployment: str
    at_s: float
    objective_s: float
    members: Sequence[Member]
    nodes: Mapping[str, str] = field(default_factory=dict)
    ended: Mapping[str, int] = field(default_factory=dict)
    wanted: int = 0
    policy: PolicyShown | None = None
    sealing: Sealing = field(default_factory=Sealing)
    kept: Sequence[Kept] = ()
    pushes: Mapping[str, int] = field(default_factory=dict)


class Processes:
    """Remembers where each member was last found, and how often in another process than before."""

    def __init__(self) -> None:
        self._pids: dict[str, int] = {}
        self.nodes: dict[str, str] = {}
        self.ended: dict[str, int] = {}

    def note(self, members: Iterable[Member]) -> None:
        """Members have been heard; those that are no longer there are forgotten."""
        there = {member.name: member.status for member in members}
        for known in (self._pids, self.nodes, self.ended):
            for name in set(known).difference(there):
                known.pop(name)
        for name, status in there.items():
            before = self._pids.get(name)
            self.ended[name] = self.ended.get(name, 0) + (status is not None and before not in (None, status.pid))
            if status is not None:
                self._pids[name] = status.pid
                process = status.process
                self.nodes[name] = (
                    status.node if isinstance(status, RecogniserStatus) else process.node if process else ""
                )
