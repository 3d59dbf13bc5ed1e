"""How long it is waited for frames that are not finished."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from cluster.clocks import HandClock
from loadtests.load.finish import STEP_S, await_finished

BEGIN = datetime(2026, 11, 26, tzinfo=UTC)


@dataclass
class Worker:
    """Finishes so many frames at each look."""

    a_look: int
    clock: HandClock = field(default_factory=lambda: HandClock(BEGIN))
    total: int = 3

    def read(self, timeout_s: float) -> None:
        """See `Finished`."""
        self.total += self.a_look
        self.clock.time += timedelta(seconds=timeout_s)


@pytest.mark.parametrize(("a_look", "left"), [(2, 0), (1, 0), (0, 5)])
def test_it_is_waited_until_all_are_finished_and_not_for_ever(a_look: int, left: int) -> None:
    """What is left when the time is over is told."""
    worker, looks = Worker(a_look), list[int]()
    within_s = 20 * STEP_S
    assert await_finished(worker, 8, within_s, worker.clock, lambda: looks.append(1)) == left
    assert (worker.clock.time - BEGIN).total_seconds() <= within_s + 2 * STEP_S
    assert looks


def test_nothing_is_waited_for_when_all_are_finished() -> None:
    """And more than was asked for is no less than nothing."""
    worker = Worker(1)
    assert await_finished(worker, 2, 1.0, worker.clock) == 0
    assert worker.clock.time == BEGIN
