"""What a run comes to, its page, and what is said of it in a terminal."""

import io
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from rich.console import Console

from cluster.settings import Delivery
from loadtests.load.command import load
from loadtests.load.live import following, summary
from loadtests.load.page import read_result, render
from loadtests.load.result import Result
from loadtests.load.scenario import Disturbance
from loadtests.load.sending import Sent
from operators.errors import SettingsRefused
from tests.loadtests.load.runs import LISTED, alert, read, result, scenario, timetable

SCENARIO = scenario(faults=(Disturbance(10.0, "none"),))
RIGHT = [read(alert(each)) for each in timetable(SCENARIO).showings if each.entry is not None]


@pytest.fixture(scope="module")
def whole() -> Result:
    """All as it should be."""
    return result(SCENARIO, RIGHT)


def test_a_whole_run_is_good_and_its_figures_add_up(whole: Result) -> None:
    """Sent = alerted + no match + shed + dead-lettered + lost."""
    found = whole.as_json()
    frames = found["frames"]
    ends = sum(sum(frames[name].values()) for name in ("alerted", "no_match", "shed", "dead_lettered"))
    assert found["verdict"]["good"]
    assert frames["sent"] == ends + frames["lost"] == 600
    assert found["throughput_fps"] == pytest.approx(20.0)
    assert found["latency_ms"]["capture_to_read"]["p99"] == pytest.approx(100.0)
    assert found["passages"]["right"] == found["passages"]["expected"] == len(RIGHT)
    assert (found["lag_end"], found["cores"]["recognisers"]) == (0, pytest.approx(0.8))


def test_a_sender_that_is_the_limit_makes_no_good_verdict() -> None:
    """Nothing follows for the cluster from frames that were not sent in time."""
    found = result(SCENARIO, RIGHT, Sent(600, 600, 1, is_done=True, limit="one core was not enough"))
    assert not found.verdict.is_good
    assert "sending was the limit: one core was not enough" in found.remarks


def test_a_kafka_that_held_sending_up_is_judged_by_what_that_did_to_alerts() -> None:
    """It belongs to what is tested: the frames have the times at which they were due."""
    found = result(SCENARIO, RIGHT, Sent(600, 600, 1, is_done=True, held_s=7.25))
    assert found.verdict.is_good
    assert "Kafka held sending up for 7.2 s: the wait is in the times" in found.remarks


def test_a_recogniser_that_nobody_asked_to_be_replaced_makes_no_good_verdict() -> None:
    """Its counts are gone; where a fault was asked for it is judged by what is left outside."""
    unasked, asked = result(scenario(), RIGHT), result(SCENARIO, RIGHT)
    assert not of_ledger(unasked, is_whole=False).found.lost
    assert [each.name for each in of_ledger(unasked, is_whole=False).verdict.broken] == ["recognisers replaced"]
    assert of_ledger(asked, is_whole=False).verdict.is_good


def test_what_a_recogniser_that_died_has_shed_and_put_aside_is_taken_from_topics(whole: Result) -> None:
    """Those that are left count only their own."""
    more = [replace(each, frames=400) for each in whole.shed]
    found = of_ledger(replace(whole, shed=more, dead_letters=3), is_whole=False)
    assert (found.found.shed_share, found.found.dead_lettered) == (pytest.approx(2 / 3), 3)
    assert {each.name for each in found.verdict.broken} == {"frames shed", "frames dead-lettered"}
    assert found.as_json()["frames"]["shed_share"] == pytest.approx(2 / 3)


def test_frames_put_aside_make_no_good_verdict(whole: Result) -> None:
    """They have an end, and nobody has looked at them."""
    found = of_ledger(whole, ended={("no_match", "no_face"): 520, ("dead_lettered", "undecodable"): 80})
    assert [each.name for each in found.verdict.broken] == ["frames dead-lettered"]


def test_frames_looked_at_twice_leave_open_what_was_lost(whole: Result) -> None:
    """It is said everywhere, and the verdict is not good."""
    found = of_ledger(whole, ended={("no_match", "no_face"): 605})
    assert [each.name for each in found.verdict.broken] == ["frames lost"]
    assert any("5 frames were processed twice" in each for each in found.remarks)
    assert found.as_json()["frames"]["lost"] is None
    assert "not known" in render(found.as_json())


def test_exactly_once_forbids_a_record_written_twice() -> None:
    """At-least-once allows it: a reader gives each id once."""
    once = replace(SCENARIO, cluster=replace(SCENARIO.cluster, delivery=Delivery.EXACTLY_ONCE))
    assert result(SCENARIO, [*RIGHT, RIGHT[0]]).verdict.is_good
    assert [each.name for each in result(once, [*RIGHT, RIGHT[0]]).verdict.broken] == ["records written twice"]


def test_memory_of_nobody_is_not_known(whole: Result) -> None:
    """And not 0."""
    usage = replace(whole.samples[0].usage, memory_bytes={"ray": 1 << 30})
    found = replace(whole, samples=[replace(each, usage=usage) for each in whole.samples])
    assert whole.found.memory_mib == pytest.approx(500)
    assert found.found.memory_mib is None


def test_a_run_that_showed_nobody_listed_is_not_good() -> None:
    """It would miss nobody."""
    nobody = replace(scenario(), people=replace(SCENARIO.people, listed_share=0.0))
    assert "passages of listed people" in [each.name for each in result(nobody, []).verdict.broken]


def of_ledger(found: Result, **changes: Any) -> Result:
    """The same with other counts."""
    return replace(found, ledger=replace(found.ledger, **changes))


def test_it_can_be_kept_as_json_and_names_nobody(whole: Result) -> None:
    """Neither who was listed nor who was alerted about."""
    text = json.dumps(whole.as_json(), allow_nan=False)
    assert not any(entry in text for entry in LISTED.values())


class _Reader(HTMLParser):
    """Notes what a page would fetch."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.fetched: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Scripts, pictures, style sheets, frames; references within the page are its own."""
        self.open += [tag] if tag in ("script", "img", "link", "iframe", "object") else []
        self.fetched += [value for name, value in attrs if name in ("src", "href") and value and value[0] != "#"]


def test_the_page_is_made_from_the_file_alone_and_fetches_nothing(whole: Result, tmp_path: Path) -> None:
    """It says the verdict, shows every plot and the scenario, and opens without a network."""
    kept, page = tmp_path / "run.json", tmp_path / "run.html"
    kept.write_text(json.dumps(whole.as_json()))
    done = CliRunner().invoke(load, ["report", str(kept), "-o", str(page)])
    assert done.exit_code == 0, done.output
    text = page.read_text()
    reader = _Reader()
    reader.feed(text)
    assert (reader.open, reader.fetched) == ([], [])
    assert not re.search(r"url\((?!#)|@import", text)
    assert text.count("<svg") == 9
    for words in ("as it should be", "Four cameras that never were.", "beholden-load run never", "passage_s: 1.6"):
        assert words in text
    assert "#01010" not in text  # every colour is the page's own, for light and for dark


def test_what_is_no_result_is_refused(tmp_path: Path) -> None:
    """With what writes one."""
    for content, what in (("{}", "not a result of form"), ("<html>", "not JSON that can be read")):
        file = tmp_path / "other.json"
        file.write_text(content)
        with pytest.raises(SettingsRefused, match=what):
            read_result(file)


@pytest.mark.parametrize("is_dumb", [False, True])
def test_without_a_terminal_a_run_is_plain_lines(whole: Result, monkeypatch: pytest.MonkeyPatch, is_dumb: bool) -> None:
    """Or on one whose cursor does not move: one every five seconds; then the verdict."""
    monkeypatch.setenv("TERM", "dumb" if is_dumb else "xterm")
    console = Console(file=io.StringIO(), width=140, force_terminal=is_dumb, color_system=None)
    with following(SCENARIO, console) as seen:
        for each in whole.samples:
            seen(each)
    console.print(summary(whole))
    said = console.file.getvalue()  # type: ignore[attr-defined]
    assert "\x1b" not in said
    assert len(re.findall(r"^ +\d+ s  sent 20/s  ended 20/s  waiting 0", said, re.MULTILINE)) == 6
    assert said.rstrip().endswith("as it should be")


def test_in_a_terminal_a_run_is_shown_as_it_goes_on(whole: Result, monkeypatch: pytest.MonkeyPatch) -> None:
    """Time, rates, alerts and cores, on one screen."""
    monkeypatch.setenv("TERM", "xterm")
    console = Console(file=io.StringIO(), width=140, force_terminal=True)
    with following(SCENARIO, console) as seen:
        seen(whole.samples[0])
        seen(whole.samples[10])
        console.file.seek(0)  # type: ignore[attr-defined]
    said = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", console.file.getvalue())  # type: ignore[attr-defined]
    assert "10 of 30 s" in said
    assert "recognisers 0.80" in said


def test_what_is_there_is_listed() -> None:
    """With what each stands for."""
    done = CliRunner().invoke(load, ["scenarios"], env={"COLUMNS": "200"})
    assert done.exit_code == 0
    assert "smoke" in done.output
    assert "A recogniser is killed" in done.output
