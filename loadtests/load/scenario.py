"""Scenarios: what is shown to the cluster, and what it must make of it. One YAML file each, in loadtests/scenarios/."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from cluster.settings import Delivery
from cluster.strict_yaml import read
from loadtests.load.shapes import Shape
from loadtests.sought import MOST_LISTED, MOST_SEEDS
from operators.errors import SettingsRefused
from operators.freshness import Rule

FOLDER = Path(__file__).resolve().parent.parent / "scenarios"
MOST_PEOPLE = 8  # side by side in one picture


class Plant(StrEnum):
    """A fault that the load test's own reader plants, to show that the verdict finds it."""

    DELAY = "delay"  # alerts are read late
    SWALLOW = "swallow"  # one of five alerts is not seen
    WRONG = "wrong"  # one of five alerts is taken to be about somebody else


@dataclass(frozen=True, slots=True)
class Picture:
    """What cameras send.

    Attributes:
        width_px: Of a frame.
        height_px: Of a frame.
        quality: Of the JPEG, 1 to 100.
    """

    width_px: int
    height_px: int
    quality: int

    def __post_init__(self) -> None:
        if not (320 <= self.width_px <= 7680 and 240 <= self.height_px <= 4320):
            raise ValueError("width_px: a picture is 320x240 to 7680x4320")
        if not 1 <= self.quality <= 100:
            raise ValueError(f"quality: must be 1 to 100, found {self.quality}")


@dataclass(frozen=True, slots=True)
class People:
    """Who is shown. Nobody exists.

    Attributes:
        in_view: People in each frame.
        passage_s: How long somebody stays in view at the full rate.
        listed: How many people on the list are shown in turn.
        listed_share: Share of passages by them, 0 to 1.
        list_size: Entries on the list; those beyond `listed` are random vectors.
    """

    in_view: int
    passage_s: float
    listed: int
    listed_share: float
    list_size: int

    def __post_init__(self) -> None:
        if not 1 <= self.in_view <= MOST_PEOPLE:
            raise ValueError(f"in_view: 1 to {MOST_PEOPLE} people have room in a picture, found {self.in_view}")
        if not 2 <= self.listed <= MOST_LISTED:
            raise ValueError(f"listed: 2 to {MOST_LISTED}, found {self.listed}")
        if self.list_size < self.listed:
            raise ValueError(f"list_size: must be at least {self.listed}, as many as are listed")
        if not 0 <= self.listed_share <= 1 or self.passage_s <= 0:
            raise ValueError("listed_share: must lie in [0, 1], and passage_s above 0")


@dataclass(frozen=True, slots=True)
class Cluster:
    """What runs on this machine for the time of a run.

    Attributes:
        file: Cluster file, from where the scenario's file is; its policy is for people who do not exist.
        recognisers: How many.
        threads: Of each.
        delivery: How alerts and offsets are written.
        max_frame_age_ms: Older frames are shed, in place of the policy's number.
        rule: Which frames are looked at when too many come, in place of the policy's.
    """

    file: Path
    recognisers: int
    threads: int
    delivery: Delivery
    max_frame_age_ms: int
    rule: Rule

    def __post_init__(self) -> None:
        if min(self.recognisers, self.threads, self.max_frame_age_ms) < 1:
            raise ValueError("recognisers: these, threads and max_frame_age_ms must be at least 1")


@dataclass(frozen=True, slots=True)
class Limits:
    """What makes a verdict. What is null is told and not judged.

    Attributes:
        lost: Most frames that nobody accounts for.
        wrong: Most alerts about somebody who was not in view.
        repeated: Most alerts beyond the first about one passage, under another id.
        missed_share: Most listed passages without an alert, as a share of all.
        dead_lettered: Most frames that were put aside as dead letters.
        p50_ms: From the intended capture of the frame until the alert is read, the median.
        p95_ms: The same, 95th percentile.
        p99_ms: The same, 99th percentile.
        shed_share: Most frames shed, as a share of those sent.
        least_fps: Fewest frames a second that reach their end while frames are sent, shed ones and dead letters too.
        memory_mib: Most memory of all recognisers together.
    """

    lost: int
    wrong: int
    repeated: int
    missed_share: float
    dead_lettered: int
    shed_share: float | None
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    least_fps: float | None
    memory_mib: float | None


@dataclass(frozen=True, slots=True)
class Disturbance:
    """Something that is broken while frames come.

    Attributes:
        at_s: When, seconds after the begin.
        fault: Which: a name of `loadtests.faults.FAULTS`.
    """

    at_s: float
    fault: str


@dataclass(frozen=True, slots=True)
class Scenario:
    """What is shown, and what must come of it.

    Attributes:
        about: What it stands for, in a sentence.
        seed: Of everything that is drawn.
        cameras: How many.
        fps: Frames a second of each at the full rate.
        seconds: Length.
        warm_up_s: Before it begins, nobody listed is shown for so long at the full rate.
        shape: How the rate goes.
        picture: What is sent.
        people: Who is shown.
        cluster: What runs.
        faults: What is broken meanwhile.
        plant: What the reader of alerts does wrong on purpose; null: nothing.
        limits: What makes a verdict.
        name: Of its file, and not written in it.
        digest: SHA-256 of its file; the same.
    """

    about: str
    seed: int
    cameras: int
    fps: float
    seconds: float
    warm_up_s: float
    shape: Shape
    picture: Picture
    people: People
    cluster: Cluster
    faults: tuple[Disturbance, ...]
    plant: Plant | None
    limits: Limits
    name: str = ""
    digest: str = ""

    def __post_init__(self) -> None:
        if not 0 <= self.seed < MOST_SEEDS:
            raise ValueError(f"seed: 0 to {MOST_SEEDS - 1}, found {self.seed}")
        if self.cameras < 1 or self.fps <= 0 or self.seconds <= 0 or self.warm_up_s < 0:
            raise ValueError("cameras: must be at least 1, fps and seconds above 0, warm_up_s not below 0")
        if late := [each.fault for each in self.faults if not 0 <= each.at_s < self.seconds]:
            raise ValueError(f"faults: {late[0]!r} is not within the {self.seconds:g} seconds")

    @property
    def passage_frames(self) -> int:
        """Frames of one passage."""
        return max(1, round(self.people.passage_s * self.fps))

    @property
    def full_fps(self) -> float:
        """Frames a second of all cameras at the full rate."""
        return self.cameras * self.fps

    def changed(self, seconds: float | None, plant: Plant | None) -> "Scenario":
        """The same for another time, or with a planted fault; None: as it is.

        Raises:
            SettingsRefused: A fault would come after the end.
        """
        try:
            return replace(self, seconds=seconds or self.seconds, plant=plant or self.plant)
        except ValueError as error:
            raise SettingsRefused(f"--seconds: {error}") from None

    def at_fps(self, full_fps: float, warm: bool = True) -> "Scenario":
        """The same at so many frames a second of all cameras.

        How many frames must reach their end is then not asked: that number is of the scenario's own rate.

        Args:
            full_fps: Of all cameras together.
            warm: Whether it is warmed up.
        """
        limits = replace(self.limits, least_fps=None)
        warm_up_s = self.warm_up_s if warm else 0.0
        return replace(self, fps=full_fps / self.cameras, limits=limits, warm_up_s=warm_up_s)


def read_scenario(path: Path) -> Scenario:
    """The scenario in a file.

    Raises:
        SettingsRefused: With every fault found, by file, line and key.
    """
    found = read(path, Scenario)
    if found.name or found.digest:
        raise SettingsRefused(f"{path}: name, digest: are those of the file; remove them")
    file = (path.parent / found.cluster.file).resolve()
    if not file.is_file():
        raise SettingsRefused(f"{path}: cluster.file: {found.cluster.file} is not there; name a cluster file")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return replace(found, cluster=replace(found.cluster, file=file), name=path.stem, digest=digest)


def find_scenario(name: str) -> Path:
    """The file of a scenario: one of those that come along, by its name, or any by its path.

    Raises:
        SettingsRefused: There is none.
    """
    ready = FOLDER / f"{name}.yaml"
    path = ready if ready.is_file() else Path(name)
    if not path.is_file():
        known = ", ".join(each.stem for each in scenarios())
        raise SettingsRefused(f"{name}: no such scenario: name a file or one of {known}")
    return path


def scenarios() -> Sequence[Path]:
    """The files of all scenarios that come along."""
    return sorted(FOLDER.glob("*.yaml"))
