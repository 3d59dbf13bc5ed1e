"""Alerts are held against a schedule of four passages, two frames a second."""

from typing import Any

import pytest

from loadtests.demo_truth import Judgement, Truth, percentiles_ms
from loadtests.people.scenes import Passage, Schedule

STREAM = "demo-7"
FPS = 2.0


def passage(number: int, camera: str, entry: str | None, enters_s: float, leaves_s: float) -> Passage:
    """Somebody in the middle of the pavement, coming."""
    return Passage(number, camera, 100 + number, entry, enters_s, leaves_s, 0.0, False, ())


PASSAGES = (
    passage(0, "gate", "anna", 1.0, 4.0),
    passage(1, "gate", None, 3.0, 6.0),
    passage(2, "hall", "bert", 5.0, 8.0),
    passage(3, "gate", "anna", 40.0, 44.0),
)
SCHEDULE = Schedule(7, ("gate", "hall"), FPS, 60.0, {"anna": 100, "bert": 102}, PASSAGES)
ENTERED, LEFT = 2, 8  # first frame with anna, first frame without her


def alert(entry: str, camera: str = "gate", seq: int | None = 3, stream: str = STREAM, after_ms: int = 80) -> Any:
    """As much of an alert as is looked at."""
    return {
        "entry": entry,
        "camera": camera,
        "frame": {"seq": seq, "stream": stream},
        "captured_at": "2026-01-01T12:00:00.000Z",
        "alerted_at": f"2026-01-01T12:00:00.{after_ms:03d}Z",
        "cosine": 0.71234,
        "threshold": 0.5,
    }


@pytest.fixture
def truth() -> Truth:
    """Nothing has come yet."""
    return Truth(SCHEDULE, STREAM)


def seen(gate_s: float, hall_s: float = 0.0) -> dict[str, float]:
    """Up to when each camera was seen through."""
    return {"gate": gate_s, "hall": hall_s}


@pytest.mark.parametrize(
    ("given", "judgement"),
    [
        pytest.param(alert("anna"), Judgement.RIGHT, id="in view"),
        pytest.param(alert("anna", seq=ENTERED), Judgement.RIGHT, id="her first frame"),
        pytest.param(alert("anna", seq=LEFT - 1), Judgement.RIGHT, id="her last frame"),
        pytest.param(alert("anna", seq=ENTERED - 1), Judgement.WRONG, id="not yet there"),
        pytest.param(alert("anna", seq=LEFT), Judgement.WRONG, id="gone"),
        pytest.param(alert("bert", seq=11), Judgement.WRONG, id="at the other camera"),
        pytest.param(alert("anna", "hall", seq=11), Judgement.WRONG, id="somebody else is there"),
        pytest.param(alert("anna", seq=None), Judgement.WRONG, id="a frame without a number"),
        pytest.param(alert("anna", stream="demo-8"), Judgement.WRONG, id="a frame of another run"),
        pytest.param(alert("anna", "roof"), Judgement.WRONG, id="a camera nobody knows"),
    ],
)
def test_an_alert_is_right_when_its_person_is_in_view(truth: Truth, given: Any, judgement: Judgement) -> None:
    """At that camera, in that very frame, of this run."""
    assert truth.judge(given).judgement is judgement


def test_a_second_alert_of_one_passage_is_repeated_and_one_of_the_next_is_right(truth: Truth) -> None:
    """Each passage counts for itself."""
    found = [truth.judge(alert("anna", seq=seq)).judgement for seq in (3, 5, 81)]
    assert found == [Judgement.RIGHT, Judgement.REPEATED, Judgement.RIGHT]
    assert [truth.count(judgement) for judgement in Judgement] == [2, 0, 1]


def test_a_judgement_names_who_was_there(truth: Truth) -> None:
    """The farthest first, and nobody when the frame is of somewhere else."""
    assert [one.entry for one in truth.judge(alert("bert", seq=7)).in_view] == [None, "anna"]
    assert truth.judge(alert("bert", seq=None)).in_view == ()


def test_who_left_without_an_alert_is_missed(truth: Truth) -> None:
    """Not before leaving, not strangers, and each camera by its own time."""
    assert truth.missed(seen(3.9)) == []
    assert truth.missed(seen(4.0)) == [PASSAGES[0]]
    assert truth.missed(seen(7.0, 7.9)) == [PASSAGES[0]]
    assert truth.missed(seen(7.0, 8.0)) == [PASSAGES[0], PASSAGES[2]]


def test_a_right_alert_that_comes_late_still_counts(truth: Truth) -> None:
    """A miss is taken back: the alert was slow, not absent."""
    assert truth.missed(seen(9.0)) == [PASSAGES[0]]
    truth.judge(alert("anna"))
    assert truth.missed(seen(9.0)) == []


def test_who_has_come_is_known_before_they_leave(truth: Truth) -> None:
    """Strangers included."""
    assert truth.came(seen(1.0)) == []
    assert truth.came(seen(3.5)) == list(PASSAGES[:2])


@pytest.mark.parametrize(
    ("alerts", "good"),
    [
        pytest.param([alert("anna")], True, id="as it should be"),
        pytest.param([], False, id="missed"),
        pytest.param([alert("anna"), alert("bert")], False, id="wrong"),
        pytest.param([alert("anna"), alert("anna")], False, id="repeated"),
    ],
)
def test_it_is_good_when_each_alerted_once_and_nobody_else(truth: Truth, alerts: list[Any], good: bool) -> None:
    """Of those who have gone."""
    for one in alerts:
        truth.judge(one)
    assert truth.is_good(seen(6.0)) is good


def test_times_are_taken_from_capture_to_alert(truth: Truth) -> None:
    """Over all alerts, right or wrong."""
    judged = [truth.judge(alert("anna", after_ms=after)) for after in (10, 20, 130)]
    middle, late = percentiles_ms(judged)
    assert middle == pytest.approx(20)
    assert 100 < late < 130
