"""Faults of the load test's own reader, planted to show that the verdict finds them."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import timedelta
from itertools import count

from loadtests.load.scenario import Plant, Scenario
from loadtests.load.truth import Read
from operators.errors import SettingsRefused

EVERY = 5  # the first alert and every fifth after it
DELAY = timedelta(seconds=5)
NOBODY = "nobody"

Planted = Callable[[Iterable[Read]], Iterator[Read]]


def check_plant(scenario: Scenario) -> None:
    """Make sure that a planted fault breaks a limit.

    Raises:
        SettingsRefused: With the limit that allows it.
    """
    limits = scenario.limits
    if scenario.plant is Plant.SWALLOW and limits.missed_share >= 1 / EVERY:
        raise SettingsRefused(f"limits.missed_share: must be below {1 / EVERY:g} for plant swallow to be found")
    most_ms = DELAY.total_seconds() * 1000
    asked = [each for each in (limits.p50_ms, limits.p95_ms, limits.p99_ms) if each is not None]
    if scenario.plant is Plant.DELAY and not any(each < most_ms for each in asked):
        raise SettingsRefused(f"limits: p50_ms, p95_ms or p99_ms must be below {most_ms:g} for plant delay to be found")


def planted(plant: Plant | None) -> Planted:
    """What becomes of the alerts that are read, one after the other."""
    numbers = count()

    def become(reads: Iterable[Read]) -> Iterator[Read]:
        for each in reads:
            is_chosen = next(numbers) % EVERY == 0
            if plant is Plant.DELAY:
                yield replace(each, read_at=each.read_at + DELAY)
            elif plant is Plant.WRONG and is_chosen:
                yield replace(each, alert={**each.alert, "entry": NOBODY})
            elif not (plant is Plant.SWALLOW and is_chosen):
                yield each

    return become
