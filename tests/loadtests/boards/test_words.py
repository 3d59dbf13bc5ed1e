"""Numbers and names as a dashboard shows them."""

import pytest

from loadtests.boards.words import base_of, named, readable


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0, "s", "0 s"),
        (0.0004, "s", "400 µs"),
        (0.0421, "s", "42.1 ms"),
        (90, "s", "90 s"),
        (600, "s", "10 min"),
        (1036800, "s", "12 d"),
        (0.597, "percentunit", "59.7 %"),
        (391168, "bytes", "382 KiB"),
        (12, "bytes", "12 B"),
        (18314, "short", "18.3 k"),
        (33.4, "cps", "33.4/s"),
        (float("nan"), "s", "-"),
    ],
)
def test_numbers_are_short_and_have_their_unit(value: float, unit: str, text: str) -> None:
    """Three digits at most, but for whole numbers."""
    assert readable(value, unit) == text


def test_a_series_is_named_by_its_legend_or_by_its_labels() -> None:
    """As Grafana does it; a deployment is chosen above."""
    labels = {"list": "wanted", "camera": "quay", "deployment": "d"}
    assert named("{{list}} {{ camera }} {{gone}}", labels) == "wanted quay "
    assert named("__auto", labels) == "quay, wanted"


def test_scales_are_in_the_unit_that_is_read() -> None:
    """Ten minutes are no 600 s."""
    assert (base_of(600, "s"), base_of(90, "s"), base_of(5000, "bytes"), base_of(600, "short")) == (60, 1, 1024, 1)
