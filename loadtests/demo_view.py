"""What the demonstration shows: a live table of alerts with the truth beside each, and a summary."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from loadtests.demo_camera import Progress
from loadtests.demo_truth import Judged, Judgement, Truth, percentiles_ms
from loadtests.people.scenes import Passage, Schedule

ROWS = 14
LATE_S = 1.0  # a camera that is later than this does not keep its pace
_COLOURS = {Judgement.RIGHT: "green", Judgement.WRONG: "bold red", Judgement.REPEATED: "yellow"}
_QUIET = "bright_black"


@dataclass(frozen=True, slots=True)
class Moment:
    """A moment of the demonstration, or its end.

    Attributes:
        schedule: What the cameras show.
        truth: What came of it so far.
        progress: How far each camera has come.
        grace_s: A listed person who left less than this ago is not missed yet.
    """

    schedule: Schedule
    truth: Truth
    progress: Mapping[str, Progress]
    grace_s: float

    @property
    def came(self) -> list[Passage]:
        """Everybody who has come into view."""
        return self.truth.came(self._seen_s(0.0))

    @property
    def missed(self) -> list[Passage]:
        """Listed people who have come and gone without a right alert."""
        return self.truth.missed(self._seen_s(self.grace_s))

    @property
    def is_good(self) -> bool:
        """Whether every alert so far was right and nobody was missed."""
        return self.truth.is_good(self._seen_s(self.grace_s))

    @property
    def published(self) -> int:
        """Frames of all cameras."""
        return sum(one.published for one in self.progress.values())

    def in_view(self, camera: str) -> list[Passage]:
        """Who is to be seen in the latest frame of a camera."""
        published = self.progress[camera].published
        return self.schedule.in_view(camera, (published - 1) / self.schedule.fps) if published else []

    def _seen_s(self, grace_s: float) -> dict[str, float]:
        return {camera: one.published / self.schedule.fps - grace_s for camera, one in self.progress.items()}


def live(now: Moment) -> Group:
    """The table of the last alerts and misses, who is in view, and counts."""
    return Group(alerts(now), Text(), _cameras(now), Text(), *_counts(now))


def alerts(now: Moment) -> RenderableType:
    """The last alerts and misses."""
    table = Table(box=None, header_style=_QUIET, pad_edge=False, padding=(0, 2, 0, 0))
    for name in ("alerted at", "camera", "possible match", "cosine", "threshold", "after", "truth"):
        table.add_column(name, justify="right" if name in ("cosine", "threshold", "after") else "left", no_wrap=True)
    rows: list[Judged | Passage] = sorted([*now.truth.judged, *now.missed], key=_when)
    for row in rows[-ROWS:]:
        table.add_row(*(_missed_row(row) if isinstance(row, Passage) else _alert_row(row)))
    return table if rows else Group(table, Text("nobody yet: the first people are on their way", _QUIET))


def summary(end: Moment, account: Mapping[str, int] | None) -> Group:
    """What happened, in a few lines.

    Args:
        end: The last moment.
        account: Frames by what became of them, when the cluster was asked.
    """
    became = ", ".join(f"{count} {outcome.replace('_', ' ')}" for outcome, count in (account or {}).items())
    lines = [*_counts(end), Text(f"frames     {end.published} published" + (f": {became}" if became else ""))]
    lines += [
        Text(f"missed     {one.entry} at {one.camera}, second {one.enters_s:.1f} to {one.leaves_s:.1f}", "red")
        for one in end.missed
    ]
    lines += [Text(text, "yellow") for text in limits(end, account)]
    verdict = "every listed person alerted once, nobody else" if end.is_good else "not as it should be"
    return Group(*lines, Text(verdict, "bold green" if end.is_good else "bold red"))


def limits(end: Moment, account: Mapping[str, int] | None) -> list[str]:
    """What stood in the way of a fair run: cameras that fell behind, frames that were not looked at."""
    found = [
        f"the generator was the limit: camera {camera} was up to {one.latest_s:.1f} s behind the clock"
        for camera, one in end.progress.items()
        if one.latest_s > LATE_S
    ]
    if account is None:
        return found
    if shed := account.get("shed"):
        found.append(f"the machine was the limit: {shed} frames grew too old before they were looked at")
    if (unknown := end.published - sum(account.values())) > 0:
        found.append(f"{unknown} frames are not accounted for: a recogniser was replaced, or did not finish in time")
    return found


def who(there: Sequence[Passage]) -> str:
    """The people of a frame, listed ones by their reference."""
    strangers = sum(one.entry is None for one in there)
    words = [one.entry for one in there if one.entry is not None]
    if strangers:
        words.append(f"{strangers} stranger{'s' * (strangers > 1)}")
    return ", ".join(words) or "nobody"


def _when(row: Judged | Passage) -> float:
    """Seconds of the schedule; an alert about a frame of somewhere else comes last, where it is seen."""
    if isinstance(row, Passage):
        return row.leaves_s
    return float("inf") if row.at_s is None else row.at_s


def _alert_row(row: Judged) -> list[Text]:
    alert = row.alert
    said = Text(row.judgement, _COLOURS[row.judgement])
    if row.judgement is Judgement.WRONG:
        said.append(f": in view {who(row.in_view)}")
    return [
        Text(alert["alerted_at"][11:23], _QUIET),
        Text(alert["camera"], "cyan"),
        Text(alert["entry"], "bold"),
        Text(f"{alert['cosine']:.3f}"),
        Text(f"{alert['threshold']:.2f}", _QUIET),
        Text(f"{row.latency_ms:.0f} ms"),
        said,
    ]


def _missed_row(passage: Passage) -> list[Text]:
    nothing = Text("-", _QUIET)
    said = Text(f"missed: {passage.entry} walked by", "bold red")
    return [nothing, Text(passage.camera, "cyan"), nothing, nothing, nothing, nothing, said]


def _cameras(now: Moment) -> RenderableType:
    table = Table.grid(padding=(0, 2, 0, 0))
    for camera, one in now.progress.items():
        late = Text(f"{one.late_s:.1f} s behind the clock", "red") if one.late_s > LATE_S else Text()
        there = who(now.in_view(camera))
        table.add_row(Text(camera, "cyan"), Text(f"{one.published} frames"), Text(f"in view: {there}"), late)
    return table


def _counts(now: Moment) -> list[Text]:
    """Passages, alerts and how fast they were."""
    truth, missed = now.truth, len(now.missed)
    listed = sum(one.entry is not None for one in now.came)
    found = Text(f"alerts     {len(truth.judged)}: ")
    for judgement in Judgement:
        count = truth.count(judgement)
        found.append(f"{count} {judgement}", _COLOURS[judgement] if count else _QUIET).append(", ")
    found.append(f"{missed} missed", "bold red" if missed else _QUIET)
    if (undecided := listed - truth.count(Judgement.RIGHT) - missed) > 0:
        found.append(f", {undecided} on the way", _QUIET)
    lines = [Text(f"passages   {len(now.came)}, {listed} of them by people on the list"), found]
    if truth.judged:
        middle, late = percentiles_ms(truth.judged)
        lines.append(Text(f"latency    p50 {middle:.0f} ms, p99 {late:.0f} ms from capture to alert"))
    return lines
