from cluster.account import Account
from cluster.cli.status_view import nonmatch_line


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
