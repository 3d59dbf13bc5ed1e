"""The in-lane placement without Ray: a recogniser is a plain class that needs nothing but Kafka."""

import threading
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cluster.broker.control import BrokerSpec, start_broker, stop_broker
from cluster.frame_publisher import KafkaFramePublisher
from cluster.kafka.admin import ensure_topics
from cluster.kafka.reader import TopicReader
from cluster.plan import Plan
from cluster.recogniser import Recogniser
from loadtests.temporary import Temporary
from operators.errors import BrokerUnavailable, SettingsRefused
from tests.builders import profile
from tests.drawn import CAMERAS, scene
from tests.running import Running

pytestmark = pytest.mark.integration


def test_one_recogniser_alone_alerts_and_continues_where_it_stopped(plan: Plan, tmp_path: Path) -> None:
    """Frames that came while nobody watched are processed by the next recogniser, and none of the earlier again.

    The next one has the list from the snapshot of the one before.
    """
    index = replace(plan.settings.index, snapshots=tmp_path / "kept")
    plan = replace(plan, settings=replace(plan.settings, index=index))
    run = Temporary(tmp_path, plan.settings.kafka.bootstrap, tmp_path / "cluster.yaml", {})
    running = Running.begin(run, plan)
    running.put({f"person-{seed}": seed for seed in range(4)})
    failed = threading.Event()
    for half in (0, 2):
        running.publish([(CAMERAS[half], scene([half])), (CAMERAS[half + 1], scene([half + 1]))])
        with closing(Closing(Recogniser(plan, 0, None, failed.set))) as lane:
            running.alerts({f"person-{half}", f"person-{half + 1}"})
            running.wait(lambda lane=lane: lane.frames() == 2, "exactly the two new frames")
            running.wait(lambda lane=lane: lane.recogniser.status().state == "watching", "it watches")
            status = lane.recogniser.status()
            assert status.index is not None
            assert (status.index.entries, status.index.restored) == (4, 4 if half else 0)
            kept = tmp_path / "kept" / "recogniser-0" / "manifest.json"
            running.wait(kept.exists, "a snapshot")
            running.wait(
                lambda lane=lane: sorted(lane.recogniser.status().partitions) == list(range(8)), "every partition"
            )
    assert not failed.is_set()


def test_a_broker_that_comes_back_is_used_again(plan: Plan, tmp_path: Path) -> None:
    """Frames published after a restart of the broker alert, by the same recogniser."""
    run = Temporary(tmp_path, plan.settings.kafka.bootstrap, tmp_path / "cluster.yaml", {})
    running = Running.begin(run, plan)
    running.put({"person-0": 0, "person-1": 1})
    failed = threading.Event()
    with closing(Closing(Recogniser(plan, 0, None, failed.set))) as lane:
        running.publish([(CAMERAS[0], scene([0]))])
        running.alerts({"person-0"})
        stop_broker(tmp_path / "broker", wipe=False)
        start_broker(BrokerSpec(int(run.bootstrap.split(":")[1]), 1, tmp_path / "broker"), print)
        running.publish([(CAMERAS[0], scene([1]))])
        running.alerts({"person-1"})
        running.wait(lambda: lane.recogniser.status().state == "watching", "it watches again")
    assert not failed.is_set()


def test_a_topic_that_does_not_fit_is_refused(plan: Plan) -> None:
    """One that somebody's client made by accident would leave partitions unwatched or keep faces for a week."""
    kafka = plan.settings.kafka
    assert ensure_topics(kafka, profile()) == [
        "alerts",
        "dead-letters",
        "evidence",
        "frames",
        "ledger",
        "ledger-heads",
        "policy",
        "watchlist",
    ]
    assert ensure_topics(kafka, profile()) == []
    with pytest.raises(SettingsRefused, match="frames has 8 partitions and the cluster file says 4"):
        ensure_topics(replace(kafka, frame_partitions=4), profile())


def test_reading_a_topic_that_is_missing_does_not_make_it(plan: Plan) -> None:
    """The reader is told what makes it, and `up` finds it still missing."""
    with pytest.raises(BrokerUnavailable, match="'beholden up' makes it"):
        TopicReader(plan.settings.kafka, "alerts", 0, 1, from_beginning=True)
    with (
        pytest.raises(BrokerUnavailable, match="made by 'beholden up'"),
        closing(KafkaFramePublisher(plan.settings.kafka)) as publisher,
    ):
        publisher.publish("entrance", b"x", datetime.now(UTC), "s", 0)
    assert "frames" in ensure_topics(plan.settings.kafka, profile())


class Closing:
    """A recogniser that is closed with the time it needs."""

    def __init__(self, recogniser: Recogniser) -> None:
        self.recogniser = recogniser

    def frames(self) -> object:
        """Frames it has taken in."""
        return self.recogniser.status().account["frames_in"]

    def close(self) -> None:
        """Finish and leave the group."""
        assert self.recogniser.close(20.0).has_left
