"""The in-lane placement without Ray: a recogniser is a plain class that needs nothing but Kafka."""

import threading
from contextlib import closing
from pathlib import Path

import pytest

from cluster.broker.control import BrokerSpec, start_broker, stop_broker
from cluster.kafka_admin import ensure_topics
from cluster.plan import Plan, open_vision
from cluster.recogniser import Recogniser
from loadtests.temporary import Temporary
from tests.drawn import CAMERAS, scene
from tests.running import Running

pytestmark = pytest.mark.integration


def test_one_recogniser_alone_alerts_and_continues_where_it_stopped(plan: Plan, tmp_path: Path) -> None:
    """Frames that came while nobody watched are processed by the next recogniser, and none of the earlier again."""
    ensure_topics(plan.settings.kafka)
    run = Temporary(tmp_path, plan.settings.kafka.bootstrap, tmp_path / "cluster.yaml", {})
    running = Running(run, plan, open_vision(plan))
    running.write({f"person-{seed}": running.record(f"person-{seed}", seed) for seed in range(4)})
    failed = threading.Event()
    for half in (0, 2):
        running.publish([(CAMERAS[half], scene([half])), (CAMERAS[half + 1], scene([half + 1]))])
        with closing(Closing(Recogniser(plan, 0, None, failed.set))) as lane:
            running.alerts({f"person-{half}", f"person-{half + 1}"})
            running.wait(lambda lane=lane: lane.frames() == 2, "exactly the two new frames")
            status = lane.recogniser.status()
            assert status.state == "watching"
            assert status.index is not None
            assert status.index.entries == 4
            assert sorted(status.partitions) == list(range(8))
    assert not failed.is_set()


def test_a_broker_that_comes_back_is_used_again(plan: Plan, tmp_path: Path) -> None:
    """Frames published after a restart of the broker alert, by the same recogniser."""
    ensure_topics(plan.settings.kafka)
    run = Temporary(tmp_path, plan.settings.kafka.bootstrap, tmp_path / "cluster.yaml", {})
    running = Running(run, plan, open_vision(plan))
    running.write({"person-0": running.record("person-0", 0), "person-1": running.record("person-1", 1)})
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


class Closing:
    """A recogniser that is closed with the time it needs."""

    def __init__(self, recogniser: Recogniser) -> None:
        self.recogniser = recogniser

    def frames(self) -> object:
        """Frames it has taken in."""
        return self.recogniser.status().account["frames_in"]

    def close(self) -> None:
        """Finish and leave."""
        self.recogniser.close(20.0)
