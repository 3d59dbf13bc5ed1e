from cluster.account import CANARY, CANDIDATE, Account, Outcome
from cluster.cli.status_view import account_line, nonmatch_line


def test_how_long_faces_without_an_alert_existed_is_one_line() -> None:
    """Over all recognisers, with the ceiling of the policy; an alarm only when there is one."""
    first, second = Account(), Account()
    first.dropped(99, 120, 2000)
    second.dropped(1, 1500, 2000)
    line = nonmatch_line([first.summary(), second.summary()])
    assert line == ("faces without an alert: 100 dropped, 99 % within 130 ms, all within 1500 ms (2000 ms allowed)")
    second.dropped(2, 3000, 2000)
    assert "1 batches took longer" in nonmatch_line([first.summary(), second.summary()])
    assert nonmatch_line([]) == "faces without an alert: 0 dropped"


def test_alerts_about_a_canary_are_told_apart() -> None:
    """A line that only says how many alerted would tell of people who were not there."""
    account = Account()
    account.take_in(3)
    account.close(Outcome.ALERTED, CANDIDATE)
    assert "alerted 1 +" in account_line([account.summary()])
    account.close(Outcome.ALERTED, CANARY)
    assert "alerted 2 (canary 1, candidate 1) +" in account_line([account.summary()])
