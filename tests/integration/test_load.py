"""Load with a verdict on a real cluster: a whole run is good, and a planted fault makes one that is not."""

from dataclasses import replace

import pytest

from cluster.settings import Delivery
from loadtests.load.page import render
from loadtests.load.scenario import Cluster, Limits, People, Picture, Plant, Scenario
from loadtests.load.session import open_session
from loadtests.load.shapes import Course, Shape
from loadtests.temporary import CONFIGS
from operators.freshness import Rule

pytestmark = pytest.mark.integration

LATEST_MS = 60_000.0  # a busy machine must not fail it: whether times are judged is a unit test


def small() -> Scenario:
    """Two cameras that see little, for a machine that does other things beside."""
    return Scenario(
        about="Two small cameras.",
        seed=1,
        cameras=2,
        fps=3.0,
        seconds=14.0,
        warm_up_s=2.0,
        shape=Shape(Course.CONSTANT),
        picture=Picture(480, 360, 85),
        people=People(in_view=1, passage_s=2.0, listed=4, listed_share=0.6, list_size=20),
        cluster=Cluster(CONFIGS / "clusters" / "demo.yaml", 1, 1, Delivery.AT_LEAST_ONCE, int(LATEST_MS), Rule.EVERY),
        faults=(),
        plant=None,
        limits=Limits(
            lost=0,
            wrong=0,
            repeated=0,
            missed_share=0.0,
            shed_share=0.0,
            p50_ms=None,
            p95_ms=None,
            p99_ms=LATEST_MS,
            least_fps=None,
            memory_mib=None,
        ),
        name="small",
    )


def test_a_whole_run_is_good_and_a_swallowed_alert_is_not() -> None:
    """On one cluster, one after the other; every frame is accounted for in both."""
    told: list[str] = []
    with open_session(small(), told.append) as session:
        whole = session.run(small())
        spoiled = session.run(replace(small(), plant=Plant.SWALLOW))
    for each in (whole, spoiled):
        assert each.ledger.lost == 0
        assert sum(each.ledger.ended.values()) == each.ledger.sent == 84
        assert {"decode", "detect", "embed", "search"} <= each.stages.keys()
    assert whole.verdict.broken == [], str(whole.verdict)  # on a busy machine sending may be the limit
    assert len(whole.right) == len(whole.truth.expected) >= 3
    assert [each.name for each in spoiled.verdict.broken] == ["passages missed"]
    assert "starting the cluster" in told
    assert "Two small cameras." in render(whole.as_json())
