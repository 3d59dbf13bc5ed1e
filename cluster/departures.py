"""Recognisers on their way out of work: each finishes what it has in hand, leaves the group, and is ended for good."""

import logging
import time
from collections.abc import Iterable
from typing import Any

from cluster.actors import Silent, end, find_actor, hear
from cluster.kafka.groups import expel
from cluster.plan import Plan
from cluster.recogniser_status import LEAVE_S, Departure
from operators.errors import BrokerUnavailable

SPARE_S = 4.0  # beside `LEAVE_S`, for a recogniser that is still loading its models when it is told

log = logging.getLogger("beholden.supervisor")


class Departures:
    """Those that leave, and how those that have left did so. Not thread-safe.

    Args:
        plan: What they were made for.
    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._asked: dict[str, tuple[Any, Any, float]] = {}
        self._left: dict[str, Departure] = {}

    @property
    def under_way(self) -> set[str]:
        """Names of those that leave."""
        return set(self._asked)

    def of(self, name: str) -> Departure | None:
        """How one that has left did so; None when that is not known."""
        return self._left.get(name)

    def forget(self, names: Iterable[str]) -> None:
        """These are at work again."""
        for name in names:
            self._left.pop(name, None)

    def see_off(self, names: Iterable[str]) -> None:
        """Ask these to leave, and end those that have, or have been given long enough."""
        for name in names:
            if name not in self._asked and (actor := find_actor(name)) is not None:
                deadline = time.monotonic() + LEAVE_S + SPARE_S
                self._asked[name] = (actor, actor.close.remote(LEAVE_S), deadline)
        for name, (actor, reply, deadline) in list(self._asked.items()):
            said = hear(reply)
            if isinstance(said, Silent) and not said.is_gone and time.monotonic() < deadline:
                continue
            end([actor])
            del self._asked[name]
            self._note(name, said)

    def _note(self, name: str, said: Departure | Silent) -> None:
        """How it went; whoever has not left is taken out of the group, or it would keep its partitions for a while."""
        log.info("%s is out of work: %s", name, said)
        if isinstance(said, Departure):
            self._left[name] = said
        if not (isinstance(said, Departure) and said.has_left):
            take_out(self._plan, name)


def take_out(plan: Plan, name: str) -> None:
    """Have the group share a recogniser's partitions without it now, instead of when its session has run out."""
    try:
        expel(plan.settings.kafka, plan.group, name)
    except BrokerUnavailable as unavailable:
        log.warning("%s", unavailable)
