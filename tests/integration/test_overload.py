"""A burst far over capacity at a real broker: where every frame went is told by topics alone."""

import json
import threading
from collections import Counter
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cluster.frame_publisher import KafkaFramePublisher
from cluster.kafka.topics import ALERTS, DEAD_LETTERS, FRAMES, LEDGER
from cluster.plan import Plan
from cluster.policies.in_force import policy_of
from cluster.ports import Record
from cluster.recogniser import Recogniser
from cluster.watchlists.register import read_topic
from cluster.wire.shed import parse_shed
from loadtests.bench_commits import Commits
from loadtests.temporary import Temporary
from tests.drawn import CAMERAS, scene
from tests.running import Running

pytestmark = pytest.mark.integration

BURST, EARLIER, BAD = 1200, 300, 7
PASSAGE_GAP = timedelta(milliseconds=2)  # so that each frame is a passage of its own, and alerts


def test_a_burst_is_reconciled_from_topics_alone(plan: Plan, tmp_path: Path) -> None:
    """Frames = frames with an alert + frames in the ledger's intervals + dead letters, and all offsets are committed.

    Every frame that is looked at alerts: a listed person is in each of them, and nothing cools down.
    """
    plan = _every_look_alerts(plan)
    run = Temporary(tmp_path, plan.settings.kafka.bootstrap, tmp_path / "cluster.yaml", {})
    running = Running.begin(run, plan)
    running.put({"person-0": 0})
    shown = scene([0], 1280, 720)
    with closing(KafkaFramePublisher(plan.settings.kafka)) as publisher:
        for at in range(EARLIER):
            publisher.publish(CAMERAS[at % 4], shown, datetime.now(UTC) - timedelta(seconds=5), "earlier", at)
    failed = threading.Event()
    lane = Recogniser(plan, 0, None, failed.set)
    try:
        running.wait(lambda: lane.status().account["shed"] != {}, "what came earlier is shed")
        with closing(KafkaFramePublisher(plan.settings.kafka)) as publisher:
            captured_at = datetime.now(UTC)
            for at in range(BURST):
                captured_at = max(datetime.now(UTC), captured_at + PASSAGE_GAP)
                publisher.publish(CAMERAS[at % 4], shown, captured_at, "burst", at)
            for at in range(BAD):
                publisher.publish("nobody's", shown, captured_at, "bad", at)
        total = EARLIER + BURST + BAD
        running.wait(lambda: int(str(lane.status().account["frames_in"])) >= total, "every frame has come")
        running.wait(lambda: lane.status().account["open"] == 0, "every frame has its end")
    finally:
        lane.close(20.0)
    assert not failed.is_set()
    looked_at = {_frame(json.loads(one.value)["frame"]) for one in _all(plan, ALERTS)}
    refused = len(_all(plan, DEAD_LETTERS))
    intervals = [found for one in _all(plan, LEDGER) if (found := parse_shed(one.value))]
    assert len(looked_at) + refused + sum(each.frames for each in intervals) == total == len(_all(plan, FRAMES))
    account = lane.status().account
    by_reason = Counter[str]()
    for each in intervals:
        by_reason[str(each.reason)] += each.frames
    assert by_reason == account["shed"]
    assert {"superseded", "skipped"} & set(by_reason)
    assert looked_at
    assert len(intervals) < 100
    assert {camera for each in intervals for camera in each.cameras} == set(CAMERAS)
    with closing(Commits(plan)) as commits:
        running.wait(lambda: commits.read(0.2) is None and commits.total == total, "all is committed")


def _every_look_alerts(plan: Plan) -> Plan:
    sightings = {"confirm_frames": 1, "of_frames": 1, "passage_overlap": 0.3, "passage_gap_ms": 1, "cool_down_s": 0}
    changes = {"max_frame_age_ms": 1000, "freshness": {"rule": "newest"}, "sightings": sightings}
    return replace(plan, in_force=policy_of({**json.loads(plan.in_force.canonical), **changes}))


def _frame(frame: dict[str, object]) -> tuple[object, object]:
    return frame["partition"], frame["offset"]


def _all(plan: Plan, topic: str) -> list[Record]:
    return list(read_topic(plan.settings.kafka, topic))
