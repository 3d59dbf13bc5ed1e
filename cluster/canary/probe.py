"""One passage after the other of somebody who is listed for it, each held against the alert that must come."""

import json
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from cluster.ports import FramePublisher
from cluster.stages import Histogram
from cluster.telemetry.metric import EVERYWHERE
from cluster.telemetry.samples import Sample
from cluster.wire.alerts import is_canary
from operators.policy import Policy

FPS = 5.0
FORGOTTEN_S = 3600.0  # an alert is not waited for any longer: its frames were shed long ago
Read = Callable[[float], Iterable[bytes]]
"""What has been written to the alerts topic since it was last asked, after waiting for so many seconds."""


class NotShown(Exception):
    """Nothing was looked at during a passage, as its text says why: nobody was missed."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a canary walks.

    Attributes:
        deployment: Whose policy says so.
        camera: The camera that shows nobody who exists.
        watchlist: The list that it is on.
    """

    deployment: str
    camera: str
    watchlist: str


class Probe:
    """Shows a picture to a camera until the alert about it comes. Not thread-safe, but its samples may be asked for.

    Args:
        place: Where.
        jpeg: The picture; who is on it is on the list.
        now: The present, UTC-aware.
        within_s: An alert that takes longer is too late.
    """

    def __init__(self, place: Place, jpeg: bytes, now: Callable[[], datetime], within_s: float) -> None:
        self._place = place
        self._jpeg = jpeg
        self._now = now
        self._within_s = within_s
        self._sent = self._alerted = self._late = 0
        self._latencies = Histogram()
        self._last_alert_s = 0.0
        self._due_s = 0.0
        self._missed: dict[str, datetime] = {}  # streams of passages that nothing was told of yet

    def walk(self, publisher: FramePublisher, read: Read, halted: Callable[[], str | None]) -> float | None:
        """One passage; how many seconds after its first frame the alert could be read, None: it did not come in time.

        Args:
            publisher: The camera.
            read: The alerts.
            halted: Why nothing was looked at since it began, or is now; asked when no alert has come in time.

        Raises:
            NotShown: Something halted everything meanwhile; it is not counted.
            BrokerUnavailable: Frames cannot be written, or alerts not be read; it is not counted, see `fail`.
        """
        stream, began_at, frames = uuid.uuid4().hex, self._now(), 0
        recent = began_at - timedelta(seconds=FORGOTTEN_S)
        self._missed = {missed: at for missed, at in self._missed.items() if at > recent}
        took_s = None
        while took_s is None and (self._now() - began_at).total_seconds() < self._within_s:
            publisher.publish(self._place.camera, self._jpeg, self._now(), stream, frames)
            frames += 1
            found = self._look(read, {**self._missed, stream: began_at}, 1 / FPS)
            took_s = found.pop(stream, None)
            self._came_late(found)
        if took_s is None and (why := halted()) is not None:
            raise NotShown(why)
        self._sent += 1
        if took_s is None:
            self._missed[stream] = began_at
            return None
        self._alerted += 1
        return took_s

    def fail(self) -> None:
        """A passage could not be shown: nobody would have been alerted about then."""
        self._sent += 1

    def expect(self, seconds: float) -> None:
        """Within so many seconds a passage is to be over, or it is to be known why there is none."""
        self._due_s = self._now().timestamp() + seconds

    def wait(self, read: Read, seconds: float) -> None:
        """Wait for the next passage, and for alerts that are too late meanwhile."""
        until_s = self._now().timestamp() + seconds
        while (left_s := until_s - self._now().timestamp()) > 0:
            self._came_late(self._look(read, self._missed, min(left_s, 1.0)))

    def _came_late(self, streams: Iterable[str]) -> None:
        for stream in streams:
            del self._missed[stream]
            self._late += 1

    def _look(self, read: Read, begun: dict[str, datetime], timeout_s: float) -> dict[str, float]:
        """How long after their first frames alerts of these streams have come by now."""
        found: dict[str, float] = {}
        for value in read(timeout_s):
            if is_canary(value) and (stream := _stream(value)) in begun and stream not in found:
                now = self._now()
                found[stream] = (now - begun[stream]).total_seconds()
                self._latencies.took(found[stream])
                self._last_alert_s = now.timestamp()
        return found

    def samples(self) -> list[Sample]:
        """What has come of it so far."""
        place = self._place
        labels = {EVERYWHERE: place.deployment, "camera": place.camera, "list": place.watchlist}
        return [
            Sample("beholden_canary_sent_total", labels, self._sent),
            Sample("beholden_canary_alerted_total", labels, self._alerted),
            Sample("beholden_canary_late_total", labels, self._late),
            Sample("beholden_canary_last_alert_timestamp_seconds", labels, self._last_alert_s),
            Sample("beholden_canary_due_timestamp_seconds", labels, self._due_s),
            Sample("beholden_canary_latency_seconds", labels, durations=self._latencies.durations),
        ]


def _stream(value: bytes) -> str | None:
    frame = json.loads(value).get("frame")
    return frame.get("stream") if isinstance(frame, dict) else None


def place_of(policy: Policy, watchlist: str | None) -> Place | None:
    """Where a policy has its canary: on the list of that name, or on the only one that is for it; None: nowhere."""
    canaries = policy.canaries
    names = list(canaries) if watchlist is None else [name for name in canaries if name == watchlist]
    return Place(policy.deployment, canaries[names[0]], names[0]) if len(names) == 1 else None


def shortest_s(policy: Policy, within_s: float) -> float:
    """The least time between two passages: before it the one after would be taken for the same person again."""
    sightings = policy.sightings
    return within_s + sightings.cool_down_s + sightings.passage_gap_ms / 1000
