"""What a run came to, and everything that is needed to repeat it."""

import json
from collections.abc import Mapping, Sequence, Set
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from cluster.account import Outcome
from cluster.settings import Delivery
from cluster.wire.shed import ShedInterval
from cluster.wire.text import format_time
from loadtests.load.accounts import Ledger, Stages
from loadtests.load.harms import Harm
from loadtests.load.lateness import LATE_S
from loadtests.load.machine_watch import OTHERS, RECOGNISERS
from loadtests.load.samples import Sample
from loadtests.load.scenario import Scenario
from loadtests.load.sending import Sent
from loadtests.load.timetable import Showing
from loadtests.load.truth import Judged, Judgement, Truth, percentile
from loadtests.load.verdict import Found, Verdict, judge
from loadtests.quiet import LIMIT_CORES

FORM = "beholden.load.v1"
PERCENTILES = (50, 90, 95, 99, 99.9, 100)


@dataclass(frozen=True, slots=True)
class Result:
    """One run.

    Attributes:
        scenario: What was asked for.
        begin: When its first frame was due, UTC-aware.
        about: Machine, versions, digests.
        truth: Alerts, judged.
        ledger: Where its frames went.
        stages: What stages took.
        shed: When which frames were shed, from the ledger.
        dead_letters: Frames put aside, from their topic.
        samples: One a second.
        sent: How sending went.
        harms: What was broken.
        busy_s: Seconds in which recognisers did not wait for frames, of all together.
    """

    scenario: Scenario
    begin: datetime
    about: Mapping[str, Any]
    truth: Truth
    ledger: Ledger
    stages: Stages
    shed: Sequence[ShedInterval]
    dead_letters: int
    samples: Sequence[Sample]
    sent: Sent
    harms: Sequence[Harm]
    busy_s: float = 0.0

    @property
    def verdict(self) -> Verdict:
        """Whether it was as the scenario asks."""
        return judge(self.found, self.scenario.limits)

    @property
    def found(self) -> Found:
        """What is judged."""
        truth = self.truth
        times = [each.read_ms for each in self.right]
        return Found(
            lost=self.ledger.lost,
            wrong=truth.count(Judgement.WRONG),
            repeated=truth.count(Judgement.REPEATED),
            missed_share=len(truth.missed()) / max(1, len(truth.expected)),
            dead_lettered=self.dead_lettered,
            expected=len(truth.expected),
            again=truth.again if self.scenario.cluster.delivery is Delivery.EXACTLY_ONCE else None,
            is_replaced=not self.ledger.is_whole and not self.scenario.faults,
            shed_share=self.shed_share,
            p50_ms=percentile(times, 50),
            p95_ms=percentile(times, 95),
            p99_ms=percentile(times, 99),
            fps=self.throughput_fps,
            memory_mib=self.memory_mib,
            limit=self.sent.limit,
        )

    @property
    def right(self) -> list[Judged]:
        """The right alerts: what percentiles are of. Who was missed has a limit of its own."""
        return [each for each in self.truth.judged if each.judgement is Judgement.RIGHT]

    @property
    def shed_share(self) -> float:
        """Frames shed, as a share of those sent: as recognisers count, or as the ledger says where one died."""
        counted = self.ledger.count(Outcome.SHED)
        shed = counted if self.ledger.is_whole else max(counted, sum(each.frames for each in self.shed))
        return shed / max(1, self.ledger.sent)

    @property
    def dead_lettered(self) -> int:
        """Frames put aside, as recognisers count them or as their topic has them."""
        return max(self.ledger.count(Outcome.DEAD_LETTERED), self.dead_letters)

    @property
    def memory_mib(self) -> float | None:
        """The most that all recognisers had together; None: none was found among the processes."""
        used = [each.usage.memory_bytes[RECOGNISERS] for each in self.samples if RECOGNISERS in each.usage.memory_bytes]
        return max(used) / 2**20 if used else None

    @property
    def throughput_fps(self) -> float:
        """Frames a second that reached their end while frames were due."""
        inside = [each for each in self.samples if 0 <= each.at_s <= self.scenario.seconds]
        if len(inside) < 2:
            return 0.0
        return (inside[-1].ended - inside[0].ended) / (inside[-1].at_s - inside[0].at_s)

    @property
    def lag_end(self) -> int:
        """Frames that waited or were in hand when the last one was due."""
        inside = [each for each in self.samples if each.at_s <= self.scenario.seconds]
        return inside[-1].lag if inside else 0

    @property
    def cores(self) -> Mapping[str, float]:
        """By group, on the mean over all samples while frames were due."""
        inside = [each.usage.cores for each in self.samples if 0 < each.at_s <= self.scenario.seconds]
        names = {name for cores in inside for name in cores}
        return {name: sum(each.get(name, 0.0) for each in inside) / len(inside) for name in sorted(names)}

    @property
    def remarks(self) -> list[str]:
        """What to know when the figures are read."""
        found = [f"sending was the limit: {self.sent.limit}"] if self.sent.limit else []
        if self.sent.held_s > LATE_S:
            found.append(f"Kafka held sending up for {self.sent.held_s:.1f} s: the wait is in the times")
        if (others := self.cores.get(OTHERS, 0.0)) > LIMIT_CORES:
            found.append(f"other programs used {others:.2f} core: times would be better without them")
        if not self.ledger.is_whole:
            found.append("a recogniser was replaced and took its counts along: committed frames count as not lost")
        elif self.ledger.twice:
            found.append(f"{self.ledger.twice} frames were processed twice: how many were lost is not known")
        return found

    def as_json(self) -> dict[str, Any]:
        """Everything, for machines and for the report. It names nobody."""
        verdict, truth = self.verdict, self.truth
        missed = set(truth.missed())
        reads, writes, enters = (
            [getattr(each, name) for each in self.right] for name in ("read_ms", "written_ms", "entered_ms")
        )
        return {
            "form": FORM,
            "name": self.scenario.name,
            "remarks": self.remarks,
            "begin": format_time(self.begin),
            "about": dict(self.about),
            "scenario": plain(self.scenario),
            "verdict": {
                "good": verdict.is_good,
                "text": str(verdict),
                "limit": verdict.limit,
                "findings": [asdict(each) for each in verdict.findings],
            },
            "passages": {
                "expected": len(truth.expected),
                **{str(each): truth.count(each) for each in Judgement},
                "missed": len(missed),
                "written_again": truth.again,
            },
            "latency_ms": {
                "capture_to_read": _percentiles(reads),
                "capture_to_written": _percentiles(writes),
                "entrance_to_read": _percentiles(enters),
            },
            "frames": {
                "sent": self.ledger.sent,
                **{str(outcome): self.ledger.of(outcome) for outcome in Outcome},
                "committed": self.ledger.committed,
                "lost": self.ledger.lost,
                "processed_twice": self.ledger.twice,
                "shed_share": self.shed_share,
                "is_whole": self.ledger.is_whole,
            },
            "throughput_fps": self.throughput_fps,
            "lag_end": self.lag_end,
            "cores": dict(self.cores),
            "busy_s": round(self.busy_s, 4),
            "stages": {name: {"times": times, "seconds": round(s, 4)} for name, (times, s) in self.stages.items()},
            "sender": asdict(self.sent),
            "faults": [asdict(each) for each in self.harms],
            "alerts": [_alert(each) for each in truth.judged],
            "listed": [_listed(each, missed) for each in truth.expected],
            "shed": [_interval(each, self.begin) for each in self.shed],
            "samples": [each.as_json() for each in self.samples],
        }


def plain(scenario: Scenario) -> dict[str, Any]:
    """A scenario as in its file."""
    values: dict[str, Any] = json.loads(json.dumps(asdict(scenario), default=str))
    return {name: value for name, value in values.items() if name not in ("name", "digest")}


def _percentiles(values: Sequence[float]) -> dict[str, float | None]:
    return {f"p{each:g}": percentile(values, each) for each in PERCENTILES}


def _alert(each: Judged) -> dict[str, Any]:
    return {
        "judgement": str(each.judgement),
        "camera": each.camera,
        "captured_s": round(each.captured_s, 3),
        "read_ms": round(each.read_ms, 1),
        "written_ms": round(each.written_ms, 1),
        "entered_ms": None if each.entered_ms is None else round(each.entered_ms, 1),
    }


def _listed(each: Showing, missed: Set[Showing]) -> dict[str, Any]:
    begins_s, ends_s = round(each.begins_s, 3), round(each.ends_s, 3)
    return {"camera": each.camera, "begins_s": begins_s, "ends_s": ends_s, "found": each not in missed}


def _interval(each: ShedInterval, begin: datetime) -> dict[str, Any]:
    begins_s, ends_s = ((at - begin).total_seconds() for at in (each.begin, each.end))
    return {"reason": str(each.reason), "frames": each.frames, "begins_s": begins_s, "ends_s": ends_s}
