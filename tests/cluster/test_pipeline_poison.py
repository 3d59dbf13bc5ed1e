"""Frames that ended processes, as a pipeline treats them."""

import json
import logging
from pathlib import Path

import pytest

from cluster.in_hand import InHand
from tests.builders import Lane, outcomes, record

FRAMES = ("frames", 0)


def _gone(folder: Path) -> InHand:
    """A process in whose eyes all others have died."""
    return InHand(folder, "recogniser-0", lambda *_: False)


def test_a_frame_that_was_in_hand_at_two_deaths_is_dead_lettered_unseen(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """By name with its reason, counted and logged; its neighbours alert, and all is committed."""
    for _ in range(2):
        _gone(tmp_path).take([record(b"", 1)])
    lane = Lane(in_hand=_gone(tmp_path))
    with caplog.at_level(logging.WARNING):
        lane.run([record(b"anna", 0), record(b"cleo", 1), record(b"bert", 2)])
    [letter] = map(json.loads, (message.value for message in lane.dead_letters.messages))
    assert (letter["offset"], letter["reason"], letter["camera"]) == (1, "quarantined", "gate")
    assert letter["detail"] == "2 times a recogniser ended while it was looking at this frame"
    assert outcomes(lane.account) == {("alerted", "candidate"): 2, ("dead_lettered", "quarantined"): 1}
    assert "camera gate: frame frames/0/1 is quarantined: 2 deaths" in caplog.text
    assert lane.source.stored == {FRAMES: 3}


def test_the_next_process_refuses_it_too_should_it_come_again(tmp_path: Path) -> None:
    """A dead letter may be lost with the process that wrote it."""
    for _ in range(2):
        _gone(tmp_path).take([record(b"")])
    for _ in range(2):
        lane = Lane(in_hand=_gone(tmp_path))
        lane.run([record(b"anna")])
        assert outcomes(lane.account) == {("dead_lettered", "quarantined"): 1}


def test_partitions_that_come_from_a_dead_neighbour_bring_its_suspects(tmp_path: Path) -> None:
    """They are known before the first frame is polled."""
    lane = Lane(in_hand=_gone(tmp_path))
    pipeline = lane.pipeline()
    for _ in range(2):
        InHand(tmp_path, "recogniser-1", lambda *_: False).take([record(b"")])
    pipeline.rebalance([], [FRAMES])
    lane.source.records.append(record(b"anna"))
    pipeline.step(0)
    assert outcomes(lane.account) == {("dead_lettered", "quarantined"): 1}


@pytest.mark.parametrize(("deaths", "looks", "quarantined"), [(1, [[b"anna"], [b"bert"]], 0), (2, [[b"bert"]], 1)])
def test_what_ends_a_neighbour_while_it_waits_here_is_known_before_it_is_looked_at(
    tmp_path: Path, deaths: int, looks: list[list[bytes]], quarantined: int
) -> None:
    """While the group shares its partitions anew a frame may be in two hands, and no sharing follows the death."""
    lane = Lane(in_hand=_gone(tmp_path), poll_records=2)
    seen, see = [], lane.vision.see
    lane.vision.see = lambda jpegs: (seen.append(list(jpegs)), see(jpegs))[1]  # type: ignore[method-assign]
    lane.source.records += [
        record(value, offset) for offset, value in enumerate([b"empty", b"empty", b"anna", b"bert"])
    ]
    pipeline = lane.pipeline()
    pipeline.step(0)
    for _ in range(deaths):
        InHand(tmp_path, "recogniser-1", lambda *_: False).take([record(b"", 2)])
    pipeline.step(0)
    assert seen == [[b"empty", b"empty"], *looks]
    assert outcomes(lane.account).get(("dead_lettered", "quarantined"), 0) == quarantined


def test_suspects_are_looked_at_alone_and_decided_in_order(tmp_path: Path) -> None:
    """A kill from outside changes nothing about what is alerted, nor about the order of frames."""
    _gone(tmp_path).take([record(b"", offset) for offset in (1, 2)])
    lane = Lane(in_hand=_gone(tmp_path))
    looks, see = [], lane.vision.see
    lane.vision.see = lambda jpegs: (looks.append(list(jpegs)), see(jpegs))[1]  # type: ignore[method-assign]
    lane.run([record(value, offset) for offset, value in enumerate([b"anna", b"bert", b"empty", b"anna", b"cleo"])])
    assert looks == [[b"anna"], [b"bert"], [b"empty"], [b"anna", b"cleo"]]
    assert [json.loads(one.value)["entry"] for one in lane.alerts.messages] == ["anna", "bert", "cleo"]
    assert lane.in_hand.suspects == {}
