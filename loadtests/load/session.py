"""A broker, a cluster and a watchlist for any number of runs of one scenario."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from cluster.plan import Plan, open_vision, read_plan
from cluster.strict_yaml import load
from loadtests.bench_frames import random_record
from loadtests.bench_run import temporary_run
from loadtests.demo import cluster_document
from loadtests.faults import FAULTS
from loadtests.load.plants import check_plant
from loadtests.load.pool import Pool
from loadtests.load.result import Result
from loadtests.load.running import Running
from loadtests.load.samples import Sample
from loadtests.load.scenario import Scenario
from loadtests.load.scenes import PoolSpec, open_pool
from loadtests.load.shapes import Course, Shape
from loadtests.load.timetable import Timetable, camera_names, plan
from loadtests.people.draws import draw_of
from loadtests.sought import enrol_all, portraits, sought, strangers
from loadtests.write_entries import write_entries
from operators.errors import SettingsRefused
from operators.models import People
from operators.sightings import SightingSettings

STRANGER_GROUPS = 24  # of people who are not listed; the more people in view, the more faces each shows
Told = Callable[[str], None]
Seen = Callable[[Sample], None]


class Session:
    """A running cluster whose watchlist holds the scenario's people. Runs follow one another.

    Args:
        scenario: What the first run shows; others may differ in rate and length.
        running: The cluster.
        pool: Pictures of its people.
        listed: Who is listed in which group of the pool.
    """

    def __init__(self, scenario: Scenario, running: Running, pool: Pool, listed: Mapping[int, str]) -> None:
        self._running = running
        self._pool = pool
        self._listed = listed
        self._not_before_s = 0.0
        self._partitions = running.plan.settings.kafka.frame_partitions
        self._cameras = camera_names(scenario.cameras, self._partitions)
        running.about |= {"scenario": scenario.digest, "pool": pool.digest, "frame_partitions": self._partitions}

    def run(self, scenario: Scenario, told: Told = lambda _: None, seen: Seen = lambda _: None) -> Result:
        """Show a scenario once, and judge what came of it.

        Args:
            scenario: The session's, maybe at another rate.
            told: Is told what is done, in words.
            seen: Is shown a sample each second.

        Raises:
            SettingsRefused: See `check`.
            DeploymentFailed: The run before is not finished, or this one could not be.
        """
        self.check(scenario)
        self._running.drain()
        if scenario.warm_up_s:
            told("warming up: nobody listed is in view")
            calm = replace(scenario, seconds=scenario.warm_up_s, shape=Shape(Course.CONSTANT), faults=())
            nobody = replace(calm, people=replace(calm.people, listed_share=0.0))
            self._running.warm_up(self._timetable(nobody), self._pool)
        timetable = self._timetable(scenario)
        time.sleep(max(0.0, self._not_before_s - time.monotonic()))
        told(f"{scenario.seconds:g} s of {scenario.full_fps:g} frames a second")
        try:
            return self._running.show(scenario, timetable, self._pool, seen)
        finally:
            self._not_before_s = time.monotonic() + self._again_s

    def check(self, scenario: Scenario) -> None:
        """Make sure that a scenario can be judged; see `check_pace`."""
        check_pace(scenario, self._running.plan.in_force.policy.sightings)

    @property
    def _again_s(self) -> float:
        """Until somebody may alert again, of one run and of the next."""
        return self._running.plan.in_force.policy.sightings.cool_down_s + 1

    def _timetable(self, scenario: Scenario) -> Timetable:
        return plan(scenario, self._cameras, self._listed, STRANGER_GROUPS, self._again_s)


@contextmanager
def open_session(scenario: Scenario, told: Told) -> Iterator[Session]:
    """Bring up all that runs of a scenario need, and take it down at the end.

    Args:
        scenario: What the first run shows.
        told: Is told what is done, in words.

    Raises:
        SettingsRefused: The scenario asks for what its cluster cannot do.
    """
    if unknown := [each.fault for each in scenario.faults if each.fault not in FAULTS]:
        raise SettingsRefused(f"faults: {unknown[0]!r} is not known; name one of {', '.join(FAULTS)}")
    check_plant(scenario)
    cluster, policy = documents(scenario)
    people = sought(scenario.seed, scenario.people.listed)
    told("drawing people who do not exist")
    pool = open_pool(pool_spec(scenario, people))
    told("starting a broker")
    with temporary_run(cluster, policy) as run:
        at_work = read_plan(run.file)
        vision = open_vision(at_work)
        told(f"enrolling {scenario.people.list_size} entries")
        enrol_all(at_work, vision, portraits(vision, people))
        fill_up(at_work, scenario.people.list_size - len(people), scenario.seed)
        told("starting the cluster")
        run.beholden("up", "-f", str(run.file))
        with closing(Running(run, at_work)) as running:
            yield Session(scenario, running, pool, dict(enumerate(people)))


def pool_spec(scenario: Scenario, people: Mapping[str, int]) -> PoolSpec:
    """The pictures that a scenario needs."""
    return PoolSpec(
        seed=scenario.seed,
        width_px=scenario.picture.width_px,
        height_px=scenario.picture.height_px,
        quality=scenario.picture.quality,
        people=scenario.people.in_view,
        listed=people,
        strangers=strangers(scenario.seed),
        groups=STRANGER_GROUPS,
    )


def documents(scenario: Scenario) -> tuple[dict[str, Any], dict[str, Any]]:
    """The cluster file and the policy of a run: the scenario's own, with its cameras and its numbers.

    Raises:
        SettingsRefused: The policy is for people who exist.
    """
    asked = scenario.cluster
    cluster = cluster_document(asked.file)
    policy: dict[str, Any] = load(Path(cluster.pop("policy")))
    if policy.get("people") != People.SYNTHETIC:
        raise SettingsRefused(f"{asked.file}: its policy is for real people; a load test shows people who do not exist")
    kafka = cluster.get("kafka", {})
    cameras = camera_names(scenario.cameras, kafka.get("frame_partitions", 8))
    lanes = cluster.get("recognisers", {}) | {"count": asked.recognisers, "threads": asked.threads}
    policy |= {
        "deployment": "load",
        "cameras": list(cameras),
        "max_frame_age_ms": asked.max_frame_age_ms,
        "freshness": {"rule": str(asked.rule)},
        "watchlists": {
            name: rule | {"most_entries": scenario.people.list_size} for name, rule in policy["watchlists"].items()
        },
    }
    return cluster | {"recognisers": lanes, "delivery": str(asked.delivery)}, policy


def check_pace(scenario: Scenario, sightings: SightingSettings) -> None:
    """Make sure that everybody listed can be confirmed, and that nobody is taken for whoever was there before.

    Raises:
        SettingsRefused: With what to change.
    """
    slowest_ms = 1000 / (scenario.fps * scenario.shape.lowest)
    if slowest_ms >= sightings.passage_gap_ms:
        raise SettingsRefused(
            f"fps: frames are up to {slowest_ms:.0f} ms apart, and the policy joins only those within "
            f"{sightings.passage_gap_ms} ms; send more, or raise shape.least"
        )
    lasts_ms = 1000 * scenario.passage_frames / scenario.fps
    if lasts_ms <= sightings.passage_gap_ms or scenario.passage_frames < sightings.of_frames:
        least = max(sightings.passage_gap_ms / 1000, sightings.of_frames / scenario.fps)
        raise SettingsRefused(f"people.passage_s: must be above {least:g}, or passages run into one another")


def fill_up(at_work: Plan, count: int, seed: int) -> None:
    """Put so many random vectors on the list, as unlike each other and everybody as chance has it."""
    now, draw = datetime.now(UTC), draw_of(seed, 62)

    def entry(number: int) -> tuple[str, bytes]:
        vector = draw.standard_normal(at_work.embedder.dimension or 0).astype(np.float32)
        ref = f"random-{number:07d}"
        return ref, random_record(ref, vector / np.linalg.norm(vector), at_work, now)

    if count > 0:
        write_entries(at_work.settings.kafka, map(entry, range(count)))
