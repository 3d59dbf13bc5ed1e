"""Frames that end whoever looks at them, on a real broker: what becomes of them, and of all others."""

import json
import signal
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from cluster.kafka_io import DEAD_LETTERS, TopicReader
from cluster.settings import Delivery
from tests.integration.lane_process import kafka_of
from tests.integration.scene import ALERTS_DUE, FRAMES_SENT, LETTERS_DUE, Scene, counts, wait

pytestmark = pytest.mark.integration

WAIT_S = 90.0
POISON = {37: b"deadly", 89: b"endless"}  # in place of empty pictures: nobody less is to be alerted about
HANGS = 1  # exit status of a process that ended itself because a look did not end


def _run(scene: Scene, slots: int) -> list[int]:
    """Have as many lanes do all the work, each started anew whenever it ends; how they ended."""
    running = {slot: scene.start(slot) for slot in range(slots)}
    ended: list[int] = []

    def is_done() -> bool:
        for slot, process in running.items():
            if process.poll() is not None:
                ended.append(process.returncode)
                running[slot] = scene.start(slot)
        time.sleep(0.2)  # to ask is work for the broker
        return scene.committed() == FRAMES_SENT

    wait(is_done, "not finished", WAIT_S)
    return sorted(ended)


def _quarantined(scene: Scene) -> list[dict[str, Any]]:
    found = []
    with closing(TopicReader(scene.kafka, DEAD_LETTERS, 0, 1, from_beginning=True)) as reader:
        while not reader.is_caught_up():
            found += [json.loads(record.value) for record in reader.poll(0.2)]
    letters = {letter["sha256"]: letter for letter in found if letter["reason"] == "quarantined"}
    return list(letters.values())


@pytest.mark.parametrize(
    ("prefix", "delivery", "slots"),
    [
        ("one.", Delivery.AT_LEAST_ONCE, 1),
        ("once.", Delivery.EXACTLY_ONCE, 1),
        ("two.", Delivery.AT_LEAST_ONCE, 2),
    ],
)
def test_a_frame_that_ends_two_processes_ends_no_third(
    bootstrap: str, tmp_path: Path, prefix: str, delivery: Delivery, slots: int
) -> None:
    """By a signal, or by a look that never ends: it is dead-lettered as quarantined, and nothing else is lost.

    Wherever on the machine the next process is started that gets it.
    """
    scene = Scene(kafka_of(bootstrap, prefix), prefix, delivery, notes=str(tmp_path / "in-hand"))
    with closing(scene):
        scene.begin(POISON)
        assert _run(scene, slots) == [-signal.SIGKILL] * 2 + [HANGS] * 2
        (_, ids), (_, frames) = counts(scene)
        assert (ids, frames) == (ALERTS_DUE, LETTERS_DUE + len(POISON))
        letters = _quarantined(scene)
        assert sorted(letter["camera"] for letter in letters) == ["gate", "hall"]
        assert {letter["bytes"] for letter in letters} == {len(picture) for picture in POISON.values()}
