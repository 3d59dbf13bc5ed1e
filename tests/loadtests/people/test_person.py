"""A person follows from the seed alone."""

import hashlib
from dataclasses import astuple, fields

import numpy as np

from loadtests.people.person import Person, person


def test_the_same_seed_is_the_same_person_on_every_machine() -> None:
    """The numbers of forty people, to the last bit: a change here changes everybody and every model."""
    text = "\n".join(repr(astuple(person(seed))) for seed in range(40))
    digest = "57ebb52bc9b2280e4642fd26450db67e12c00cd9d16e15a6a90e549e2a8725a8"
    assert hashlib.sha256(text.encode()).hexdigest() == digest


def test_thousands_of_people_stay_distinct() -> None:
    """Among 1,500 people no two have all numbers near each other, and no list of choices decides alone."""
    people = [person(seed) for seed in range(1500)]
    numeric = [field.name for field in fields(Person) if isinstance(getattr(people[0], field.name), float)]
    values = np.array([[getattr(who, name) for name in numeric] for who in people])
    spread = values.std(axis=0)
    assert (spread > 0).all()
    scaled = values / spread
    square = (scaled**2).sum(1)
    apart = square[:, None] + square[None] - 2 * scaled @ scaled.T
    np.fill_diagonal(apart, np.inf)
    assert len(numeric) >= 35
    assert np.sqrt(apart.min()) > 2.5  # two people differ by more than two spreads in sum, the usual pair by eight


def test_skin_says_nothing_about_the_shape_of_a_face() -> None:
    """Each number of a face is independent of the skin, so that no group has more or less to be told apart by."""
    people = [person(seed) for seed in range(1500)]
    skin = np.array([who.skin for who in people])
    for name in ("width", "eye_u", "nose_width", "mouth_width", "brow_thickness", "lines"):
        values = np.array([getattr(who, name) for who in people])
        assert abs(np.corrcoef(skin, values)[0, 1]) < 0.08, name
