"""Alerts held against a timetable."""

from dataclasses import replace
from datetime import timedelta
from itertools import islice

import pytest

from cluster.wire.text import format_time
from loadtests.load.plants import check_plant, planted
from loadtests.load.scenario import Plant
from loadtests.load.timetable import Showing
from loadtests.load.truth import Judgement, Truth, percentile
from operators.errors import SettingsRefused
from tests.loadtests.load.runs import BEGIN, LIMITS, STREAM, alert, read, scenario, timetable

TIMETABLE = timetable(scenario())
LISTED = [each for each in TIMETABLE.showings if each.entry is not None]
STRANGER = next(each for each in TIMETABLE.showings if each.entry is None)


@pytest.fixture
def truth() -> Truth:
    """Of a run that has just begun."""
    return Truth(TIMETABLE, STREAM, BEGIN)


def test_the_first_alert_about_whoever_is_in_view_is_right(truth: Truth) -> None:
    """Its times run from the capture that was intended, and from the passage's first frame."""
    truth.take(read(alert(LISTED[0]), 120.0))
    [judged] = truth.judged
    assert judged.judgement is Judgement.RIGHT
    assert judged.captured_s == pytest.approx(LISTED[0].begins_s + 0.2, abs=1e-3)
    assert (judged.read_ms, judged.written_ms) == pytest.approx((120.0, 96.0))
    assert judged.entered_ms == pytest.approx(320.0, abs=1.0)
    assert len(truth.missed()) == len(LISTED) - 1


@pytest.mark.parametrize(
    "record",
    [
        alert(STRANGER, entry="sought-01"),
        alert(LISTED[0], entry="somebody else"),
        alert(LISTED[0], seq=10_000),
        {**alert(LISTED[0]), "frame": {"stream": "elsewhere", "seq": LISTED[0].first}},
        {**alert(LISTED[0]), "frame": {"stream": STREAM, "seq": None}},
        {**alert(LISTED[0]), "captured_at": format_time(BEGIN + timedelta(seconds=LISTED[0].begins_s + 0.202))},
    ],
    ids=[
        "nobody listed there",
        "another person",
        "a frame that never was",
        "another stream",
        "no number",
        "another time",
    ],
)
def test_any_other_alert_is_wrong(truth: Truth, record: dict[str, object]) -> None:
    """And finds nobody."""
    truth.take(read(record))
    assert truth.count(Judgement.WRONG) == 1
    assert len(truth.missed()) == len(LISTED)


def test_another_alert_about_the_same_passage_is_a_repetition(truth: Truth) -> None:
    """The same id again is none: a reader gives each id once."""
    truth.take(read(alert(LISTED[0])))
    truth.take(read(alert(LISTED[0])))
    truth.take(read(alert(LISTED[0], name="another")))
    assert (truth.count(Judgement.RIGHT), truth.count(Judgement.REPEATED), truth.again) == (1, 1, 1)


def test_another_content_under_a_known_id_is_wrong(truth: Truth) -> None:
    """Whoever reads each id once would never see it."""
    truth.take(read(alert(LISTED[0])))
    truth.take(read(alert(LISTED[0], entry="somebody else")))
    assert (truth.count(Judgement.RIGHT), truth.count(Judgement.WRONG), truth.again) == (1, 1, 1)


def test_times_run_from_the_timetable_and_not_from_what_an_alert_says(truth: Truth) -> None:
    """A cluster that dates frames later would make itself fast."""
    late = format_time(BEGIN + timedelta(seconds=LISTED[0].begins_s + 1.2))
    truth.take(replace(read(alert(LISTED[0]), 1500.0), alert={**alert(LISTED[0]), "captured_at": late}))
    [judged] = truth.judged
    assert (judged.judgement, judged.read_ms) == (Judgement.WRONG, pytest.approx(1500.0, abs=1.0))


def test_who_is_still_in_view_is_not_missed_yet(truth: Truth) -> None:
    """Only passages that are over count."""
    first = min(LISTED, key=lambda each: each.ends_s)
    assert truth.missed(first.ends_s) == []
    assert truth.missed(first.ends_s + 0.001) == [first]


def test_a_percentile_of_nothing_is_none() -> None:
    """And not a number that could be within a limit."""
    assert percentile([], 99) is None


def test_a_percentile_is_a_value_that_was_found() -> None:
    """Of few values p99 is the highest; one between it and the next would hide it."""
    assert percentile([100.0] * 41 + [3000.0], 99) == 3000.0
    assert percentile([1.0, 2.0, 3.0], 50) == 2.0


def after(plant: Plant | None) -> Truth:
    """The truth about a run in which every listed person alerted at once, with a fault planted."""
    truth = Truth(TIMETABLE, STREAM, BEGIN)
    for each in planted(plant)(read(alert(showing)) for showing in LISTED):
        truth.take(each)
    return truth


def test_without_a_plant_all_is_right() -> None:
    """The plants below change something that is whole."""
    found = after(None)
    assert found.count(Judgement.RIGHT) == len(LISTED)
    assert not found.missed()


def test_a_planted_delay_is_seen() -> None:
    """In every alert."""
    assert min(each.read_ms for each in after(Plant.DELAY).judged) > 5000


def test_a_swallowed_alert_is_missed() -> None:
    """The first, and one of five."""
    missed = after(Plant.SWALLOW).missed()
    assert missed == list(islice(LISTED, 0, None, 5))


def test_a_wrong_alert_is_found() -> None:
    """And whoever it should have been about is missed."""
    found = after(Plant.WRONG)
    wrong = found.count(Judgement.WRONG)
    assert wrong == len(found.missed()) == len(range(0, len(LISTED), 5))


def test_a_plant_goes_on_from_batch_to_batch() -> None:
    """One alert at a time comes from Kafka: not each of them is the first."""
    become = planted(Plant.SWALLOW)
    batches: list[Showing] = LISTED[:20]
    assert sum(len(list(become([read(alert(each))]))) for each in batches) == 16


def test_a_plant_that_would_not_be_found_is_refused() -> None:
    """Its limit allows as much as it does."""
    loose, late = replace(LIMITS, missed_share=0.2), replace(LIMITS, p99_ms=5000.0)
    for plant, limits, what in ((Plant.SWALLOW, loose, "missed_share"), (Plant.DELAY, late, "p50_ms")):
        check_plant(scenario(plant=plant))
        check_plant(scenario(limits=limits))
        with pytest.raises(SettingsRefused, match=what):
            check_plant(scenario(plant=plant, limits=limits))
