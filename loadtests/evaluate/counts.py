"""How much is measured, and which people and streets are for evaluation alone."""

from dataclasses import dataclass

from loadtests.people.draws import TRAINING_FROM

ENROLLED_FROM, UNLISTED_FROM, PASSERS_FROM = 100_000, 200_000, 900_000
_PROBE_STREETS_FROM, _SCENE_STREETS_FROM = 300_000, 400_000
_PROBE_STREETS = 48
MOST_IN_A_SCENE = 8


@dataclass(frozen=True, slots=True)
class Counts:
    """How much is measured.

    Attributes:
        enrolled: People on the watchlist, each from one studio picture.
        mated: Street pictures of each of them.
        unlisted: Street pictures of other people, one of each.
        scenes: Street scenes in which faces are to be found.
        seed: Of everything that is drawn but the people: conditions, backgrounds, scenes, resampling.
    """

    enrolled: int = 1000
    mated: int = 5
    unlisted: int = 10_000
    scenes: int = 500
    seed: int = 1

    def __post_init__(self) -> None:
        for name in ("enrolled", "mated", "unlisted", "scenes"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}: must be at least 1, found {getattr(self, name)}")
        if self.seed < 0:
            raise ValueError(f"seed: must not be negative, found {self.seed}")
        check_seeds("scenes", PASSERS_FROM + self.scenes * MOST_IN_A_SCENE, TRAINING_FROM)


def check_seeds(name: str, beyond: int, end: int) -> None:
    """Refuse to use seeds that are for something else.

    Args:
        name: Of the option that asks for so many.
        beyond: The first seed that would not be used.
        end: The first seed that must not be used.

    Raises:
        ValueError: `beyond` exceeds `end`.
    """
    if beyond > end:
        why = "who train the networks" if end == TRAINING_FROM else "for another purpose"
        raise ValueError(
            f"{name}: would need people with seeds of {end} and above; those are people {why}: ask for fewer"
        )


def probe_street(number: int) -> int:
    """Seed of the street behind a probe."""
    return _PROBE_STREETS_FROM + number % _PROBE_STREETS


def scene_street(number: int) -> int:
    """Seed of the street of a scene, each another one."""
    return _SCENE_STREETS_FROM + number
