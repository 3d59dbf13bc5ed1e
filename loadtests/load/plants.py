"""Faults of the load test's own reader, planted to show that the verdict finds them."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import timedelta
from itertools import count

from loadtests.load.scenario import Plant
from loadtests.load.truth import Read

EVERY = 10  # the first alert and every tenth after it
DELAY = timedelta(seconds=5)
NOBODY = "nobody"

Planted = Callable[[Iterable[Read]], Iterator[Read]]


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
