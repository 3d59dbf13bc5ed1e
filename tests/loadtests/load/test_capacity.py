"""What a search for a capacity tries, and what it says of what it found."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from io import StringIO

import pytest
from rich.console import Console

from cluster.wire.text import format_time
from loadtests.load.bracket import Outcome, Search
from loadtests.load.capacity import Capacity, find_capacity, steady
from loadtests.load.capacity_page import render
from loadtests.load.capacity_view import line, summary, watching
from loadtests.load.machine_watch import Usage
from loadtests.load.result import Result
from loadtests.load.samples import Sample
from loadtests.load.scenario import Disturbance, Plant, Scenario
from loadtests.load.sending import Sent
from loadtests.load.shapes import Course, Shape
from loadtests.load.trial import Trial, growth_fps, trial_of
from operators.errors import BrokerUnavailable, DeploymentFailed, SettingsRefused
from tests.loadtests.load.runs import BEGIN, alert, read, result, scenario, timetable

SHORT = scenario(seconds=9.0)


def run_of(asked: Scenario, late_ms: float = 100.0, limit: str | None = None) -> Result:
    """A run of a scenario, with alerts that take so long."""
    shown = timetable(asked)
    listed = [each for each in shown.showings if each.entry is not None]
    times = [BEGIN + timedelta(seconds=shown.due_s(each.camera, each.first + 1)) for each in listed]
    alerts = [alert(each) | {"captured_at": format_time(at)} for each, at in zip(listed, times, strict=True)]
    reads = [read(each, late_ms) for each in alerts]
    sent = Sent(shown.frames_total, shown.frames_total, 1000 * shown.frames_total, is_done=True, limit=limit)
    return replace(result(asked, reads, sent), stages={"detect": (100, 15.5)})


@dataclass
class Cluster:
    """Can look at `edge` frames a second; its sender sends no more than `sends`."""

    edge: float = 30.0
    sends: float = 1e9
    least: float = 0.0
    breaks_at: int = -1
    breaks: BaseException = field(default_factory=lambda: DeploymentFailed("not finished"))
    noisy: int = 0
    noise: str = "others"
    shown: list[Scenario] = field(default_factory=list)
    now_s: float = 0.0

    def check(self, asked: Scenario) -> None:
        """See `Runs`."""
        if asked.full_fps < self.least:
            raise SettingsRefused("send more")

    def run(self, asked: Scenario, told: Callable[[str], None], seen: Callable[[Sample], None]) -> Result:
        """See `Runs`."""
        if len(self.shown) == self.breaks_at:
            raise self.breaks
        self.shown.append(asked)
        self.now_s += 60.0
        limit = "sent late" if asked.full_fps > self.sends else None
        found = run_of(asked, 100.0 if asked.full_fps <= self.edge else 5000.0, limit)
        if len(self.shown) <= self.noisy:
            usage = Usage({self.noise: 0.9}, {}, None)
            found = replace(found, samples=[replace(each, usage=usage) for each in found.samples])
        seen(found.samples[-1])
        return found


@dataclass
class Notes:
    """Notes what it is told."""

    rates: list[float] = field(default_factory=list)
    samples: int = 0
    trials: list[Trial] = field(default_factory=list)

    def begins(self, fps: float, _: Scenario) -> None:
        """See `Watch`."""
        self.rates.append(fps)

    def sample(self, _: Sample) -> None:
        """See `Watch`."""
        self.samples += 1

    def ended(self, trial: Trial) -> None:
        """See `Watch`."""
        self.trials.append(trial)


def find(cluster: Cluster, minutes: float = 60.0, notes: Notes | None = None, repeats: int = 2) -> Capacity:
    """A search from 20 frames a second, to a tenth."""
    search = Search(20.0, precision=0.1, repeats=repeats)
    watch = notes or Notes()
    return find_capacity(cluster, SHORT, search, minutes, watch, lambda _: None, now_s=lambda: cluster.now_s)


def test_the_edge_is_found_and_said_with_how_often_it_was_seen() -> None:
    """One warm-up, and the watcher is told of each trial."""
    cluster, notes = Cluster(), Notes()
    found = find(cluster, notes=notes)
    low, high = found.bracket.holds, found.bracket.fails
    assert low is not None
    assert high is not None
    assert low.fps <= 30.0 < high.fps <= 1.1 * low.fps
    assert found.fps == low.fps
    assert found.text == (
        f"between {low.fps:.1f} frames a second, which held 2 of 2 times and {high.fps:.1f} frames a second, "
        "which did not hold 2 of 2 times"
    )
    assert found.edge is not None
    assert found.edge.fps == high.fps
    assert found.edge.saturation.first == "detect"
    assert notes.rates == [each.fps for each in notes.trials] == [each.full_fps for each in cluster.shown]
    assert notes.samples == len(notes.trials)
    assert not found.remarks
    assert found.ended == "nothing more was to be learnt"


def test_what_is_used_up_is_said_by_a_trial_that_did_not_hold() -> None:
    """And not by the last at that rate, which may have held."""
    found = find(Cluster(edge=0.0, least=20.0), repeats=3)
    fails = found.trials[0]
    holds = trial_of(20.0, run_of(SHORT), None)
    assert (fails.outcome, holds.outcome) == (Outcome.FAILS, Outcome.HOLDS)
    assert replace(found, trials=[fails, fails, holds]).edge is fails


def test_it_is_warmed_up_once() -> None:
    """Before the first trial."""
    cluster = Cluster()
    warm = replace(SHORT, warm_up_s=4.0)
    find_capacity(cluster, warm, Search(20.0, repeats=1), 60.0, Notes(), lambda _: None, now_s=lambda: cluster.now_s)
    assert [each.warm_up_s for each in cluster.shown[:3]] == [4.0, 0.0, 0.0]


def test_a_sender_that_is_the_limit_never_counts_as_capacity() -> None:
    """The cluster could do more, and that is said; nothing is said that was not seen."""
    found = find(Cluster(edge=1e6, sends=50.0))
    assert found.fps is not None
    assert found.fps <= 50.0
    assert "sending was the limit" in found.text
    assert "nothing is known of the cluster" in found.text
    assert found.edge is not None
    assert found.edge.saturation.first == "generator"


def test_no_trial_begins_that_would_end_after_the_time() -> None:
    """What is known by then is told, and that it was seen less often than asked for."""
    cluster = Cluster()
    found = find(cluster, minutes=3.5, repeats=3)
    assert len(cluster.shown) == 3
    assert found.ended == "the 3.5 minutes were over"
    assert any("seen less often" in each for each in found.remarks)


def test_a_cluster_at_which_nothing_holds_has_no_capacity() -> None:
    """Down to what can be asked for."""
    found = find(Cluster(edge=0.0, least=10.0))
    assert found.fps is None
    assert found.text.startswith("no rate held, down to 10.2 frames a second")
    assert "cannot be asked for with 4 cameras: send more" in found.ended


def test_a_rate_that_fails_while_other_programs_work_is_tried_again() -> None:
    """Until it has been often enough: a machine that is never quiet has a capacity, too, and it is said."""
    found = find(Cluster(edge=10.0, noisy=2), repeats=1)
    assert [each.outcome for each in found.trials[:3]] == [Outcome.DISTURBED, Outcome.DISTURBED, Outcome.FAILS]
    assert [each.fps for each in found.trials[:3]] == [20.0, 20.0, 20.0]
    assert any("in 2 of" in each and "of which 2 failed and do not count" in each for each in found.remarks)
    never = find(Cluster(edge=10.0, noisy=1000), repeats=1)
    assert [each.outcome for each in never.trials[:4]] == [*[Outcome.DISTURBED] * 3, Outcome.FAILS]
    stolen = find(Cluster(edge=10.0, noisy=1, noise="hypervisor"), repeats=1)
    assert stolen.trials[0].outcome is Outcome.DISTURBED
    quiet = find(Cluster(edge=30.0, noisy=1), repeats=1)
    assert quiet.trials[0].outcome is Outcome.HOLDS


@pytest.mark.parametrize(
    ("breaks", "why"),
    [
        (DeploymentFailed("not finished"), "not finished"),
        (BrokerUnavailable("gone"), "gone"),
        (KeyboardInterrupt(), "interrupted"),
    ],
)
def test_what_is_known_is_not_lost_when_the_cluster_breaks(breaks: BaseException, why: str) -> None:
    """Or Kafka does, or somebody has waited long enough; but what breaks before anything is known is an error."""
    found = find(Cluster(breaks_at=2, breaks=breaks))
    assert len(found.trials) == 2
    assert found.ended.endswith(f" frames a second was not tried to the end: {why}")
    with pytest.raises(type(breaks)):
        find(Cluster(breaks_at=0, breaks=breaks))


def waiting(frames: list[int]) -> list[Sample]:
    """Samples at each second at which so many frames wait."""
    one = result(SHORT, []).samples[0]
    return [
        replace(one, at_s=float(at), sent=Sent(frames=1000, due=1000), ended=1000 - count)
        for at, count in enumerate(frames, 1)
    ]


def test_what_waits_grows_or_does_not() -> None:
    """Commits come once a second: up and down is no growth."""
    assert growth_fps(waiting([0, 9, 1, 8, 2, 7, 0, 9, 1, 8, 2, 7]), 12.0) == pytest.approx(0.0, abs=0.3)
    assert growth_fps(waiting([3 * at for at in range(12)]), 12.0) == pytest.approx(3.0)
    assert growth_fps([], 12.0) == 0.0


def test_a_rate_at_which_what_waits_grows_does_not_hold() -> None:
    """Though every limit is kept so far: a longer run would break it."""
    good = run_of(SHORT)
    assert trial_of(20.0, good, None).outcome is Outcome.HOLDS
    growing = replace(good, samples=[replace(each, ended=int(0.8 * each.ended)) for each in good.samples])
    found = trial_of(20.0, growing, None)
    assert found.outcome is Outcome.FAILS
    assert "does not keep up" in found.why


def test_a_rate_that_kafka_does_not_take_does_not_hold() -> None:
    """Everything acknowledged has ended: what waits has not been sent yet, and no limit of time need see that."""
    good = run_of(SHORT)
    taken = [int(0.8 * each.ended) for each in good.samples]
    slow = [
        replace(each, sent=replace(each.sent, frames=count), ended=count)
        for each, count in zip(good.samples, taken, strict=True)
    ]
    found = trial_of(20.0, replace(good, samples=slow), None)
    assert (found.outcome, found.grows_fps) == (Outcome.FAILS, pytest.approx(4.0, rel=0.2))
    assert "does not keep up" in found.why


def test_a_rate_is_asked_for_without_faults_and_all_the_time() -> None:
    """How many frames must reach their end is of another rate."""
    asked = scenario(shape=Shape(Course.RAMP, least=0.2), faults=(Disturbance(3.0, "kill -9 a recogniser"),))
    found = steady(asked).at_fps(60.0)
    assert (found.full_fps, found.fps, found.faults) == (60.0, 15.0, ())
    assert found.shape == Shape(Course.CONSTANT)
    assert found.limits == replace(asked.limits, least_fps=None)


def test_a_capacity_is_drawn_and_printed() -> None:
    """From its JSON alone."""
    found = find(Cluster())
    document = json.loads(json.dumps(found.as_json()))
    page = render(document)
    assert page.count("<svg") == 4
    assert found.text in page
    assert "http://" not in page.replace("http://www.w3.org", "")
    assert document["form"] == "beholden.capacity.v1"
    assert "holds" in line(found.trials[0])
    assert summary(found)


@pytest.mark.parametrize("is_terminal", [True, False])
def test_a_search_is_shown_as_it_goes_on(is_terminal: bool) -> None:
    """A table that grows in a terminal, a line for each trial elsewhere."""
    screen = StringIO()
    cluster = Cluster()
    with watching(Console(file=screen, force_terminal=is_terminal, width=200)) as watch:
        search = Search(20.0, repeats=1)
        find_capacity(cluster, SHORT, search, 60.0, watch, lambda _: None, now_s=lambda: cluster.now_s)
    shown = screen.getvalue()
    assert ("frames/s" in shown) is is_terminal  # the head of the table
    assert "holds" in shown
    assert "fails" in shown
    assert shown.count("all is as it was asked") >= 2


def test_a_plant_is_refused() -> None:
    """It makes every rate fail."""
    from loadtests.load.capacity_command import _asked

    with pytest.raises(SettingsRefused, match="set it to null"):
        _asked(scenario(plant=Plant.DELAY), 10.0, None)
    assert _asked(scenario(), 10.0, 4).cluster.recognisers == 4
