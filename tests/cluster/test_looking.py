"""Whose fault it is when the models fail: a frame's, or the machine's."""

import json
import logging
import traceback
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest

from cluster import looking
from cluster.in_hand import InHand, name_of
from cluster.looking import TRIES
from operators.errors import DeviceUnavailable, FrameRefused, ModelsFail
from operators.vision import Seen
from tests.builders import FakeVision, Lane, outcomes, record

FRAMES = ("frames", 0)
SHOWN = "what the frame showed"


class Failing(FakeVision):
    """Fails on frames that say how often: `fails-2 anna` twice, `fails` always; and on all while it is `ill`.

    Attributes:
        ill: For each of the next calls, of whichever kind, whether it fails whatever it is given: `x` if it does.
        asked: How often it was given which frame.
        checks: How often it was checked.
    """

    def __init__(self, ill: str = "") -> None:
        self.ill = ill
        self.asked: Counter[bytes] = Counter()
        self.checks = 0

    def see(self, jpegs: Sequence[bytes]) -> list[Seen | FrameRefused]:
        """See `FakeVision`."""
        self.asked.update(jpegs)
        self._fail_if_ill()
        for jpeg in jpegs:
            first, _, _ = jpeg.partition(b" ")
            if first == b"fails" or (first.startswith(b"fails-") and self.asked[jpeg] <= int(first[6:])):
                raise ValueError(SHOWN)
        return super().see([jpeg.partition(b" ")[2] if jpeg.startswith(b"fails") else jpeg for jpeg in jpegs])

    def check(self) -> None:
        """See `Vision.check`."""
        self.checks += 1
        self._fail_if_ill()

    def _fail_if_ill(self) -> None:
        now, self.ill = self.ill[:1], self.ill[1:]
        if now == "x":
            raise DeviceUnavailable("the card is gone")


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """What fails is tried again at once."""
    monkeypatch.setattr(looking, "PAUSE_S", 0.0)


def test_a_frame_that_always_fails_while_others_do_not_is_dead_lettered() -> None:
    """After three tries by itself; whoever came with it is alerted about."""
    lane = Lane(vision=Failing())
    lane.run([record(b"anna", 0), record(b"fails", 1), record(b"bert", 2)])
    assert outcomes(lane.account) == {("alerted", "candidate"): 2, ("dead_lettered", "model_failed"): 1}
    assert lane.vision.asked == {b"anna": 2, b"fails": 1 + TRIES, b"bert": 2}
    assert [json.loads(one.value)["offset"] for one in lane.dead_letters.messages] == [1]
    assert lane.source.stored == {FRAMES: 3}


def test_a_frame_that_comes_alone_is_tried_as_often() -> None:
    """There is nothing to compare it with but the plain picture."""
    lane = Lane(vision=Failing())
    lane.run([record(b"fails")])
    assert outcomes(lane.account) == {("dead_lettered", "model_failed"): 1}
    assert (lane.vision.asked, lane.vision.checks) == ({b"fails": TRIES}, TRIES)


def test_a_frame_that_fails_twice_is_looked_at() -> None:
    """As if nothing had been."""
    lane = Lane(vision=Failing())
    lane.run([record(b"fails-2 anna")])
    assert outcomes(lane.account) == {("alerted", "candidate"): 1}


def test_frames_that_fail_together_only_are_looked_at_one_by_one() -> None:
    """As when memory suffices for one and not for all."""

    class Narrow(FakeVision):
        def see(self, jpegs: Sequence[bytes]) -> list[Seen | FrameRefused]:
            """See `FakeVision`."""
            if len(jpegs) > 1:
                raise MemoryError
            return super().see(jpegs)

    lane = Lane(vision=Narrow())
    lane.run([record(b"anna", 0), record(b"bert", 1)])
    assert outcomes(lane.account) == {("alerted", "candidate"): 2}


@pytest.mark.parametrize("ill", ["xx", "xxxxx", 9 * "x", 5 * "xx.", "x.xx.x.xx.x"])
def test_no_frame_is_passed_over_while_the_machine_is_ill(ill: str) -> None:
    """Not even one that has failed before: failures count only while the models work."""
    lane = Lane(vision=Failing(ill))
    lane.run([record(b"fails-2 anna", 0), record(b"bert", 1)])
    assert outcomes(lane.account) == {("alerted", "candidate"): 2}
    assert lane.dead_letters.messages == []


def test_a_parked_recogniser_says_so_and_commits_nothing() -> None:
    """Its status is read from another thread; when the models work it goes on where it was."""
    lane = Lane(vision=Failing(4 * "x"))
    pipeline = lane.pipeline()
    said = []
    lane.vision.check, check = lambda: (said.append(pipeline.waiting_for), check())[1], lane.vision.check
    lane.source.records.append(record(b"anna"))
    pipeline.step(0)
    assert said[0] is None
    assert said[1:] == ["the models fail, on a plain picture too: DeviceUnavailable (the card is gone)"] * 3
    assert (pipeline.waiting_for, lane.account.open) == (None, 0)


def test_models_that_fail_for_long_end_the_process_and_what_was_in_hand_is_suspected(tmp_path: Path) -> None:
    """A frame may have broken what the device keeps for the process: then the same happens to the next one."""
    lane = Lane(vision=Failing(999 * "x"), in_hand=InHand(tmp_path, "recogniser-0"))
    with pytest.raises(ModelsFail, match="no frame was passed over"):
        lane.run([record(b"anna", 0), record(b"bert", 1)])
    assert (lane.source.stored, lane.alerts.messages, lane.dead_letters.messages) == ({}, [], [])
    assert lane.account.open == 2
    next_one = InHand(tmp_path, "recogniser-0", lambda *_: False)
    assert set(next_one.suspects) == {name_of(record(b"", 0)), name_of(record(b"", 1))}


def test_models_that_fail_now_and_then_do_not_hold_a_frame_for_ever(tmp_path: Path) -> None:
    """A frame may be what makes them fail on the next picture: it is the next process that finds out."""
    lane = Lane(vision=Failing(999 * "xx."), in_hand=InHand(tmp_path, "recogniser-0"))
    with pytest.raises(ModelsFail, match="now and then"):
        lane.run([record(b"anna", 0)])
    assert set(InHand(tmp_path, "recogniser-0", lambda *_: False).suspects) == {name_of(record(b"", 0))}
    assert lane.dead_letters.messages == []


def test_whoever_is_told_to_stop_waits_no_longer(tmp_path: Path) -> None:
    """Nothing is committed, and nothing is suspected: an operator has ended the process."""
    lane = Lane(vision=Failing(999 * "x"), in_hand=InHand(tmp_path, "recogniser-0"), stopping=True)
    with pytest.raises(ModelsFail, match="stopped"):
        lane.run([record(b"anna", 0)])
    assert (lane.vision.checks, lane.source.stored) == (1, {})
    assert InHand(tmp_path, "recogniser-0", lambda *_: False).suspects == {}


def test_other_peoples_errors_are_named_and_not_quoted(caplog: pytest.LogCaptureFixture) -> None:
    """Their texts may hold what they were given."""
    lane = Lane(vision=Failing())
    with caplog.at_level(logging.DEBUG):
        lane.run([record(b"fails")])
    [letter] = lane.dead_letters.messages
    assert "ValueError" in json.loads(letter.value)["detail"]
    assert "from frames/0/0 on: ValueError" in caplog.text
    assert SHOWN not in caplog.text
    assert SHOWN.encode() not in letter.value
    ill = Lane(vision=Failing("." + 99 * "x"))
    with pytest.raises(ModelsFail) as failed:
        ill.run([record(b"fails")])
    assert SHOWN not in "".join(traceback.format_exception(failed.value))
