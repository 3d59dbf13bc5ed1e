"""What a visitor reads, as text."""

from io import StringIO
from typing import Any

from rich.console import Console, RenderableType

from loadtests.demo_camera import Progress
from loadtests.demo_truth import Truth
from loadtests.demo_view import ROWS, Moment, alerts, limits, live, summary, who
from loadtests.people.scenes import Passage, Schedule

STREAM = "demo"


def passage(number: int, entry: str | None, enters_s: float) -> Passage:
    """Somebody who passes the gate within 4 s."""
    return Passage(number, "gate", number, entry, enters_s, enters_s + 4, 0.0, False, ())


PASSAGES = (passage(0, "anna", 1.0), passage(1, None, 3.0), passage(2, "bert", 12.0))


def alert(entry: str, seq: int) -> Any:
    """As much of an alert as is shown, 85 ms after its frame."""
    return {
        "entry": entry,
        "camera": "gate",
        "frame": {"seq": seq, "stream": STREAM},
        "captured_at": "2026-01-01T12:00:00.000Z",
        "alerted_at": "2026-01-01T12:00:00.085Z",
        "cosine": 0.71234,
        "threshold": 0.5,
    }


def moment(published: int, *given: Any, latest_s: float = 0.0, grace_s: float = 0.0) -> Moment:
    """The gate has published so many frames, one a second, and these alerts have come."""
    schedule = Schedule(1, ("gate",), 1.0, 60.0, {}, PASSAGES)
    truth = Truth(schedule, STREAM)
    for one in given:
        truth.judge(one)
    return Moment(schedule, truth, {"gate": Progress(published, latest_s, latest_s)}, grace_s)


def text(shown: RenderableType) -> list[str]:
    """The lines of a wide terminal, blanks joined."""
    console = Console(record=True, width=160, file=StringIO())
    console.print(shown)
    return [" ".join(line.split()) for line in console.export_text().splitlines()]


def test_alerts_stand_beside_the_truth_in_the_order_of_the_street() -> None:
    """Right, missed, wrong with who was there, and an alert of an unknown frame last."""
    shown = text(alerts(moment(17, alert("bert", 99), alert("zoe", 4), alert("anna", 3))))
    assert shown[1:] == [
        "12:00:00.085 gate anna 0.712 0.50 85 ms right",
        "12:00:00.085 gate zoe 0.712 0.50 85 ms wrong: in view anna, 1 stranger",
        "- gate - - - - missed: bert walked by",
        "12:00:00.085 gate bert 0.712 0.50 85 ms wrong: in view nobody",
    ]


def test_only_the_last_rows_are_shown() -> None:
    """More would push the counts out of the terminal."""
    shown = text(alerts(moment(5, *(alert("zoe", 2) for _ in range(ROWS + 5)))))
    assert len(shown) == 1 + ROWS


def test_the_live_view_says_who_is_in_view_and_counts() -> None:
    """Somebody who is still in view, or left within the grace, is on the way rather than missed."""
    shown = text(live(moment(4, grace_s=2.0)))
    assert "nobody yet: the first people are on their way" in shown
    assert "gate 4 frames in view: anna, 1 stranger" in shown
    assert "passages 2, 1 of them by people on the list" in shown
    assert "alerts 0: 0 right, 0 wrong, 0 repeated, 0 missed, 1 on the way" in shown
    assert "0 missed, 1 on the way" in text(live(moment(6, grace_s=2.0)))[-1]
    assert "1 missed" in text(live(moment(7, grace_s=2.0)))[-1]


def test_before_the_first_frame_nobody_is_in_view() -> None:
    """Nor has anybody come."""
    assert "gate 0 frames in view: nobody" in text(live(moment(0)))


def test_the_summary_of_a_good_run() -> None:
    """Passages, alerts, latency, frames, verdict."""
    assert text(
        summary(moment(60, alert("anna", 2), alert("bert", 13)), {"alerted": 2, "no_match": 58, "shed": 0})
    ) == [
        "passages 3, 2 of them by people on the list",
        "alerts 2: 2 right, 0 wrong, 0 repeated, 0 missed",
        "latency p50 85 ms, p99 85 ms from capture to alert",
        "frames 60 published: 2 alerted, 58 no match, 0 shed",
        "every listed person alerted once, nobody else",
    ]


def test_the_summary_of_a_bad_run_names_who_was_missed() -> None:
    """And when, so that the frames can be drawn again."""
    shown = text(summary(moment(60, alert("anna", 2)), None))
    assert "missed bert at gate, second 12.0 to 16.0" in shown
    assert shown[-1] == "not as it should be"


def test_what_stood_in_the_way_is_said() -> None:
    """A slow generator, a slow machine and frames without an outcome are told apart; nothing is said otherwise."""
    assert limits(moment(60, latest_s=0.9), {"alerted": 60}) == []
    assert limits(moment(60, latest_s=2.5), None) == [
        "the generator was the limit: camera gate was up to 2.5 s behind the clock"
    ]
    machine, unknown = limits(moment(60), {"alerted": 40, "shed": 17})
    assert "17 frames grew too old" in machine
    assert unknown.startswith("3 frames are not accounted for")


def test_people_are_named_or_counted() -> None:
    """Nobody, one, several."""
    assert who([]) == "nobody"
    assert who([PASSAGES[1]]) == "1 stranger"
    assert who([PASSAGES[1], PASSAGES[0], PASSAGES[1]]) == "anna, 2 strangers"
