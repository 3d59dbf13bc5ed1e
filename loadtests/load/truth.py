"""Alerts held against the truth of a timetable: right, wrong, repeated, missed, and how long they took."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import numpy as np

from cluster.wire.text import parse_time
from loadtests.load.timetable import Showing, Timetable

TOLERANCE_S = 0.001  # alerts say milliseconds


class Judgement(StrEnum):
    """What an alert is worth."""

    RIGHT = "right"  # the first about a passage of somebody listed
    WRONG = "wrong"  # about somebody who was not in view, of another time, or another under an id that was used
    REPEATED = "repeated"  # another one about the same passage, under another id


@dataclass(frozen=True, slots=True)
class Read:
    """An alert as it was read.

    Attributes:
        alert: The record.
        written_at: Kafka's time of the record, UTC-aware.
        read_at: When it came to whoever reads alerts, UTC-aware, on the clock that also says when frames are captured.
    """

    alert: Mapping[str, Any]
    written_at: datetime
    read_at: datetime


@dataclass(frozen=True, slots=True)
class Judged:
    """An alert, and what is true. It says nothing of who it is about.

    Attributes:
        judgement: What it is worth.
        camera: Where.
        captured_s: When its frame was to be captured, seconds after the begin: as the timetable says, whatever the
            alert does; that of a frame that never was, as the alert says.
        read_ms: From there until it was read.
        written_ms: From there until Kafka's time of the record.
        entered_ms: From the first frame of the passage until it was read; None of a wrong one.
    """

    judgement: Judgement
    camera: str
    captured_s: float
    read_ms: float
    written_ms: float
    entered_ms: float | None


class Truth:
    """Judges the alerts of one run.

    Args:
        timetable: What cameras show.
        stream: As which stream; an alert about any other is wrong.
        begin: When the timetable begins, UTC-aware.

    Attributes:
        judged: Every alert, in the order they came.
        again: Records beyond the first of an alert's id: what a reader that gives each id once hides.
    """

    def __init__(self, timetable: Timetable, stream: str, begin: datetime) -> None:
        self._timetable = timetable
        self._stream = stream
        self._begin = begin
        self._entries: dict[str, str] = {}
        self._found: set[tuple[str, int]] = set()
        self.expected = [each for each in timetable.showings if each.entry is not None]
        self.judged: list[Judged] = []
        self.again = 0

    def take(self, read: Read) -> None:
        """Take in one alert."""
        alert = read.alert
        if alert["alert_id"] in self._entries:
            self.again += 1
            if self._entries[alert["alert_id"]] == alert["entry"]:
                return
        self._entries.setdefault(alert["alert_id"], alert["entry"])
        said_s = (parse_time(alert["captured_at"]) - self._begin).total_seconds()
        showing = self._showing(alert)
        captured_s = said_s if showing is None else self._timetable.due_s(showing.camera, alert["frame"]["seq"])
        is_in_time = abs(said_s - captured_s) <= TOLERANCE_S
        judgement = self._judge(alert["entry"], showing) if is_in_time else Judgement.WRONG
        read_s = (read.read_at - self._begin).total_seconds()
        entered_ms = None if judgement is Judgement.WRONG or showing is None else (read_s - showing.begins_s) * 1000
        written_ms = ((read.written_at - self._begin).total_seconds() - captured_s) * 1000
        read_ms = (read_s - captured_s) * 1000
        self.judged.append(Judged(judgement, alert["camera"], captured_s, read_ms, written_ms, entered_ms))

    def count(self, judgement: Judgement) -> int:
        """How many alerts were judged so."""
        return sum(each.judgement is judgement for each in self.judged)

    def missed(self, until_s: float = float("inf")) -> list[Showing]:
        """Passages of listed people that were over at a moment and have no alert."""
        found = self._found
        return [each for each in self.expected if each.ends_s < until_s and (each.camera, each.first) not in found]

    def _showing(self, alert: Mapping[str, Any]) -> Showing | None:
        frame = alert["frame"]
        is_ours = frame["stream"] == self._stream and frame["seq"] is not None
        return self._timetable.showing(alert["camera"], frame["seq"]) if is_ours else None

    def _judge(self, entry: str, showing: Showing | None) -> Judgement:
        if showing is None or showing.entry != entry:
            return Judgement.WRONG
        key = showing.camera, showing.first
        if key in self._found:
            return Judgement.REPEATED
        self._found.add(key)
        return Judgement.RIGHT


def percentile(values: Sequence[float], percent: float) -> float | None:
    """The least value that was found and that so many percent do not exceed; None without values."""
    return float(np.percentile(np.asarray(values), percent, method="higher")) if values else None
