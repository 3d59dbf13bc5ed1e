"""Alerts held against the truth of a schedule: right, wrong, repeated, missed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np

from cluster.wire.text import parse_time
from loadtests.people.scenes import Passage, Schedule


class Judgement(StrEnum):
    """What an alert is worth."""

    RIGHT = "right"
    WRONG = "wrong"
    REPEATED = "repeated"


@dataclass(frozen=True, slots=True)
class Judged:
    """An alert, and what is true.

    Attributes:
        alert: As it was read.
        judgement: RIGHT for the first alert of a passage, by its own person; REPEATED for others of the same passage.
        at_s: When its frame was taken, seconds after the schedule's begin; None for a frame of somewhere else.
        in_view: Who was to be seen in that frame.
    """

    alert: Mapping[str, Any]
    judgement: Judgement
    at_s: float | None
    in_view: tuple[Passage, ...]

    @property
    def latency_ms(self) -> float:
        """From capture to alert."""
        return (parse_time(self.alert["alerted_at"]) - parse_time(self.alert["captured_at"])).total_seconds() * 1000


class Truth:
    """Judges the alerts of one run. The frame number n of a camera shows the schedule at n / fps seconds.

    Args:
        schedule: What the cameras show.
        stream: What its frames are published as; an alert about any other frame is wrong.

    Attributes:
        judged: Every alert so far, in the order they came.
    """

    def __init__(self, schedule: Schedule, stream: str) -> None:
        self._schedule = schedule
        self._stream = stream
        self._found: set[int] = set()
        self.judged: list[Judged] = []

    def judge(self, alert: Mapping[str, Any]) -> Judged:
        """Take in one alert."""
        frame = alert["frame"]
        ours = frame["stream"] == self._stream and frame["seq"] is not None
        at_s = frame["seq"] / self._schedule.fps if ours else None
        there = () if at_s is None else tuple(self._schedule.in_view(alert["camera"], at_s))
        judged = Judged(alert, self._judgement(alert["entry"], there), at_s, there)
        self.judged.append(judged)
        return judged

    def count(self, judgement: Judgement) -> int:
        """How many alerts were judged so."""
        return sum(one.judgement is judgement for one in self.judged)

    def came(self, seen_s: Mapping[str, float]) -> list[Passage]:
        """Everybody who has come into view.

        Args:
            seen_s: Up to which second of the schedule the frames of each camera count.
        """
        return [one for one in self._schedule.passages if one.enters_s < seen_s[one.camera]]

    def missed(self, seen_s: Mapping[str, float]) -> list[Passage]:
        """Listed people who have come and gone without a right alert; see `came`."""
        gone = [one for one in self.came(seen_s) if one.leaves_s <= seen_s[one.camera]]
        return [one for one in gone if one.entry is not None and one.number not in self._found]

    def is_good(self, seen_s: Mapping[str, float]) -> bool:
        """Whether each listed person who has gone alerted once, and nobody else did; see `came`."""
        return not self.missed(seen_s) and self.count(Judgement.RIGHT) == len(self.judged)

    def _judgement(self, entry: str, there: Sequence[Passage]) -> Judgement:
        passage = next((one for one in there if one.entry == entry), None)
        if passage is None:
            return Judgement.WRONG
        if passage.number in self._found:
            return Judgement.REPEATED
        self._found.add(passage.number)
        return Judgement.RIGHT


def percentiles_ms(judged: Sequence[Judged]) -> tuple[float, float]:
    """The median and the 99th percentile of the times from capture to alert; NaN without alerts."""
    times = [one.latency_ms for one in judged]
    if not times:
        return float("nan"), float("nan")
    middle, late = np.percentile(times, [50, 99])
    return float(middle), float(late)
