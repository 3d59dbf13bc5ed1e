import json
import sys
import threading
from itertools import pairwise
from typing import Any

from cluster.account import Account, NoMatch, Outcome, Shed


def test_every_frame_has_one_outcome() -> None:
    """What is open is what came in and has not come out."""
    account = Account()
    account.take_in(4)
    account.close(Outcome.SHED, Shed.TOO_OLD)
    account.close(Outcome.NO_MATCH, NoMatch.NO_FACE)
    account.close(Outcome.NO_MATCH, NoMatch.NO_FACE)
    assert account.open == 1
    assert account.frames_in == account.frames_out.total() + account.open
    assert account.ended == account.frames_out.total()


def test_frames_given_back_are_anothers_to_account_for() -> None:
    """They are no longer in, and counted apart; giving back nothing changes nothing."""
    account = Account()
    account.take_in(3)
    account.close(Outcome.ALERTED, "candidate")
    account.give_back()
    assert (account.frames_in, account.given_back, account.open) == (1, 2, 0)
    account.give_back()
    assert (account.frames_in, account.given_back) == (1, 2)


def test_nothing_that_is_told_outside_becomes_less_while_frames_are_given_back() -> None:
    """Another thread asks all the time: it always adds up, and what came in and what was shed only grow."""
    account, told, is_over = Account(), list[dict[str, Any]](), threading.Event()
    interval_s = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    thread = threading.Thread(target=lambda: _ask(account, told, is_over))
    thread.start()
    try:
        for _ in range(8_000):
            account.take_in(3)
            account.shed(Shed.TOO_OLD, 1)
            account.close(Outcome.NO_MATCH, NoMatch.NO_FACE)
            account.give_back()
    finally:
        is_over.set()
        thread.join()
        sys.setswitchinterval(interval_s)
    assert told
    assert all(each["frames_in"] - each["open"] == sum(_shed(each)[:2]) for each in told)
    assert all(each["open"] >= 0 for each in told)
    for earlier, later in pairwise(told):
        assert earlier["frames_in"] + earlier["given_back"] <= later["frames_in"] + later["given_back"]
        assert sum(_shed(earlier)[1:]) <= sum(_shed(later)[1:])


def _ask(account: Account, told: list[dict[str, Any]], is_over: threading.Event) -> None:
    while not is_over.is_set():
        told.append(account.summary())


def _shed(summary: dict[str, Any]) -> tuple[int, int, int]:
    """Frames without a match, frames shed, and frames shed and given back."""
    return (
        summary["no_match"].get("no_face", 0),
        summary["shed"].get("too_old", 0),
        summary["shed_given_back"].get("too_old", 0),
    )


def test_the_summary_names_every_outcome_and_is_json() -> None:
    """Also those that never happened."""
    account = Account()
    account.take_in(2)
    account.close(Outcome.DEAD_LETTERED, "empty")
    account.faces["compared"] += 3
    summary = json.loads(json.dumps(account.summary()))
    assert summary == {
        "frames_in": 2,
        "open": 1,
        "given_back": 0,
        "shed_given_back": {},
        "alerted": {},
        "no_match": {},
        "shed": {},
        "dead_lettered": {"empty": 1},
        "faces": {"compared": 3},
        "alerts": 0,
        "watched": {},
        "slow": {},
        "lives_ms": {},
        "longest_life_ms": 0,
        "life_ceiling_ms": 0,
        "late_drops": 0,
        "ages_ms": {},
    }
