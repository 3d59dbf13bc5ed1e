"""What is measured of one recogniser's work, beside the account of its frames. Counting, and nothing else."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from cluster.stages import Durations, Histogram, Stages, bucket_of


@dataclass(frozen=True, slots=True)
class Exemplar:
    """One of those that a histogram has counted, to be looked at.

    Attributes:
        trace_id: Of its trace, 32 hexadecimal digits.
        seconds: How long it took.
        at_s: When, Unix time.
    """

    trace_id: str
    seconds: float
    at_s: float


@dataclass(frozen=True, slots=True)
class Measured:
    """All that was measured, as plain values: it travels to the supervisor, and stands in `status --json`.

    Attributes:
        stages: How long each stage took.
        stage_errors: How often each failed.
        ages: From capture to decision, of each frame.
        lives: How long each face existed that led to no alert.
        latencies: From capture until an alert is handed over to be written.
        exemplars: The last of these with a trace, by the number of their bucket.
        late_alerts: Alerts that took longer than the objective.
        alerts: Camera, list, and how many.
        sightings: Camera, list, verdict, and how many.
        last_frames: When the newest decided frame of each camera was captured, Unix time.
    """

    stages: Mapping[str, Durations] = field(default_factory=dict)
    stage_errors: Mapping[str, int] = field(default_factory=dict)
    ages: Durations = field(default_factory=Durations)
    lives: Durations = field(default_factory=Durations)
    latencies: Durations = field(default_factory=Durations)
    exemplars: Mapping[str, Exemplar] = field(default_factory=dict)
    late_alerts: int = 0
    alerts: Sequence[tuple[str, str, int]] = ()
    sightings: Sequence[tuple[str, str, str, int]] = ()
    last_frames: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Work:
    """What one recogniser has in its hands.

    Attributes:
        busy_s: How long it has worked, since its dataflow began.
        waiting_bytes: Of JPEGs that wait for their turn.
        in_flight: Frames decided whose results are not acknowledged.
        paused: Partitions that are not fetched for now.
        waits_for_ledger: Whether it waits for the ledger.
        lag_s: How old the last fetched frame of each partition is while others wait behind it; 0 when none does.
    """

    busy_s: float
    waiting_bytes: int
    in_flight: int
    paused: int
    waits_for_ledger: bool
    lag_s: Mapping[str, float]


class Measures:
    """Counts for one process since its start. Not thread-safe, but read from any thread.

    Args:
        objective_s: From which on an alert is late.

    Attributes:
        stages: How long each stage took.
    """

    def __init__(self, objective_s: float = math.inf) -> None:
        self._objective_s = objective_s
        self.stages = Stages()
        self._ages, self._lives, self._latencies = Histogram(), Histogram(), Histogram()
        self._exemplars: dict[str, Exemplar] = {}
        self._late_alerts = 0
        self._alerts = Counter[tuple[str, str]]()
        self._sightings = Counter[tuple[str, str, str]]()
        self._last_frames: dict[str, float] = {}

    def decided(self, camera: str, captured_s: float, age_s: float) -> None:
        """A frame of a camera, captured at `captured_s` (Unix time), has been decided."""
        self._ages.took(age_s)
        self._last_frames[camera] = max(captured_s, self._last_frames.get(camera, 0.0))

    def dropped(self, faces: int, lived_s: float) -> None:
        """Faces that led to no alert are gone."""
        self._lives.took(lived_s, faces)

    def sighted(self, camera: str, watchlist: str, verdict: str) -> None:
        """A face has reached the threshold of a list."""
        self._sightings[camera, watchlist, verdict] += 1

    def alerted(self, camera: str, watchlist: str, latency_s: float, at_s: float, trace_id: str | None) -> None:
        """An alert is handed to the broker at `at_s` (Unix time), so long after its frame was captured."""
        self._alerts[camera, watchlist] += 1
        self._latencies.took(latency_s)
        self._late_alerts += latency_s > self._objective_s
        if trace_id is not None:
            self._exemplars[str(bucket_of(latency_s))] = Exemplar(trace_id, latency_s, at_s)

    @property
    def alerts(self) -> int:
        """All alerts."""
        return self._alerts.total()

    @property
    def measured(self) -> Measured:
        """All of it."""
        return Measured(
            stages=self.stages.durations,
            stage_errors=self.stages.errors,
            ages=self._ages.durations,
            lives=self._lives.durations,
            latencies=self._latencies.durations,
            exemplars=dict(self._exemplars),
            late_alerts=self._late_alerts,
            alerts=[(*key, count) for key, count in self._alerts.copy().items()],
            sightings=[(*key, count) for key, count in self._sightings.copy().items()],
            last_frames=dict(self._last_frames),
        )
