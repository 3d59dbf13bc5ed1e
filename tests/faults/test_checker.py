"""The checker finds what it is there to find: without that a good verdict says nothing."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from tests.faults.checker import LATE_S, check

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
ANNA, BERT = ("gate", "anna"), ("hall", "bert")
DUE = {ANNA: NOW, BERT: NOW}


def alert(pair: tuple[str, str], name: str = "1", after_s: float = 0.1) -> bytes:
    """An alert as the topic has it."""
    camera, entry = pair
    at = {"captured_at": NOW.isoformat(), "alerted_at": (NOW + timedelta(seconds=after_s)).isoformat()}
    return json.dumps({"camera": camera, "entry": entry, "alert_id": f"{entry}-{name}", **at}).encode()


def test_each_alert_once_is_good() -> None:
    """In any order."""
    verdict = check([alert(BERT), alert(ANNA)], DUE, set())
    assert verdict.is_good
    assert (verdict.expected, verdict.repeated, verdict.longest_wait_s, verdict.late_until) == (2, 0, 0.1, None)


def test_a_passage_without_an_alert_is_lost() -> None:
    """An alert of the same person on another camera is none of this one."""
    verdict = check([alert(ANNA), alert(("gate", "bert"))], DUE, set())
    assert (verdict.lost, verdict.wrong, verdict.is_good) == ((BERT,), (("gate", "bert"),), False)


def test_another_id_is_a_second_alert_and_the_same_id_is_not() -> None:
    """A reader that gives each id once hides the one and not the other."""
    verdict = check([alert(ANNA), alert(ANNA), alert(BERT), alert(BERT, "2")], DUE, set())
    assert (verdict.doubled, verdict.repeated, verdict.is_good) == ((BERT,), 1, False)
    assert replace(verdict, doubled=()).is_good


def test_alerts_of_earlier_runs_are_theirs() -> None:
    """The topic keeps them."""
    assert check([alert(ANNA), alert(BERT)], {BERT: NOW}, {ANNA}).is_good


def test_late_alerts_say_until_when_the_fault_was_felt() -> None:
    """The last of those that came late."""
    verdict = check([alert(ANNA, after_s=4.0), alert(BERT, after_s=LATE_S)], DUE, set())
    assert (verdict.longest_wait_s, verdict.late_until) == (4.0, NOW + timedelta(seconds=4))
