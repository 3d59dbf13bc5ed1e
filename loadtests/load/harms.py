"""Faults on request: a thread breaks what a scenario asks to be broken, when it asks for it."""

import random
from collections.abc import Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Event

from cluster.plan import Plan
from loadtests.faults import FAULTS, Target
from loadtests.load.scenario import Disturbance
from loadtests.temporary import Temporary

ASK_S = 5.0  # before a fault, for who is there: asking takes seconds, and a fault before may have changed it
LONGEST_S = 180.0


@dataclass(frozen=True, slots=True)
class Harm:
    """A fault that was made.

    Attributes:
        fault: Which.
        at_s: When it began, seconds after the begin.
        healed_s: From when on the cluster had to become whole by itself.
    """

    fault: str
    at_s: float
    healed_s: float


class Harms:
    """Makes faults while frames come.

    Args:
        run: Where the cluster runs.
        plan: What it runs.
        faults: What is to be broken, and when.
        begin: When the timetable begins, UTC-aware.
        seed: Of who is chosen.
    """

    def __init__(self, run: Temporary, plan: Plan, faults: Sequence[Disturbance], begin: datetime, seed: int) -> None:
        self._run = run
        self._plan = plan
        self._begin = begin
        self._random = random.Random(seed)  # noqa: S311 - a schedule, not a secret
        self._ends = Event()
        self._pool = ThreadPoolExecutor(1, "faults")
        ordered = sorted(faults, key=lambda each: each.at_s)
        self._made: list[Future[Harm]] = [self._pool.submit(self._make, each) for each in ordered]

    @property
    def are_done(self) -> bool:
        """Whether everything has been broken."""
        return all(each.done() for each in self._made)

    def all(self) -> list[Harm]:
        """What was broken.

        Raises:
            Exception: What kept a fault from being made: a run without it would show nothing.
        """
        return [each.result(LONGEST_S) for each in self._made]

    def close(self) -> None:
        """Make no more faults, and wait for none; the one that is being made ends first."""
        self._ends.set()
        self._pool.shutdown(cancel_futures=True)

    def _make(self, asked: Disturbance) -> Harm:
        self._await(asked.at_s - ASK_S)
        target = Target(self._run, self._plan, self._random, self._run.status())
        self._await(asked.at_s)
        at_s = self._since_begin(datetime.now(UTC))
        return Harm(asked.fault, at_s, self._since_begin(FAULTS[asked.fault](target)))

    def _await(self, at_s: float) -> None:
        if self._ends.wait(max(0.0, at_s - self._since_begin(datetime.now(UTC)))):
            raise CancelledError

    def _since_begin(self, at: datetime) -> float:
        return (at - self._begin).total_seconds()
