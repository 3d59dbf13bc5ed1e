"""More recognisers while too much waits, and fewer again; on one real cluster."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.drawn import CAMERAS, scene, write_deployment
from tests.running import Running, prepared

pytestmark = pytest.mark.integration

BACKLOG = 1200  # frames: work for many seconds
LONG_S = 120.0  # for the work to be done, and then for the pause that follows every change


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[Running]:
    """One recogniser at work, which may become two."""
    recognisers = {"count": 1, "most": 2, "threads": 1, "more_after_s": 1.0, "fewer_after_s": 3.0}
    with prepared({**write_deployment(tmp_path), "recognisers": recognisers, "index": {}}) as running:
        running.up()
        yield running


def test_a_backlog_brings_a_second_recogniser_which_leaves_again(alone: Running) -> None:
    """Everyone in it alerts, once; in the end the one that is always there has all partitions."""
    people = {f"person-{seed}": seed for seed in range(8)}
    alone.put(people)
    empty, every = scene([]), BACKLOG // len(people)
    shots = [(CAMERAS[at % 4], scene([at // every]) if at % every == 0 else empty) for at in range(BACKLOG)]
    alone.publish(shots)
    alone.wait(lambda: [lane["state"] for lane in alone.lanes()] == ["watching"] * 2, "a second one watches")
    alone.wait(lambda: len(alone.lanes()) == 1, "the second one has left", LONG_S)
    # It leaves the group first, which is shared anew while its actor ends: the other one hears of that a little later.
    alone.wait(
        lambda: [(lane["name"], len(lane["status"]["partitions"])) for lane in alone.lanes()] == [("recogniser-0", 8)],
        "the first one has every partition",
    )
    alerts = alone.alerts(set(people))
    assert {entry: len(found) for entry, found in alerts.items()} == dict.fromkeys(people, 1)
