"""Where every frame went: frames in = alerted + no match + shed + dead-lettered, by reason, always."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from cluster.measures import Measures
from cluster.telemetry.context import parse_traceparent
from operators.decide import Match
from operators.sightings import Sighting

CANDIDATE, CANARY = "candidate", "canary"  # why a frame led to an alert


class Outcome(StrEnum):
    """What became of a frame."""

    ALERTED = "alerted"
    NO_MATCH = "no_match"
    SHED = "shed"
    DEAD_LETTERED = "dead_lettered"


class NoMatch(StrEnum):
    """Why a frame led to no alert, the farthest stage any of its faces reached."""

    NO_FACE = "no_face"
    GATED = "gated"
    BELOW_THRESHOLD = "below_threshold"
    UNCONFIRMED = "unconfirmed"
    REPEATED = "repeated"


class Shed(StrEnum):
    """Why a frame was passed over unseen."""

    TOO_OLD = "too_old"
    SUPERSEDED = "superseded"  # a newer one took its place
    SAMPLED = "sampled"
    SKIPPED = "skipped"  # not even fetched: what was read had fallen too far behind
    EXPIRED = "expired"  # Kafka had deleted them before anybody read them
    OUT_OF_HOURS = "out_of_hours"  # outside the times that the policy names
    STOPPED = "stopped"  # somebody has ordered that nothing be looked at
    LAPSED = "lapsed"  # the policy has ended, or was to be reviewed or made stricter again by now


LIFE_STEP_MS = 10  # how long faces existed is counted in steps of this size
MAX_LIFE_STEP = 6000  # a minute; what is longer is counted there
AGE_STEP_MS = 50  # ages are counted in steps of this size
MAX_AGE_STEP = 1200  # a minute; what is older is counted there


@dataclass(frozen=True, slots=True)
class _GivenBack:
    """Frames that are another's to account for, so many that had no end yet, and those shed; replaced as a whole."""

    waiting: int = 0
    shed: Counter[str] = field(default_factory=Counter)

    @property
    def frames(self) -> int:
        return self.waiting + self.shed.total()


class Account:
    """Counts of one process since its start. Nothing in it tells one face from another.

    One thread counts, any thread may ask. Nothing that is kept ever becomes less; what may become less is worked out
    when it is asked for.

    Args:
        objective_s: From which on an alert is late.

    Attributes:
        measures: What is measured beside.
    """

    def __init__(self, objective_s: float = math.inf) -> None:
        self.measures = Measures(objective_s)
        self._taken_in = 0
        self._ended: Counter[tuple[str, str]] = Counter()
        self._back = _GivenBack()
        self.faces: Counter[str] = Counter()
        self.watched: Counter[str] = Counter()
        self.slow: Counter[str] = Counter()
        self.ages: Counter[int] = Counter()
        self.lives: Counter[int] = Counter()
        self.longest_life_ms = self.life_ceiling_ms = self.late_drops = 0
        self._unwritten: Counter[Shed] = Counter()

    def take_in(self, frames: int = 1) -> None:
        """Frames have come, or have been jumped over."""
        self._taken_in += frames

    def shed(self, reason: Shed, frames: int = 1) -> None:
        """Frames have reached their end unseen; until `written`, the ledger does not know yet."""
        self._ended[Outcome.SHED, reason] += frames
        self._unwritten[reason] += frames

    def written(self, reason: Shed, frames: int) -> None:
        """The ledger has so many of the frames shed."""
        self._unwritten[reason] -= frames

    def decided(self, camera: str, captured_at: datetime, age_ms: float) -> None:
        """A frame of a camera has been looked at, so long after it was captured.

        A frame of a clock that is ahead was captured now: otherwise it would stand for all that do not come later.
        """
        age_s = age_ms / 1000
        self.measures.decided(camera, captured_at.timestamp() + min(0.0, age_s), age_s)
        self.watched[camera] += 1
        self.ages[min(MAX_AGE_STEP, max(0, int(age_ms // AGE_STEP_MS) + 1))] += 1

    def sighted(self, camera: str, sightings: Sequence[Sighting]) -> None:
        """Faces of a frame have reached the thresholds of lists."""
        for each in sightings:
            if not each.match.is_canary:
                self.measures.sighted(camera, each.match.watchlist, each.verdict)

    def alerted(self, camera: str, match: Match) -> None:
        """An alert is handed to the broker. One about a canary is no alert about anybody."""
        self.measures.alerted(camera, match.watchlist)

    def readable(self, captured_at: datetime, at: datetime, traceparent: str | None) -> None:
        """Such an alert can be read since `at`: the broker has acknowledged it, or committed its transaction."""
        context = parse_traceparent(traceparent)
        trace_id = f"{context.trace_id:032x}" if context else None
        self.measures.readable((at - captured_at).total_seconds(), at.timestamp(), trace_id)

    def dropped(self, faces: int, lived_ms: int, ceiling_ms: int) -> None:
        """Faces that led to no alert have been dropped, so long after their frames were about to be decoded."""
        self.life_ceiling_ms = ceiling_ms
        self.measures.dropped(faces, lived_ms / 1000)
        self.lives[min(MAX_LIFE_STEP, lived_ms // LIFE_STEP_MS + 1)] += faces
        self.longest_life_ms = max(self.longest_life_ms, lived_ms)
        self.late_drops += lived_ms > ceiling_ms

    def close(self, outcome: Outcome, reason: str) -> None:
        """One frame has reached its end."""
        self._ended[outcome, reason] += 1

    @property
    def frames_in(self) -> int:
        """Frames taken in, without those given back."""
        return self._taken_in - self._back.frames

    @property
    def frames_out(self) -> Counter[tuple[str, str]]:
        """Frames that reached their end here, by outcome and reason, without those given back."""
        return self._out(self._back)

    @property
    def ended(self) -> int:
        """How many these are."""
        return self._ended.total() - self._back.shed.total()

    @property
    def given_back(self) -> int:
        """Frames that are another's to account for."""
        return self._back.frames

    @property
    def alerts(self) -> int:
        """Alerts handed to the broker."""
        return self.measures.alerts

    @property
    def open(self) -> int:
        """Frames taken in that have no outcome yet: between batches, those that wait."""
        waiting, ended = self._back.waiting, self._ended.total()  # in this order, as in `summary`
        return self._taken_in - waiting - ended

    def give_back(self) -> None:
        """What is open, and what was shed without the ledger knowing, is accounted for by whoever reads it next."""
        self.take_back(self.open, self._unwritten.copy())

    def take_back(self, waiting: int, shed: Mapping[Shed, int]) -> None:
        """Frames that are another's to account for: some that had no end yet, some shed and not yet written."""
        self._unwritten.subtract(shed)
        self._unwritten = +self._unwritten
        self._back = _GivenBack(self._back.waiting + waiting, self._back.shed + Counter(shed))

    def _out(self, back: _GivenBack) -> Counter[tuple[str, str]]:
        return self._ended.copy() - Counter({(Outcome.SHED, reason): frames for reason, frames in back.shed.items()})

    def summary(self) -> dict[str, object]:
        """Counts by outcome and reason, faces by what the gates said, cameras by frames looked at and by slow frames.

        Ages of frames when they were decided are counted by the end of their step, milliseconds; so is how long faces
        existed that led to no alert. `late_drops` are batches that took longer than the policy allows. Of the frames
        given back, `shed_given_back` had been shed, by reason.
        """
        back = self._back  # in this order: what was given back had come in, and has no other end than being shed
        out = self._out(back)
        frames_in = self._taken_in - back.frames
        outcomes: dict[str, dict[str, int]] = {outcome: {} for outcome in Outcome}
        for (outcome, reason), count in sorted(out.items()):
            outcomes[outcome][reason] = count
        return {
            "frames_in": frames_in,
            "open": frames_in - out.total(),
            "given_back": back.frames,
            "shed_given_back": dict(back.shed),
            **outcomes,
            "faces": dict(self.faces),
            "alerts": self.alerts,
            "watched": dict(self.watched),
            "slow": dict(self.slow),
            "lives_ms": {str(step * LIFE_STEP_MS): count for step, count in sorted(self.lives.items())},
            "longest_life_ms": self.longest_life_ms,
            "life_ceiling_ms": self.life_ceiling_ms,
            "late_drops": self.late_drops,
            "ages_ms": {str(step * AGE_STEP_MS): count for step, count in sorted(self.ages.items())},
        }
