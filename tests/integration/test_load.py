"""Load with a verdict on a real cluster: of all that is asked, the planted fault alone is found."""

from dataclasses import replace

import pytest

from cluster.settings import Delivery
from loadtests.load import follow
from loadtests.load.page import render
from loadtests.load.plants import EVERY
from loadtests.load.scenario import Cluster, People, Picture, Plant, Scenario
from loadtests.load.session import open_session
from loadtests.temporary import CONFIGS
from operators.freshness import Rule
from tests.loadtests.load.runs import LIMITS, scenario

pytestmark = pytest.mark.integration

LATEST_MS = 60_000.0  # a busy machine must not fail it: whether times are judged is a unit test


def small() -> Scenario:
    """Two cameras that see little, for a machine that does other things beside."""
    return scenario(
        about="Two small cameras.",
        cameras=2,
        fps=3.0,
        seconds=14.0,
        warm_up_s=2.0,
        picture=Picture(480, 360, 85),
        people=People(in_view=1, passage_s=2.0, listed=4, listed_share=0.6, list_size=20),
        cluster=Cluster(CONFIGS / "clusters" / "demo.yaml", 1, 1, Delivery.AT_LEAST_ONCE, int(LATEST_MS), Rule.EVERY),
        plant=Plant.SWALLOW,
        limits=replace(LIMITS, shed_share=0.0, p99_ms=LATEST_MS, least_fps=None),
        name="small",
    )


def test_a_swallowed_alert_is_all_that_is_wrong_with_a_run() -> None:
    """Every frame is accounted for, every alert is right, and the verdict is that somebody was missed."""
    told: list[str] = []
    with open_session(small(), told.append) as session:
        found = session.run(small())
    assert "starting the cluster" in told
    assert found.ledger.lost == 0
    assert sum(found.ledger.ended.values()) == found.ledger.sent == 84
    assert {"decode", "detect", "embed", "search"} <= found.stages.keys()
    assert [each.name for each in found.verdict.broken] == ["passages missed"], str(found.verdict)
    assert not found.verdict.is_good
    swallowed = len(range(0, len(found.truth.expected), EVERY))
    assert len(found.truth.missed()) == swallowed
    assert len(found.right) == len(found.truth.expected) - swallowed >= 2
    assert found.found.memory_mib is not None
    assert found.found.memory_mib > 100  # recognisers are found among the processes
    assert "Two small cameras." in render(found.as_json())


def test_what_a_run_leaves_behind_is_not_the_next_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    """More comes than one recogniser can look at, and nobody waits for the rest: the next run has its own alone."""
    calm = small().changed(6.0, None)
    calm = replace(calm, plant=None)
    with open_session(calm, lambda _: None) as session:
        monkeypatch.setattr(follow, "SETTLE_S", 0.0)
        flood = session.run(replace(calm, fps=200.0, seconds=2.0, warm_up_s=0.0))
        assert flood.ledger.committed < flood.ledger.sent  # or this shows nothing
        monkeypatch.undo()
        found = session.run(calm)
    assert found.ledger.committed == sum(found.ledger.ended.values()) == found.ledger.sent == 36
    assert found.verdict.is_good, str(found.verdict)
