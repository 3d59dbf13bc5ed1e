import json

from cluster.account import Account, NoMatch, Outcome, Shed


def test_every_frame_has_one_outcome() -> None:
    """What is open is what came in and has not come out."""
    account = Account()
    account.frames_in = 4
    account.close(Outcome.SHED, Shed.TOO_OLD)
    account.close(Outcome.NO_MATCH, NoMatch.NO_FACE)
    account.close(Outcome.NO_MATCH, NoMatch.NO_FACE)
    assert account.open == 1
    assert account.frames_in == account.frames_out.total() + account.open


def test_frames_given_back_are_anothers_to_account_for() -> None:
    """They are no longer in, and counted apart; giving back nothing changes nothing."""
    account = Account()
    account.frames_in = 3
    account.close(Outcome.ALERTED, "candidate")
    account.give_back()
    assert (account.frames_in, account.given_back, account.open) == (1, 2, 0)
    account.give_back()
    assert (account.frames_in, account.given_back) == (1, 2)


def test_the_summary_names_every_outcome_and_is_json() -> None:
    """Also those that never happened."""
    account = Account()
    account.frames_in = 2
    account.close(Outcome.DEAD_LETTERED, "empty")
    account.faces["compared"] += 3
    summary = json.loads(json.dumps(account.summary()))
    assert summary == {
        "frames_in": 2,
        "open": 1,
        "given_back": 0,
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
