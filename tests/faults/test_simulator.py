"""Ten thousand schedules in `make faults`; some of them in every test run. A failing one names its seed."""

import os
from dataclasses import replace
from typing import Any

import pytest

from cluster.memory_io import MemoryDelivery
from cluster.pipeline import Pipeline
from cluster.privacy.evidence import EvidenceSink
from cluster.wire.evidence import Evidence
from operators.types import FrameRef
from tests.faults.simulator import NO_FAULTS, Faults, simulate

FIRST = int(os.environ.get("BEHOLDEN_FAULTS_SEED", "1"))
SCHEDULES = int(os.environ.get("BEHOLDEN_FAULTS_SCHEDULES", "30"))
PART = 500
"""Schedules of one test: pytest-xdist gives parts to all cores."""


class CommitsEarly(Pipeline):
    """With a bug: offsets are committed while alerts are still on their way."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._endings.settle = self._settle  # type: ignore[method-assign]

    def _settle(self, pending: Any) -> None:
        for each in pending:
            self._endings.finish(each.frames)


class ForgetsPassages(Pipeline):
    """With a bug: frames that count towards an unconfirmed alert are committed."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._decisions.holds.keep = lambda *_: []  # type: ignore[method-assign]


class ForgetsAlerts(Pipeline):
    """With a bug: what others have alerted about is not taken over."""

    def recall(self, alerts: Any) -> None:
        """Nothing."""


class EvidenceLater(Pipeline):
    """With a bug: an alert is written while its evidence is still on its way."""

    def __init__(self, source: Any, outlets: Any, *arguments: Any) -> None:
        super().__init__(source, replace(outlets, evidence=Unawaited(outlets.evidence)), *arguments)


class Unawaited:
    """Evidence that nobody waits for."""

    def __init__(self, sink: EvidenceSink) -> None:
        self._sink = sink

    def send(self, evidence: Evidence, frame: FrameRef) -> Any:
        """See `EvidenceSink`."""
        return self._sink.send(evidence, frame)[0], MemoryDelivery()


def _wrong(make: type[Pipeline], faults: Faults, seeds: range) -> dict[int, list[str]]:
    found = {seed: simulate(seed, faults, make) for seed in seeds}
    return {seed: wrong for seed, wrong in found.items() if wrong}


@pytest.mark.parametrize("first", range(FIRST, FIRST + SCHEDULES, PART))
def test_whatever_happens_no_alert_is_lost_and_none_is_too_much(first: int) -> None:
    """Kills, silences, pauses, takeovers, zombies: a reader that gives each id once sees what nothing would disturb."""
    seeds = range(first, min(first + PART, FIRST + SCHEDULES))
    assert _wrong(Pipeline, Faults(), seeds) == {}, seeds


def test_an_undisturbed_run_is_right() -> None:
    """Takeovers by members that come and go in good order."""
    assert _wrong(Pipeline, NO_FAULTS, range(20)) == {}


@pytest.mark.parametrize("bug", [CommitsEarly, ForgetsPassages, ForgetsAlerts, EvidenceLater])
def test_a_planted_bug_is_found(bug: type[Pipeline]) -> None:
    """Without this the simulation would prove nothing."""
    assert any(simulate(seed, Faults(), bug) for seed in range(60))
