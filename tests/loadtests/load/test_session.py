"""Runs that follow one another."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from loadtests.load.session import Session
from operators.errors import SettingsRefused
from operators.sightings import SightingSettings
from tests.loadtests.load.runs import LISTED, scenario


class Running:
    """A cluster that notes what is asked of it."""

    def __init__(self) -> None:
        sightings = SightingSettings(
            of_frames=3, confirm_frames=2, passage_gap_ms=1000, passage_overlap=0.2, cool_down_s=0
        )
        policy = SimpleNamespace(sightings=sightings)
        kafka = SimpleNamespace(frame_partitions=8)
        self.plan = SimpleNamespace(settings=SimpleNamespace(kafka=kafka), in_force=SimpleNamespace(policy=policy))
        self.about: dict[str, Any] = {}
        self.asked: list[str] = []

    def drain(self) -> None:
        """See `running.Running`."""
        self.asked.append("drain")

    def warm_up(self, *_: object) -> None:
        """See `running.Running`."""
        self.asked.append("warm up")

    def show(self, *_: object) -> None:
        """See `running.Running`."""
        self.asked.append("show")


def session(running: Running) -> Session:
    """Of a cluster that only notes."""
    pool: Any = SimpleNamespace(digest="")
    is_running: Any = running
    return Session(scenario(), is_running, pool, LISTED)


def test_what_a_run_has_left_behind_is_finished_before_the_next_begins() -> None:
    """Else it would be counted as the next one's: its alerts as wrong, its frames as too many."""
    running = Running()
    session(running).run(replace(scenario(), warm_up_s=1.0))
    assert running.asked == ["drain", "warm up", "show"]


def test_a_rate_at_which_nobody_could_be_confirmed_is_refused() -> None:
    """Before anything is shown."""
    running = Running()
    with pytest.raises(SettingsRefused, match="send more"):
        session(running).run(replace(scenario(), fps=0.5))
    assert running.asked == []
