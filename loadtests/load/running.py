"""A cluster that is up: frames go in, and alerts, commits, the ledger and the machine are watched from outside."""

import hashlib
import json
import shlex
import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, closing
from itertools import count
from typing import Any

from cluster.clocks import SystemClock
from cluster.kafka.reader import TopicReader
from cluster.kafka.topics import DEAD_LETTERS, FRAMES, LEDGER
from cluster.plan import Plan
from cluster.ports import Record
from cluster.wire.shed import parse_shed
from loadtests.bench_cluster import lanes_of
from loadtests.bench_commits import Commits
from loadtests.bench_report import machine
from loadtests.load.accounts import Ledger, told, told_by_all
from loadtests.load.alert_watch import AlertWatch
from loadtests.load.finish import await_finished
from loadtests.load.follow import SETTLE_S, Follow, Seen
from loadtests.load.generator import Generator, processes_for
from loadtests.load.harms import Harms
from loadtests.load.machine_watch import MachineWatch
from loadtests.load.pool import Pool
from loadtests.load.result import Result
from loadtests.load.scenario import Scenario
from loadtests.load.sending import Sender
from loadtests.load.timetable import Timetable
from loadtests.load.truth import Truth
from loadtests.load.turns import shares
from loadtests.temporary import Temporary
from operators.errors import DeploymentFailed

STEP_S = 0.1
DRAIN_S = 180.0  # for what a run has left behind


class Running:
    """A cluster that is up, with nothing else to do.

    Args:
        run: Where it runs.
        plan: What it runs.
    """

    def __init__(self, run: Temporary, plan: Plan) -> None:
        self.plan = plan
        self._run = run
        self._kafka = plan.settings.kafka
        self._numbers = count(1)
        state = run.folder / "beholden" / "clusters" / plan.settings.cluster / "ray.json"
        self._leader = int(json.loads(state.read_text())["pid"])
        self._commits = Commits(plan)
        self.about: dict[str, Any] = {
            "command": shlex.join(["beholden-load", *sys.argv[1:]]),
            "policy": plan.in_force.digest,
            "cluster": hashlib.sha256(run.file.read_bytes()).hexdigest(),
            "detector": plan.detector.sha256,
            "embedder": plan.embedder.sha256,
            **machine(),
        }

    def warm_up(self, timetable: Timetable, pool: Pool) -> None:
        """Show a timetable and judge nothing.

        Raises:
            DeploymentFailed: Its frames were not finished in time.
        """
        until, within_s = self._commits.total + timetable.frames_total, timetable.seconds + SETTLE_S
        with closing(self._sender(timetable, pool, "warm-up")) as sender:
            sender.begin()
            if await_finished(self._commits, until, within_s, SystemClock(), sender.look):
                raise DeploymentFailed(f"the warm-up was not finished in {SETTLE_S:.0f} s; send fewer frames")

    def drain(self) -> None:
        """Wait for every frame that is in Kafka: one that a run has left behind would be counted as the next one's.

        Raises:
            DeploymentFailed: They were not finished in time.
        """
        with closing(TopicReader(self._kafka, FRAMES, 0, 1, from_beginning=False)) as frames:
            until = sum(frames.ends.values())
        if left := await_finished(self._commits, until, DRAIN_S, SystemClock()):
            raise DeploymentFailed(
                f"{left} frames of an earlier run are not finished after {DRAIN_S:.0f} s: the cluster does not work; "
                "run it again, with fewer frames"
            )

    def show(self, scenario: Scenario, timetable: Timetable, pool: Pool, seen: Seen) -> Result:
        """Show a timetable, break what is to be broken, and tell what came of it.

        Args:
            scenario: What was asked for.
            timetable: What is shown.
            pool: Its pictures.
            seen: Is shown a sample each second.

        Raises:
            BeholdenError: Frames could not be sent, alerts not be read, or a recogniser does not say what it has done.
        """
        stream = f"load-{next(self._numbers)}"
        with ExitStack() as open_:
            alerts = open_.enter_context(closing(AlertWatch(self._kafka)))
            ledger = open_.enter_context(closing(TopicReader(self._kafka, LEDGER, 0, 1, from_beginning=False)))
            dead = open_.enter_context(closing(TopicReader(self._kafka, DEAD_LETTERS, 0, 1, from_beginning=False)))
            lanes, base = lanes_of(self._run), self._commits.total
            before = told_by_all(lanes, scenario.cluster.recognisers)
            sender = open_.enter_context(closing(self._sender(timetable, pool, stream)))
            machine_watch, begin = MachineWatch(self._leader), sender.begin()
            faults = Harms(self._run, self.plan, scenario.faults, begin, scenario.seed)
            harms = open_.enter_context(closing(faults))
            truth = Truth(timetable, stream, begin)
            follow = Follow(truth, alerts, scenario.plant, sender, machine_watch, begin, SystemClock())
            while not (follow.is_over and harms.are_done):
                self._commits.read(STEP_S)
                follow.step(self._commits.total - base, seen)
            after, sent = told(lanes_of(self._run)), sender.look()
            is_whole, since = before.processes <= after.processes, after.since(before)
            return Result(
                scenario=scenario,
                begin=begin,
                about=self.about,
                truth=truth,
                ledger=Ledger(sent.frames, since.frames, self._commits.total - base, is_whole),
                stages=since.stages,
                shed=[found for each in _new(ledger) if (found := parse_shed(each.value))],
                dead_letters=frames_of(each.value for each in _new(dead)),
                samples=follow.samples,
                sent=sent,
                harms=harms.all(),
                busy_s=since.busy_s,
            )

    def close(self) -> None:
        """Let go of the broker."""
        self._commits.close()

    def _sender(self, timetable: Timetable, pool: Pool, stream: str) -> Sender:
        return Generator(shares(timetable, processes_for(timetable)), pool, self._kafka, stream)


def frames_of(dead_letters: Iterable[bytes]) -> int:
    """How many frames dead letters are about: one that is read a second time may be put aside a second time."""
    bodies = [json.loads(each) for each in dead_letters]
    return len({(each["partition"], each["offset"]) for each in bodies})


def _new(reader: TopicReader) -> Iterator[Record]:
    """What has come since a reader was opened."""
    while not reader.is_current():
        yield from reader.poll(STEP_S)
