"""What follows from the rounds of `bench telemetry`."""

import pytest

from loadtests.bench_telemetry import Round, verdict


@pytest.mark.parametrize(
    ("found", "least", "code"),
    [
        ([(100.0, 99.0), (100.0, 90.0), (10.0, 9.8)], 0.97, 0),
        ([(100.0, 99.0), (100.0, 90.0), (100.0, 96.0)], 0.97, 1),
        ([(100.0, 10.0)], None, 2),
        ([(100.0, 10.0), (100.0, 10.0)], None, 0),
        ([], None, 2),
    ],
)
def test_verdict(found: list[Round], least: float | None, code: int) -> None:
    """The median counts, and half the rounds wanted must have been quiet."""
    assert verdict(found, 3, least)[0] == code
