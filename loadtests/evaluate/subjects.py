"""Who is measured: people in four equal groups of skin tone, photographed under the same conditions in every group."""

from collections import Counter
from dataclasses import dataclass

from loadtests.evaluate.counts import ENROLLED_FROM, PASSERS_FROM, UNLISTED_FROM, Counts, check_seeds
from loadtests.people.person import person

GROUPS = 4
"""Equal parts of the range of skin, from the lightest to the darkest."""


@dataclass(frozen=True, slots=True)
class Subject:
    """One person of the evaluation.

    Attributes:
        seed: Who.
        group: Of skin tone, 0 the lightest.
        rank: Number within the group. All that is drawn about pictures follows from the rank and not from the seed, so
            the people of one rank, one in each group, are photographed under the same conditions.
    """

    seed: int
    group: int
    rank: int


@dataclass(frozen=True, slots=True)
class Cast:
    """Everybody who is photographed alone.

    Attributes:
        enrolled: The people of the watchlist.
        unlisted: The people of no list.
    """

    enrolled: list[Subject]
    unlisted: list[Subject]

    @staticmethod
    def of(counts: Counts) -> "Cast":
        """As many as are asked for.

        Raises:
            ValueError: More than there are seeds for.
        """
        return Cast(
            choose("enrolled", ENROLLED_FROM, counts.enrolled, UNLISTED_FROM),
            choose("unlisted", UNLISTED_FROM, counts.unlisted, PASSERS_FROM),
        )


def choose(name: str, first: int, count: int, end: int) -> list[Subject]:
    """The next people by seed, passing over those whose group has its share already.

    Args:
        name: Of the option that asks for so many.
        first: The first seed.
        count: How many people; where it is no multiple of the groups, lighter groups have one more.
        end: The first seed that must not be used.

    Raises:
        ValueError: Seeds would reach `end`.
    """
    shares = [count // GROUPS + (group < count % GROUPS) for group in range(GROUPS)]
    taken: Counter[int] = Counter()
    found: list[Subject] = []
    seed = first
    while len(found) < count:
        check_seeds(name, max(seed + 1, first + count), end)
        group = group_of(person(seed).skin)
        if taken[group] < shares[group]:
            found.append(Subject(seed, group, taken[group]))
            taken[group] += 1
        seed += 1
    return found


def group_of(skin: float) -> int:
    """The group of a skin tone, 0 to 1."""
    return min(int(skin * GROUPS), GROUPS - 1)
