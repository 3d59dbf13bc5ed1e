"""Where frames went."""

from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest

from cluster.account import Outcome
from cluster.ports import Record
from cluster.wire.frames import encode_dead_letter
from loadtests.load.accounts import Ledger, told, told_by_all
from loadtests.load.running import frames_of
from operators.errors import DeploymentFailed, FrameReason
from operators.types import FrameRef


def lane(pid: int, alerted: int, shed: int, detect: int) -> dict[str, Any]:
    """What a recogniser says of itself, in the parts that count here."""
    account = {Outcome.ALERTED: {"candidate": alerted}, Outcome.SHED: {"superseded": shed}}
    stages = {"detect": {"counts": [detect, 0], "total_s": 0.01 * detect}}
    whole = {**{outcome: {} for outcome in Outcome}, **account}
    return {"pid": pid, "account": whole, "measured": {"stages": stages}, "work": {"busy_s": 0.02 * detect}}


def test_what_was_told_before_is_taken_off() -> None:
    """Recognisers count from their start, a run from its own."""
    before = told([lane(1, 5, 1, 10), lane(2, 0, 0, 0)])
    since = told([lane(1, 7, 1, 30), lane(2, 3, 2, 10)]).since(before)
    assert since.frames == {("alerted", "candidate"): 5, ("shed", "superseded"): 2}
    assert since.stages["detect"][0] == 30
    assert round(since.stages["detect"][1], 6) == 0.3
    assert round(since.busy_s, 6) == 0.6


def test_a_frame_that_nobody_accounts_for_is_lost() -> None:
    """Also when its offset was committed: that is how frames are lost quietly."""
    ended = {("alerted", "candidate"): 5, ("shed", "superseded"): 3, ("shed", "too_old"): 1}
    ledger = Ledger(10, ended, 10, is_whole=True)
    assert (ledger.lost, ledger.count(Outcome.SHED)) == (1, 4)
    assert ledger.of(Outcome.SHED) == {"superseded": 3, "too_old": 1}


def test_a_frame_that_was_put_aside_twice_is_one() -> None:
    """As when a recogniser dies before it commits."""
    record = partial(Record, timestamp_ms=0, key=b"camera-00001", value=b"", headers={})
    letters = [
        encode_dead_letter(record(FrameRef("frames", 0, offset)), FrameReason.TOO_LARGE, "", datetime.now(UTC))
        for offset in (7, 8, 7)
    ]
    assert frames_of(letters) == 2


def test_where_a_recogniser_took_its_counts_along_commits_decide() -> None:
    """Frames that nobody finished are lost, those that nobody is left to tell of are not."""
    assert Ledger(10, {("alerted", "candidate"): 2}, 10, is_whole=False).lost == 0
    assert Ledger(10, {("alerted", "candidate"): 2}, 8, is_whole=False).lost == 2


def test_frames_that_were_looked_at_twice_hide_none_that_are_lost() -> None:
    """After partitions changed hands the last frames are done again: counts no longer say whether all were."""
    ledger = Ledger(10, {("no_match", "no_face"): 12}, 10, is_whole=True)
    assert (ledger.twice, ledger.lost) == (2, None)
    assert Ledger(10, {("no_match", "no_face"): 10}, 10, is_whole=True).twice == 0


def test_each_recogniser_must_have_told_before_a_run() -> None:
    """Else its whole history would count as of the run."""
    assert told_by_all([lane(1, 5, 1, 10), lane(2, 0, 0, 0)], 2).processes == {1, 2}
    with pytest.raises(DeploymentFailed, match="1 of 2 recognisers"):
        told_by_all([lane(1, 5, 1, 10)], 2)
