"""How many recognisers there are: by the work that waits, within bounds, and never to and fro."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from cluster.settings import Recognisers

BEHIND_S = 2.0  # of work that waits for each recogniser: more than the frames of a rebalance or a slow batch
BUSY = 0.9  # a policy that sheds keeps little waiting however much comes; then it is this that tells
CALM_BUSY = 0.6  # of those that would remain: far enough below BUSY that they are not called back for the same work
COOL_DOWN_S = 20.0  # twice what loads are measured over: what is seen after a change is its effect


@dataclass(frozen=True, slots=True)
class Load:
    """What one recogniser has to do.

    Attributes:
        behind_s: Seconds it needs for the frames that wait for it, in Kafka and in its hands.
        busy: Part of its time that it works, 0 to 1; the rest it waits for frames.
    """

    behind_s: float
    busy: float


@dataclass(frozen=True, slots=True)
class Scale:
    """How many recognisers there are beside the least, and since when that has not been right.

    Attributes:
        extra: How many.
        behind_since_s: Since when there have been too few; None when there are enough.
        calm_since_s: Since when one less would do; None when it would not.
        changed_at_s: When their number last changed; None when it has not.
    """

    extra: int = 0
    behind_since_s: float | None = None
    calm_since_s: float | None = None
    changed_at_s: float | None = None


def next_scale(before: Scale, loads: Sequence[Load | None], most: int, lanes: Recognisers, now_s: float) -> Scale:
    """How many there are to be from now on: one more, one less, or as many.

    One more when, for `more_after_s`, all watch and either more waits than they do in 2 s or they hardly rest. One less
    when, for `fewer_after_s`, nothing much waits and the others would have rest enough. After each change there is none
    for a while.

    Args:
        before: How it is.
        loads: Of each recogniser that is wanted, those beside the least last; None of one that does not watch.
        most: Most that there may be beside the least.
        lanes: How long either must be so.
        now_s: Seconds of a clock that only goes on.
    """
    extra = min(before.extra, most)
    known = [load for load in loads if load]
    behind = extra < most and len(known) == len(loads) > 0 and _is_behind(known)
    calm = extra > 0 and None not in loads[: len(loads) - extra] and _would_do(known, len(loads) - 1)
    now = Scale(
        extra,
        _since(before.behind_since_s, behind, now_s),
        _since(before.calm_since_s, calm, now_s),
        before.changed_at_s,
    )
    if now.changed_at_s is not None and now_s - now.changed_at_s < COOL_DOWN_S:
        return now
    if now.behind_since_s is not None and now_s - now.behind_since_s >= lanes.more_after_s:
        return Scale(extra + 1, changed_at_s=now_s)
    if now.calm_since_s is not None and now_s - now.calm_since_s >= lanes.fewer_after_s:
        return Scale(extra - 1, changed_at_s=now_s)
    return now


def _since(since_s: float | None, holds: bool, now_s: float) -> float | None:
    if not holds:
        return None
    return now_s if since_s is None else since_s


def _is_behind(loads: Sequence[Load]) -> bool:
    waiting_s = sum(load.behind_s for load in loads)
    return waiting_s >= BEHIND_S * len(loads) or sum(load.busy for load in loads) >= BUSY * len(loads)


def _would_do(loads: Sequence[Load], others: int) -> bool:
    """Whether so many would do for what these do."""
    waiting_s = sum(load.behind_s for load in loads)
    return waiting_s < BEHIND_S / 2 and sum(load.busy for load in loads) <= CALM_BUSY * others and others > 0


def slots(lanes: Recognisers, extra: int, drained: Collection[int]) -> list[int]:
    """Numbers of the recognisers that are wanted: the least there are to be, then `extra` more; none that is drained.

    One of the least that is drained is not made up for: whoever drains it wants it so, and the load tells if not.
    """
    least = [slot for slot in range(lanes.count) if slot not in drained]
    return least + spare_slots(lanes, drained)[:extra]


def spare_slots(lanes: Recognisers, drained: Collection[int]) -> list[int]:
    """Numbers that recognisers beside the least can have."""
    return [slot for slot in range(lanes.count, _most(lanes)) if slot not in drained]


def standby_slots(lanes: Recognisers, drained: Collection[int]) -> list[int]:
    """Numbers of those that stand by for all of these; none that is drained."""
    return [slot for slot in range(_most(lanes), _most(lanes) + lanes.standby) if slot not in drained]


def _most(lanes: Recognisers) -> int:
    return lanes.most or lanes.count
