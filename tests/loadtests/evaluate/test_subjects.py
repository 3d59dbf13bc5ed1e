"""Who is measured, and who must not be."""

from collections import Counter

import pytest

from loadtests.evaluate.counts import Counts
from loadtests.evaluate.scenes import compose
from loadtests.evaluate.subjects import GROUPS, Cast, choose, group_of
from loadtests.people.draws import TRAINING_FROM
from loadtests.people.person import person


def test_every_group_of_skin_tone_has_its_share_and_every_rank_once() -> None:
    """Ten people: three in each lighter pair of groups, two in each darker; seeds in order, none twice."""
    found = choose("people", 100_000, 10, 200_000)
    assert Counter(each.group for each in found) == {0: 3, 1: 3, 2: 2, 3: 2}
    assert sorted((each.group, each.rank) for each in found) == [
        (group, rank) for group, share in enumerate((3, 3, 2, 2)) for rank in range(share)
    ]
    assert [each.seed for each in found] == sorted({each.seed for each in found})
    assert all(group_of(person(each.seed).skin) == each.group for each in found)


@pytest.mark.parametrize(("skin", "group"), [(0.0, 0), (0.2499, 0), (0.25, 1), (0.75, 3), (1.0, GROUPS - 1)])
def test_groups_are_equal_parts_of_the_range(skin: float, group: int) -> None:
    """The darkest included."""
    assert group_of(skin) == group


def test_nobody_is_on_the_list_and_not_on_it() -> None:
    """Listed and unlisted people, and those who train the networks, are apart."""
    cast = Cast.of(Counts(enrolled=5, unlisted=7))
    seeds = [each.seed for each in (*cast.enrolled, *cast.unlisted)]
    assert len(set(seeds)) == 12
    assert max(seeds) < TRAINING_FROM


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        pytest.param({"enrolled": 100_001}, "enrolled: .*200000.*another purpose", id="would be on no list"),
        pytest.param({"unlisted": 700_001}, "unlisted: .*900000.*another purpose", id="would be in scenes"),
        pytest.param({"scenes": 12_501}, "scenes: .*1000000.*train the networks", id="have trained the networks"),
        pytest.param({"mated": 0}, "mated: must be at least 1", id="none"),
        pytest.param({"seed": -1}, "seed: must not be negative", id="no seed"),
    ],
)
def test_people_for_another_purpose_are_refused(asked: dict[str, int], why: str) -> None:
    """Before a single picture is drawn."""
    with pytest.raises(ValueError, match=why):
        Cast.of(Counts(**{"enrolled": 1, "unlisted": 1, **asked}))


def test_people_of_equal_ranks_must_still_be_found_below_the_end() -> None:
    """Passing over people whose group is full does not lead on to others' seeds."""
    with pytest.raises(ValueError, match="people: would need"):
        choose("people", 100_000, 8, 100_008)


def test_every_fifth_scene_is_empty() -> None:
    """Nobody, and no face."""
    image, truth = compose(5, seed=1)
    assert image.shape == (720, 1280, 3)
    assert (truth.people, len(truth.boxes)) == (0, 0)
