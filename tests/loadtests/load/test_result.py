"""What a run comes to, its page, and what is said of it in a terminal."""

import io
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from click.testing import CliRunner
from rich.console import Console

from loadtests.load.command import load
from loadtests.load.live import following, summary
from loadtests.load.page import read_result
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


def test_without_a_terminal_a_run_is_plain_lines(whole: Result) -> None:
    """One every five seconds, without cursor movements; then the verdict."""
    console = Console(file=io.StringIO(), width=140)
    with following(SCENARIO, console) as seen:
        for each in whole.samples:
            seen(each)
    console.print(summary(whole))
    said = console.file.getvalue()  # type: ignore[attr-defined]
    assert "\x1b" not in said
    assert len(re.findall(r"^ +\d+ s  sent 20/s  ended 20/s  waiting 0", said, re.MULTILINE)) == 6
    assert said.rstrip().endswith("as it should be")


def test_in_a_terminal_a_run_is_shown_as_it_goes_on(whole: Result) -> None:
    """Time, rates, alerts and cores, on one screen."""
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
