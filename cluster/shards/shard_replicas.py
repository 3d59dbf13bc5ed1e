"""One search over all shards, each asked at one of its replicas. How they are asked is passed in: it knows no Ray."""

import time
from collections.abc import Callable, Collection, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from cluster.shards.layout import Layout, Replica
from indexes.merge import merge
from operators.errors import IndexIncomplete
from operators.types import Float32, Hit

SEARCH_TIMEOUT_S = 5.0
# A search takes milliseconds, and tens of them behind others; a frozen process answers never.
HEDGE_S = 1.0
# One that failed comes first again after this, then after twice as long each time it fails anew: one that is frozen
# costs HEDGE_S each time it is tried.
AGAIN_S, AGAIN_MOST_S = 10.0, 160.0

Answer = list[list[Hit]]
Reply = TypeVar("Reply", bound=Hashable)


class Calls(Protocol[Reply]):
    """How replicas are asked."""

    def ask(self, replica: Replica, vectors: Float32, k: int, at_least: float) -> Reply:
        """Begin a search there; raise IndexIncomplete when there is nobody of that name."""
        ...

    def wait(self, replies: Sequence[Reply], enough: int, timeout_s: float) -> Collection[Reply]:
        """Those that have come, once there are `enough` or `timeout_s` is over."""
        ...

    def answer(self, reply: Reply) -> Answer:
        """What a reply says that has come; raise IndexIncomplete when it is no answer."""
        ...


@dataclass(frozen=True, slots=True)
class _Bad:
    until_s: float
    for_s: float


@dataclass(slots=True)
class _Part(Generic[Reply]):
    """One shard within one search."""

    shard: int
    ask: Callable[[Replica], Reply]
    left: list[Replica]
    asked: dict[Reply, Replica] = field(default_factory=dict)
    asked_s: float = 0.0
    why: dict[Replica, str] = field(default_factory=dict)
    answer: Answer | None = None


class ShardReplicas(Generic[Reply]):
    """Asks one replica of every shard and merges; there is no partial answer. Not thread-safe.

    The next replica is asked when one fails or has been silent for HEDGE_S; the first answer counts.

    Args:
        layout: Which replicas there are.
        calls: How they are asked.
        slot: Number of the asker: askers begin at different replicas.
        now_s: Gives the present, seconds.
    """

    def __init__(
        self, layout: Layout, calls: Calls[Reply], slot: int = 0, now_s: Callable[[], float] = time.monotonic
    ) -> None:
        self.layout = layout
        self._calls = calls
        self._slot = slot
        self._now_s = now_s
        self._bad: dict[Replica, _Bad] = {}

    def search(self, vectors: Float32, k: int, at_least: float) -> Answer:
        """See `ports.Index`."""

        def ask(replica: Replica) -> Reply:
            return self._calls.ask(replica, vectors, k, at_least)

        deadline_s = self._now_s() + SEARCH_TIMEOUT_S
        parts = [_Part(shard, ask, self._in_turn(shard)) for shard in range(self.layout.shards)]
        for part in parts:
            self._ask_next(part)
        while waiting := [part for part in parts if part.answer is None]:
            self._hear(waiting, deadline_s)
            self._hedge([part for part in waiting if part.answer is None], deadline_s)
        return merge([part.answer or [] for part in parts], k)

    def _in_turn(self, shard: int) -> list[Replica]:
        """The replicas of a shard in the order in which they are asked: this asker's own first, bad ones last."""
        now_s, replicas = self._now_s(), self.layout.of(shard)
        first = self._slot % len(replicas)
        untried = _Bad(0.0, 0.0)
        return sorted(
            replicas[first:] + replicas[:first],
            key=lambda replica: max(0.0, self._bad.get(replica, untried).until_s - now_s),
        )

    def _ask_next(self, part: _Part[Reply]) -> None:
        """Ask the next replica that is there; when none is left and none was asked, the search is over."""
        while part.left:
            replica = part.left.pop(0)
            try:
                reply = part.ask(replica)
            except IndexIncomplete as why:
                self._fail(part, replica, str(why))
            else:
                part.asked[reply], part.asked_s = replica, self._now_s()
                return
        if not part.asked:
            raise self._incomplete(part)

    def _hear(self, waiting: Sequence[_Part[Reply]], deadline_s: float) -> None:
        """Wait until each shard may have answered, or somebody else must be asked."""
        until_s = min([deadline_s, *(part.asked_s + HEDGE_S for part in waiting if part.left)])
        replies = [reply for part in waiting for reply in part.asked]
        come = self._calls.wait(replies, len(waiting), max(0.0, until_s - self._now_s()))
        for part in waiting:
            for reply in [reply for reply in part.asked if reply in come]:
                self._take(part, reply)
            if part.answer is None and not part.asked:
                self._ask_next(part)

    def _take(self, part: _Part[Reply], reply: Reply) -> None:
        replica = part.asked.pop(reply)
        try:
            answer = self._calls.answer(reply)
        except IndexIncomplete as why:
            self._fail(part, replica, str(why))
        else:
            part.answer = answer
            self._bad.pop(replica, None)

    def _hedge(self, silent: Sequence[_Part[Reply]], deadline_s: float) -> None:
        now_s = self._now_s()
        for part in silent:
            if now_s >= deadline_s or (part.left and now_s - part.asked_s >= HEDGE_S):
                for replica in part.asked.values():
                    self._fail(part, replica, "is silent")
                if now_s >= deadline_s:
                    raise self._incomplete(part)
                self._ask_next(part)

    def _fail(self, part: _Part[Reply], replica: Replica, why: str) -> None:
        """Remember why, and ask others first for a while."""
        part.why[replica] = why
        now_s, before = self._now_s(), self._bad.get(replica)
        if before is None or before.until_s <= now_s:
            for_s = min(2 * before.for_s, AGAIN_MOST_S) if before else AGAIN_S
            self._bad[replica] = _Bad(now_s + for_s, for_s)

    def _incomplete(self, part: _Part[Reply]) -> IndexIncomplete:
        why = "; ".join(f"{replica}: {text}" for replica, text in part.why.items())
        return IndexIncomplete(f"watchlist shard {part.shard} of {self.layout.shards} does not answer ({why})")
