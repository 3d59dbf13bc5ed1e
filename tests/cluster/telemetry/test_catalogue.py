"""The catalogue of metrics: names, labels, and its page."""

from pathlib import Path

import pytest

from cluster.telemetry.catalogue import CATALOGUE, PAGE, SECTIONS, render
from cluster.telemetry.metric import counter, gauge

ROOT = Path(__file__).parents[3]


def test_the_page_says_what_the_catalogue_says() -> None:
    """docs/metrics.md is what `python -m cluster.telemetry.catalogue` writes."""
    assert (ROOT / PAGE).read_text() == render()


def test_each_metric_stands_in_the_catalogue_once() -> None:
    """A name that stands twice would be served twice."""
    assert len(CATALOGUE) == sum(map(len, SECTIONS.values()))


@pytest.mark.parametrize("label", ["entry", "person", "name", "passage", "alert"])
def test_no_metric_has_a_label_for_each_person(label: str) -> None:
    """Who is listed, and who has walked by, is no business of whoever watches machines."""
    with pytest.raises(ValueError, match="no metric may have"):
        gauge("beholden_something", (label,), "about", "advice")


@pytest.mark.parametrize("name", ["something_total", "beholden_Something_total", "beholden_1_total", "beholden_a"])
def test_names_are_of_one_form(name: str) -> None:
    """They begin with beholden_, and counters end with _total."""
    with pytest.raises(ValueError, match=name):
        counter(name, (), "about", "advice")
