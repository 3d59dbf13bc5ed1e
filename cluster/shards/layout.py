"""How the watchlist is divided: shards, replicas of each, and the way from one division to another."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

_NAME = re.compile(r"shard-(\d+)-of-(\d+)-r(\d+)")


@dataclass(frozen=True, slots=True, order=True)
class Replica:
    """One holder of one shard.

    Attributes:
        shard: 0-based.
        shards: Of how many; holders of different divisions may exist at once.
        number: 0-based, among those that hold the same.
    """

    shard: int
    shards: int
    number: int

    def __str__(self) -> str:
        """Its name, as an actor and as a folder."""
        return f"shard-{self.shard}-of-{self.shards}-r{self.number}"


def replica_named(name: str) -> Replica | None:
    """The replica of that name; None when the name is of something else."""
    found = _NAME.fullmatch(name)
    return Replica(*map(int, found.groups())) if found else None


@dataclass(frozen=True, slots=True)
class Layout:
    """A division of the watchlist.

    Attributes:
        shards: Parts of the list; each entry is in exactly one.
        replicas: Holders of each part; each search asks one.
    """

    shards: int
    replicas: int

    def of(self, shard: int) -> list[Replica]:
        """Everyone who holds that shard."""
        return [Replica(shard, self.shards, number) for number in range(self.replicas)]

    def all(self) -> list[Replica]:
        """Everyone, by shard."""
        return [replica for shard in range(self.shards) for replica in self.of(shard)]

    def is_covered_by(self, replicas: Collection[Replica]) -> bool:
        """Whether these hold every shard."""
        return all(any(replica in replicas for replica in self.of(shard)) for shard in range(self.shards))


def place_of(replica: Replica) -> int:
    """Which of any nodes it is put on, counted round: those of one shard on different ones, shards spread evenly."""
    return replica.shard + replica.number


@dataclass(frozen=True, slots=True)
class Seen:
    """What is there, as it was a moment ago.

    Attributes:
        replicas: Every holder there is, of any layout.
        ready: Those that answer searches.
        asks: The layout that each recogniser asks; None when it says nothing of itself.
    """

    replicas: Collection[Replica]
    ready: Collection[Replica]
    asks: Mapping[str, Layout | None]


@dataclass(frozen=True, slots=True)
class Steps:
    """What is to be done.

    Attributes:
        tell: Recognisers that are to ask the wanted layout from now on.
        end: Holders that nobody needs any more.
    """

    tell: list[str]
    end: list[Replica]


def next_steps(wanted: Layout, seen: Seen) -> Steps:
    """The way to `wanted`, one step at a time, none of which leaves a recogniser without a whole watchlist.

    A recogniser is told once the wanted layout has a holder of every shard that answers; until then it asks the one it
    knows. One that knows a layout that is gone, as after its own restart, is told at once: it has nothing to lose. What
    nobody asks is ended, but not while some recogniser says nothing: that one may be asking.
    """
    whole = wanted.is_covered_by(seen.ready)
    known = {name: layout for name, layout in seen.asks.items() if layout}
    others = [name for name, layout in known.items() if layout != wanted]
    tell = [name for name in others if whole or not known[name].is_covered_by(seen.replicas)]
    if len(known) < len(seen.asks):
        return Steps(tell, [])
    kept = {replica for layout in {wanted, *known.values()} for replica in layout.all()}
    return Steps(tell, sorted(set(seen.replicas) - kept))
