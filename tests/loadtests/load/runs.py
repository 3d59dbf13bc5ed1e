"""A run that never was: results for tests, built from a scenario of a few seconds."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cluster.account import Shed
from cluster.settings import Delivery
from cluster.wire.shed import ShedInterval
from cluster.wire.text import format_time
from loadtests.load.accounts import Ledger
from loadtests.load.harms import Harm
from loadtests.load.machine_watch import Usage
from loadtests.load.result import Result
from loadtests.load.samples import Sample
from loadtests.load.scenario import Cluster, Limits, People, Picture, Scenario
from loadtests.load.sending import Sent
from loadtests.load.shapes import Course, Shape
from loadtests.load.timetable import Showing, Timetable, camera_names, plan
from loadtests.load.truth import Read, Truth
from operators.freshness import Rule

BEGIN = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)
STREAM = "load-1"
LISTED = {number: f"sought-{number:02d}" for number in range(8)}
STRANGERS = 6
LIMITS = Limits(
    lost=0,
    wrong=0,
    repeated=0,
    missed_share=0.0,
    dead_lettered=0,
    shed_share=0.5,
    p50_ms=None,
    p95_ms=None,
    p99_ms=1000.0,
    least_fps=10.0,
    memory_mib=None,
)


def scenario(**changes: Any) -> Scenario:
    """Four cameras for half a minute."""
    whole = Scenario(
        about="Four cameras that never were.",
        seed=1,
        cameras=4,
        fps=5.0,
        seconds=30.0,
        warm_up_s=0.0,
        shape=Shape(Course.CONSTANT),
        picture=Picture(1280, 720, 85),
        people=People(in_view=1, passage_s=1.6, listed=8, listed_share=0.5, list_size=100),
        cluster=Cluster(Path("demo.yaml"), 2, 1, Delivery.AT_LEAST_ONCE, 5000, Rule.NEWEST),
        faults=(),
        plant=None,
        limits=LIMITS,
        name="never",
    )
    return replace(whole, **changes)


def timetable(of: Scenario) -> Timetable:
    """What its cameras show."""
    return plan(of, camera_names(of.cameras, 8), LISTED, STRANGERS, 6.0)


def alert(showing: Showing, entry: str | None = None, seq: int | None = None, name: str = "") -> dict[str, Any]:
    """An alert about a passage, made in its second frame."""
    at = BEGIN + timedelta(seconds=showing.begins_s + 0.2)
    return {
        "alert_id": name or f"{showing.camera}-{showing.first}",
        "camera": showing.camera,
        "captured_at": format_time(at),
        "frame": {"stream": STREAM, "seq": showing.first + 1 if seq is None else seq},
        "entry": entry or showing.entry,
    }


def read(record: dict[str, Any], after_ms: float = 100.0) -> Read:
    """The alert as it was read, so long after the capture of its frame."""
    captured_at = datetime.fromisoformat(record["captured_at"])
    return Read(
        record, captured_at + timedelta(milliseconds=0.8 * after_ms), captured_at + timedelta(milliseconds=after_ms)
    )


def result(of: Scenario, reads: list[Read], sent: Sent | None = None) -> Result:
    """A run in which these alerts were read, and all else went well."""
    shown = timetable(of)
    truth = Truth(shown, STREAM, BEGIN)
    for each in reads:
        truth.take(each)
    total = shown.frames_total
    done = sent or Sent(total, total, 100_000 * total, 0.002, 0.02, 0.01, 0.1, is_done=True)
    seconds = range(int(of.seconds) + 3)
    usage = Usage(
        {"recognisers": 0.8, "broker": 0.1, "load test": 0.1, "ray": 0.05, "others": 0.01},
        {"recognisers": 500 << 20, "broker": 400 << 20, "load test": 200 << 20},
        None,
    )
    share = [min(1.0, at / of.seconds) for at in seconds]
    samples = [
        Sample(
            float(at),
            replace(done, frames=int(part * total), due=int(part * total)),
            int(part * total),
            0,
            0,
            0,
            0,
            usage,
        )
        for at, part in zip(seconds, share, strict=True)
    ]
    ended = {("alerted", "candidate"): len(reads), ("no_match", "below_threshold"): total - len(reads) - 5}
    shed = ShedInterval(("camera-00001",), "frames", 0, Shed.SUPERSEDED, 5, 1, 5, BEGIN, BEGIN + timedelta(seconds=1))
    return Result(
        scenario=of,
        begin=BEGIN,
        about={"command": "beholden-load run never", "policy": "ab" * 32, "processor": "none", "cores": 2},
        truth=truth,
        ledger=Ledger(total, ended | {("shed", "superseded"): 5}, total, is_whole=True),
        stages={"topic": (total, 2.0), "decode": (total, 0.8), "detect": (total, 4.0), "embed": (total, 1.5)},
        shed=[shed],
        dead_letters=0,
        samples=samples,
        sent=done,
        harms=[Harm(each.fault, each.at_s, each.at_s + 2.0) for each in of.faults],
    )
