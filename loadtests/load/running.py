"""A cluster that is up: frames go in, and alerts, commits, the ledger and the machine are watched from outside."""

import hashlib
import json
import shlex
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from datetime import UTC, datetime
from itertools import count
from typing import Any

from cluster.kafka.reader import TopicReader
from cluster.kafka.topics import LEDGER
from cluster.plan import Plan
from cluster.wire.shed import ShedInterval, parse_shed
from loadtests.bench_cluster import lanes_of
from loadtests.bench_commits import Commits
from loadtests.bench_report import machine
from loadtests.load.accounts import Ledger, told
from loadtests.load.alert_watch import AlertWatch
from loadtests.load.harms import Harms
from loadtests.load.machine_watch import MachineWatch
from loadtests.load.plants import planted
from loadtests.load.pool import Pool
from loadtests.load.result import Result
from loadtests.load.samples import Sample
from loadtests.load.scenario import Plant, Scenario
from loadtests.load.sending import Sender
from loadtests.load.simple_sender import SimpleSender
from loadtests.load.timetable import Timetable
from loadtests.load.truth import Judgement, Truth
from loadtests.temporary import Temporary
from operators.errors import DeploymentFailed

SETTLE_S = 60.0
LAST_S = 3.0  # for the alert of the last frame that is finished, and for the ledger's last intervals
GRACE_S = 5.0  # a passage that is over for less is not missed yet, on the screen
STEP_S, SAMPLE_S = 0.1, 1.0

Seen = Callable[[Sample], None]


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
        until = self._commits.total + timetable.frames_total
        with closing(self._sender(timetable, pool, "warm-up")) as sender:
            sender.begin()
            deadline = time.monotonic() + timetable.seconds + SETTLE_S
            while self._commits.total < until:
                sender.look()
                self._commits.read(STEP_S)
                if time.monotonic() > deadline:
                    raise DeploymentFailed(f"the warm-up was not finished in {SETTLE_S:.0f} s; send fewer frames")

    def show(self, scenario: Scenario, timetable: Timetable, pool: Pool, seen: Seen) -> Result:
        """Show a timetable, break what is to be broken, and tell what came of it.

        Args:
            scenario: What was asked for.
            timetable: What is shown.
            pool: Its pictures.
            seen: Is shown a sample each second.

        Raises:
            BeholdenError: Frames could not be sent, or alerts not be read.
        """
        stream = f"load-{next(self._numbers)}"
        with ExitStack() as open_:
            alerts = open_.enter_context(closing(AlertWatch(self._kafka)))
            ledger = open_.enter_context(closing(TopicReader(self._kafka, LEDGER, 0, 1, from_beginning=False)))
            before, base = told(lanes_of(self._run)), self._commits.total
            sender = open_.enter_context(closing(self._sender(timetable, pool, stream)))
            machine_watch, begin = MachineWatch(self._leader), sender.begin()
            faults = Harms(self._run, self.plan, scenario.faults, begin, scenario.seed)
            harms = open_.enter_context(closing(faults))
            follow = _Follow(Truth(timetable, stream, begin), alerts, scenario.plant, sender, machine_watch, begin)
            while not (follow.is_over and harms.are_done):
                self._commits.read(STEP_S)
                follow.step(self._commits.total - base, seen)
            after, sent = told(lanes_of(self._run)), sender.look()
            is_whole, since = before.processes <= after.processes, after.since(before)
            return Result(
                scenario=scenario,
                begin=begin,
                about=self.about,
                truth=follow.truth,
                ledger=Ledger(sent.frames, since.frames, self._commits.total - base, is_whole),
                stages=since.stages,
                shed=list(_shed(ledger)),
                samples=follow.samples,
                sent=sent,
                harms=harms.all(),
            )

    def close(self) -> None:
        """Let go of the broker."""
        self._commits.close()

    def _sender(self, timetable: Timetable, pool: Pool, stream: str) -> Sender:
        return SimpleSender(timetable, pool, self._kafka, stream)


class _Follow:
    """Follows one run from second to second, until every frame has ended or nothing more can be expected."""

    def __init__(
        self,
        truth: Truth,
        alerts: AlertWatch,
        plant: Plant | None,
        sender: Sender,
        machine_watch: MachineWatch,
        begin: datetime,
    ) -> None:
        self.truth = truth
        self.samples: list[Sample] = []
        self._alerts = alerts
        self._planted = planted(plant)
        self._sender = sender
        self._machine = machine_watch
        self._begin = begin
        self._next_s = 0.0
        self._sent_at_s = self._ended_at_s = float("inf")
        self.is_over = False

    def step(self, ended: int, seen: Seen) -> None:
        """Take in what has come; `ended` frames have been finished so far."""
        for each in self._planted(self._alerts.take()):
            self.truth.take(each)
        now_s, sent = (datetime.now(UTC) - self._begin).total_seconds(), self._sender.look()
        if sent.is_done:
            self._sent_at_s = min(now_s, self._sent_at_s)
            if ended >= sent.frames:
                self._ended_at_s = min(now_s, self._ended_at_s)
        if now_s >= self._next_s:
            self._next_s = max(self._next_s + SAMPLE_S, now_s)
            truth = self.truth
            counts = {str(each): truth.count(each) for each in Judgement}
            missed = len(truth.missed(now_s - GRACE_S))
            self.samples.append(Sample(now_s, sent, ended, missed=missed, usage=self._machine.look(), **counts))
            seen(self.samples[-1])
        self.is_over = now_s > min(self._ended_at_s + LAST_S, self._sent_at_s + SETTLE_S)


def _shed(ledger: TopicReader) -> Iterator[ShedInterval]:
    """When frames were not looked at, as far as the ledger says by now."""
    while not ledger.is_current():
        for record in ledger.poll(STEP_S):
            if found := parse_shed(record.value):
                yield found
