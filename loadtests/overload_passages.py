"""Listed people who walk past cameras while more comes than can be looked at."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeVar

from cluster.plan import Plan
from cluster.wire.text import parse_time
from loadtests.bench_frames import LISTED, LISTED_EVERY, PEOPLE
from loadtests.sought import portraits, sought
from operators.vision import Seen, Vision

T = TypeVar("T")

IN_VIEW = timedelta(seconds=2)
APART = timedelta(seconds=4)  # from one passage of a camera to the next
WITHIN = timedelta(seconds=3)


@dataclass(frozen=True, slots=True)
class Passage:
    """A listed person in view of one camera.

    Attributes:
        camera: Which.
        entry: Who.
        begin: Capture time of the first frame.
    """

    camera: str
    entry: str
    begin: datetime


@dataclass(slots=True)
class Passages:
    """Who is in view of which camera when: on each camera somebody listed for 2 s in every 4 s, strangers otherwise.

    Attributes:
        listed: Who is to be seen in a picture, by the picture's number.
        others: Numbers of pictures without anybody listed.
        all: Passages so far.
    """

    listed: Mapping[int, str]
    others: Sequence[int]
    all: list[Passage] = field(default_factory=list)
    _now: dict[str, tuple[Passage, int]] = field(default_factory=dict)
    _turn: int = 0

    def picture(self, camera: str, now: datetime) -> int:
        """Number of the picture that a camera sends."""
        self._turn += 1
        passage, number = self._now.get(camera, (None, 0))
        if passage is None or now - passage.begin >= APART:
            number = sorted(self.listed)[len(self.all) % len(self.listed)]
            passage = Passage(camera, self.listed[number], now)
            self._now[camera] = (passage, number)
            self.all.append(passage)
        return number if now - passage.begin < IN_VIEW else self.others[self._turn % len(self.others)]

    def found(self, alerts: Sequence[Mapping[str, Any]]) -> float:
        """The part of passages with an alert about their own person within 3 s."""
        times: dict[tuple[str, str], list[tuple[datetime, datetime]]] = {}
        for alert in alerts:
            at = parse_time(alert["captured_at"]), parse_time(alert["alerted_at"])
            times.setdefault((alert["camera"], alert["entry"]), []).append(at)
        return sum(_is_found(each, times.get((each.camera, each.entry), ())) for each in self.all) / len(self.all)


def _is_found(passage: Passage, alerts: Sequence[tuple[datetime, datetime]]) -> bool:
    begin = passage.begin.replace(microsecond=passage.begin.microsecond // 1000 * 1000)  # as alerts tell times
    return any(begin <= captured < begin + IN_VIEW and alerted <= begin + WITHIN for captured, alerted in alerts)


def recognised(pictures: Sequence[bytes], vision: Vision, plan: Plan) -> dict[int, str]:
    """Who is listed and recognised in which picture: what is missed then is missed for want of time."""
    people = sought(PEOPLE, LISTED)
    vectors = {ref: seen.vectors[0] for ref, seen in _seen(vision, portraits(vision, people))}
    refs = list(people)
    shown = {number: refs[number // LISTED_EVERY % LISTED] for number in range(0, len(pictures), LISTED_EVERY)}
    threshold = plan.in_force.policy.lowest_threshold
    return {
        number: shown[number]
        for number, seen in _seen(vision, {number: pictures[number] for number in shown})
        if shown[number] in vectors and float((seen.vectors @ vectors[shown[number]]).max()) >= threshold
    }


def _seen(vision: Vision, jpegs: Mapping[T, bytes]) -> Iterator[tuple[T, Seen]]:
    """Each picture in which a face is good enough."""
    for name, jpeg in jpegs.items():
        [seen] = vision.see([jpeg])
        if isinstance(seen, Seen) and len(seen.vectors):
            yield name, seen
