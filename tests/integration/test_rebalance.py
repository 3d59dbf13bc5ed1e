"""A second recogniser joins in the middle of a stream: the work is handed over, not dropped and begun again."""

import threading
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from cluster.plan import Plan
from cluster.recogniser import Recogniser
from loadtests.temporary import Temporary
from tests.drawn import CAMERAS, scene
from tests.running import Running

pytestmark = pytest.mark.integration

FRAMES = 600


def test_a_recogniser_that_joins_takes_over_what_is_not_done_yet(plan: Plan, tmp_path: Path) -> None:
    """Neither starts over, next to no frame is processed twice, and every listed person has alerted under one id."""
    run = Temporary(tmp_path, plan.settings.kafka.bootstrap, tmp_path / "cluster.yaml", {})
    running = Running.begin(run, plan)
    people = {f"person-{seed}": seed for seed in range(12)}
    running.put(people)
    empty = scene([])
    shots = [(CAMERAS[at % 4], scene([at // 50]) if at % 50 == 0 else empty) for at in range(FRAMES)]
    running.publish(shots)
    failed = threading.Event()
    with ExitStack() as stack:
        lanes = []
        for slot in range(3):
            lanes.append(stack.enter_context(closing(Lane(Recogniser(plan, slot, None, failed.set)))))
            running.wait(lambda done=(slot + 1) * 30: frames(lanes) >= done, "frames are processed")
        running.wait(lambda: sum(sum(lane.status().partitions.values()) for lane in lanes) == 0, "nothing is left")
        running.wait(lambda: frames(lanes) >= FRAMES, "every frame")
        alerts = running.alerts(set(people))
        assert [lane.status().restarts for lane in lanes] == [0, 0, 0]
        assert FRAMES <= frames(lanes) <= FRAMES + 3 * 2 * plan.settings.recognisers.poll_frames
        running.wait(lambda: sorted(watched(lanes)) == list(range(8)), "every partition is watched by exactly one")
    for found in alerts.values():
        assert len({alert["alert_id"] for alert in found}) == 1
    assert not failed.is_set()


class Lane:
    """A recogniser that is closed with the time it needs."""

    def __init__(self, recogniser: Recogniser) -> None:
        self.status = recogniser.status
        self.close = lambda: recogniser.close(20.0)


def watched(lanes: list[Lane]) -> list[int]:
    """Partitions owned by any of them, once for each owner."""
    return [partition for lane in lanes for partition in lane.status().partitions]


def frames(lanes: list[Lane]) -> int:
    """Frames taken in by all of them."""
    return sum(int(str(lane.status().account["frames_in"])) for lane in lanes)
