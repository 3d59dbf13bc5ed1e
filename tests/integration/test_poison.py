"""Frames that end whoever looks at them, on a real broker: what becomes of them, and of all others."""

import json
import signal
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from typing import Any

import pytest

from cluster.kafka.reader import TopicReader
from cluster.kafka.topics import DEAD_LETTERS
from cluster.settings import Delivery
from tests.integration.lane_process import kafka_of
from tests.integration.scene import ALERTS_DUE, FRAMES_SENT, LETTERS_DUE, Scene, await_results, counts, wait

pytestmark = pytest.mark.integration

POISON = {37: b"deadly", 89: b"endless"}  # in place of empty pictures: nobody less is to be alerted about
HANGS = 1  # exit status of a process that ended itself because a look did not end
SLOTS = {
    "one.": (Delivery.AT_LEAST_ONCE, 1),
    "once.": (Delivery.EXACTLY_ONCE, 1),
    "two.": (Delivery.AT_LEAST_ONCE, 2),
}


@dataclass(slots=True)
class Lanes:
    """Lanes of a scene, each started anew whenever it ends.

    Attributes:
        scene: Where they work.
        slots: How many there are.
        ended: How those ended that have.
    """

    scene: Scene
    slots: int
    ended: list[int] = field(default_factory=list)
    _running: dict[int, Any] = field(default_factory=dict)

    def have_done(self) -> bool:
        """Start whoever does not run; whether all the work is done."""
        for slot in range(self.slots):
            process = self._running.get(slot)
            if process is None or process.poll() is not None:
                self.ended += [process.returncode] if process else []
                self._running[slot] = self.scene.start(slot)
        return self.scene.committed() == FRAMES_SENT


@pytest.fixture(scope="module")
def done(bootstrap: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, Lanes]]:
    """Lanes by prefix, in all scenes at once, since most of the time they wait for Kafka to give somebody up."""
    with ExitStack() as stack:
        lanes = {}
        for prefix, (delivery, slots) in SLOTS.items():
            notes = str(tmp_path_factory.mktemp("notes") / "in-hand")
            scene = stack.enter_context(closing(Scene(kafka_of(bootstrap, prefix), prefix, delivery, notes=notes)))
            scene.begin(POISON)
            lanes[prefix] = Lanes(scene, slots)

        def have_all_done() -> bool:
            time.sleep(0.2)  # to ask is work for the broker
            return sum(each.have_done() for each in lanes.values()) == len(lanes)  # each is looked after

        wait(have_all_done, "not finished")
        yield lanes


def _quarantined(scene: Scene) -> list[dict[str, Any]]:
    found = []
    with closing(TopicReader(scene.kafka, DEAD_LETTERS, 0, 1, from_beginning=True)) as reader:
        while not reader.is_caught_up():
            found += [json.loads(record.value) for record in reader.poll(0.2)]
    letters = {letter["sha256"]: letter for letter in found if letter["reason"] == "quarantined"}
    return list(letters.values())


@pytest.mark.parametrize("prefix", SLOTS)
def test_a_frame_that_ends_two_processes_ends_no_third(done: Mapping[str, Lanes], prefix: str) -> None:
    """By a signal, or by a look that never ends: it is dead-lettered as quarantined, and nothing else is lost.

    Wherever on the machine the next process is started that gets it. Of two slots, both may have it in hand at the same
    time while the group shares anew, and their two deaths count as one.
    """
    lanes, letters_due = done[prefix], LETTERS_DUE + len(POISON)
    ended = Counter(lanes.ended)
    assert set(ended) == {-signal.SIGKILL, HANGS}
    assert all(2 <= deaths <= 1 + lanes.slots for deaths in ended.values()), ended
    await_results(lanes.scene, letters_due)
    (_, ids), (_, frames) = counts(lanes.scene)
    assert (ids, frames) == (ALERTS_DUE, letters_due)
    letters = _quarantined(lanes.scene)
    assert sorted(letter["camera"] for letter in letters) == ["gate", "hall"]
    assert {letter["bytes"] for letter in letters} == {len(picture) for picture in POISON.values()}
