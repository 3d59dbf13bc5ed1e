"""Ten thousand schedules in `make faults`; some of them in every test run. A failing one names its seed."""

import os
from typing import Any

import pytest

from cluster.pipeline import Pipeline
from operators.sightings import Sightings
from tests.faults.simulator import NO_FAULTS, Faults
from tests.faults.switches import simulate_switches

FIRST = int(os.environ.get("BEHOLDEN_FAULTS_SEED", "1"))
SCHEDULES = int(os.environ.get("BEHOLDEN_FAULTS_SCHEDULES", "30"))
PART = 500


class Mixes(Pipeline):
    """With a bug: thresholds are those of the first policy for ever."""

    def _decide_by(self, policy: Any, context: Any) -> None:
        first = self._scope.policy
        super()._decide_by(policy, context)
        self._scope.policy = first


class CountsOn(Pipeline):
    """With a bug: frames that another policy judged confirm alerts of this one."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._decisions.sightings.adopt = lambda _: None  # type: ignore[method-assign]


class Forgets(Pipeline):
    """With a bug: passages and cool-downs are those of one policy."""

    def switch(self, *arguments: Any) -> None:
        """And forget."""
        super().switch(*arguments)
        self._decisions.sightings = Sightings(self._scope.policy.sightings)


class Loses(Pipeline):
    """With a bug: what waited for its turn is dropped."""

    def switch(self, *arguments: Any) -> None:
        """And drop."""
        self._endings.finish([frame.ref for _, frame in self._intake.take_out()])
        super().switch(*arguments)


def _wrong(make: type[Pipeline], faults: Faults, seeds: range) -> dict[int, list[str]]:
    found = {seed: simulate_switches(seed, faults, make) for seed in seeds}
    return {seed: wrong for seed, wrong in found.items() if wrong}


@pytest.mark.parametrize("first", range(FIRST, FIRST + SCHEDULES, PART))
def test_each_alert_agrees_with_the_one_policy_it_names(first: int) -> None:
    """While processes are killed, and each takes up new policies in its own time; none is lost and none too much."""
    seeds = range(first, min(first + PART, FIRST + SCHEDULES))
    assert _wrong(Pipeline, Faults(), seeds) == {}, seeds


def test_an_undisturbed_run_is_right() -> None:
    """Nothing but switches, and members that come and go in good order."""
    assert _wrong(Pipeline, NO_FAULTS, range(20)) == {}


@pytest.mark.parametrize("bug", [Mixes, CountsOn, Forgets, Loses])
def test_a_planted_bug_is_found(bug: type[Pipeline]) -> None:
    """Without this the simulation would prove nothing."""
    assert any(simulate_switches(seed, Faults(), bug) for seed in range(60))
