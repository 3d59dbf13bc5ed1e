"""The model held against capacities."""

from pathlib import Path

import pytest

from loadtests.planning.capacity_file import read_measured
from loadtests.planning.check import check, highest_fps
from loadtests.planning.demand import Ask, ceiling
from operators.errors import SettingsRefused
from tests.loadtests.planning.nodes import node
from tests.loadtests.planning.searches import search, written

ASK = Ask(24, 1.0, 1000, faces=2, with_sender=True)


def test_a_prediction_is_near_or_is_not(tmp_path: Path) -> None:
    """By number of recognisers, with what is used up first."""
    one = ceiling(node(), ASK, 1, 8).fps
    two = ceiling(node(), ASK, 2, 8).fps
    files = [search(2, 1.2 * two, 1.3 * two), search(1, 0.9 * one, one)]
    near, far = check(node(), [read_measured(written(tmp_path, each)) for each in files])
    assert (near.recognisers, near.first) == (1, "recognisers")
    assert near.off == pytest.approx(1 / 0.95 - 1, rel=0.01)
    assert near.is_near
    assert not far.is_near


def test_what_was_not_measured_is_not_near(tmp_path: Path) -> None:
    """A sender that was the limit says nothing of the cluster."""
    for holds, fails, sender in ((50.0, 52.0, 3), (50.0, None, 0), (None, 5.0, 0)):
        measured = read_measured(written(tmp_path, search(1, holds, fails, sender)))
        (found,) = check(node(), [measured])
        assert found.off is None
        assert not found.is_near


def test_figures_of_one_thread_are_not_held_against_others(tmp_path: Path) -> None:
    """It would compare two things."""
    document = search(1, 10.0, 11.0)
    document["scenario"]["cluster"]["threads"] = 2
    with pytest.raises(SettingsRefused, match="figures are of one"):
        check(node(), [read_measured(written(tmp_path, document))])


def test_a_limit_of_time_is_reached_before_all_is_used_up() -> None:
    """The stricter the sooner."""
    whole, first = highest_fps(node(), ASK, 1, 8, None)
    assert first == "recognisers"
    strict, why = highest_fps(node(), ASK, 1, 8, 150.0)
    loose, _ = highest_fps(node(), ASK, 1, 8, 5000.0)
    assert strict < loose <= whole
    assert why == "time from capture to alert"
