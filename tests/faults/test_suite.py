"""What the fault suite refuses before it starts a cluster."""

import click
import pytest

from tests.faults.suite import check_runs, passages_of


def test_a_run_has_people_enough_for_as_long_as_its_fault_lasts() -> None:
    """A minute of members that come and go needs more than a kill."""
    assert passages_of("none") == 24
    assert passages_of("members come and go") == 300


def test_more_runs_than_there_are_people_to_meet_are_refused() -> None:
    """At the end of an hour it would be too late."""
    check_runs(["none"] * 100)
    with pytest.raises(click.UsageError, match="2424 passages are needed, and 2400 pairs"):
        check_runs(["none"] * 101)
