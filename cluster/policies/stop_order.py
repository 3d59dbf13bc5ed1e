"""When an order to stop or to resume is followed: one person stops, two people resume."""

from collections.abc import Mapping
from datetime import datetime

from cluster.policies.release import CLOCK_SKEW
from cluster.policies.signatures import Person, Role, check_signatures
from cluster.wire.order import Action, Order, order_statement
from operators.errors import ReleaseReason, ReleaseRefused


def check_order(
    order: Order,
    people: Mapping[str, Person],
    now: datetime,
    stopped_by: Order | None,
    last: Order | None = None,
) -> None:
    """Check that an order may be followed.

    A cluster file without `people` has nobody who could sign, and takes orders from whoever can write to the topic. A
    stop is followed whatever the clock says, and also when there is one already: then it takes two to end the newer.

    Args:
        order: What is ordered.
        people: Whose signatures count: the cluster file's.
        now: UTC-aware.
        stopped_by: The stop in force, None when there is none.
        last: The order that was followed last, of either kind: an older one is not followed again.

    Raises:
        ReleaseRefused: With the first reason against it.
    """
    if order.action is Action.RESUME:
        _check_resume(order, now, stopped_by)
    elif last is not None and order.at <= last.at:
        raise ReleaseRefused(ReleaseReason.REPLAYED, "it is not newer than the last order; order it anew")
    if people:
        _check_people(order, people, now)


def signers_needed(order: Order, people: Mapping[str, Person]) -> int:
    """How many people have to sign it."""
    if not people:
        return 0
    return 1 if order.action is Action.STOP else 2


def _check_resume(order: Order, now: datetime, stopped_by: Order | None) -> None:
    if stopped_by is None:
        raise ReleaseRefused(ReleaseReason.NOT_STOPPED, "no stop is in force, there is nothing to resume")
    if order.ends != stopped_by.digest:
        detail = f"it ends another stop than that of {stopped_by.by}; order it anew: 'beholden resume'"
        raise ReleaseRefused(ReleaseReason.OTHER_STOP, detail)
    if order.at > now + CLOCK_SKEW:
        raise ReleaseRefused(ReleaseReason.CLOCK, f"ordered at {order.at}, and it is {now} here; set the clocks")


def _check_people(order: Order, people: Mapping[str, Person], now: datetime) -> None:
    role = Role(str(order.action))
    if not any(each.by == order.by for each in order.signatures):
        raise ReleaseRefused(ReleaseReason.UNSIGNED, f"{order.by}, who orders it, has not signed it")
    check_signatures(order.signatures, people, (role,), order_statement(order), now)
    if len(order.signatures) < signers_needed(order, people):
        detail = "it takes two people to resume: another one signs with 'beholden resume FILE --by NAME'"
        raise ReleaseRefused(ReleaseReason.NOT_APPROVED, detail)
