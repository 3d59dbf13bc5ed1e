"""What follows from the rounds of `bench delivery`."""

import pytest

from loadtests.bench_delivery import Measured, Round, ratios, verdict


def rounds(*pairs: tuple[float, float]) -> list[Round]:
    """Rounds by frames a second."""
    return [(Measured(least, 1.0, 1.0), Measured(once, 1.0, 1.0)) for least, once in pairs]


def test_ratios_are_paired_by_round() -> None:
    """A round in which everything was slow says as much as another."""
    assert ratios(rounds((100.0, 90.0), (10.0, 8.0))) == [0.9, 0.8]


@pytest.mark.parametrize(
    ("found", "least", "code"),
    [
        (rounds((100, 90), (100, 80), (100, 88)), 0.85, 0),
        (rounds((100, 90), (100, 80), (100, 84)), 0.85, 1),
        (rounds((100, 10)), None, 2),
        (rounds((100, 10), (100, 10)), None, 0),
        ([], None, 2),
    ],
)
def test_verdict(found: list[Round], least: float | None, code: int) -> None:
    """The median counts, and half the rounds wanted must have been quiet."""
    assert verdict(found, 3, least)[0] == code
