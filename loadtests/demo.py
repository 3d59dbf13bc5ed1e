"""`beholden demo`: a broker, a cluster and four cameras on this machine; every alert is held against the truth."""

import json
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import numpy as np
import yaml
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from cluster.enrol import Person, enrol
from cluster.kafka_admin import ensure_topics
from cluster.kafka_io import ALERTS, WATCHLIST, KafkaFramePublisher, KafkaSink, TopicReader, open_producer
from cluster.plan import open_vision, read_plan
from cluster.settings import KafkaSettings
from cluster.wire.text import parse_time
from loadtests.photos import Shot, folder_from_environment, listed, shots
from loadtests.temporary import CONFIGS, Temporary, temporary

SETTLE_TIMEOUT_S = 60.0
ROWS = 12


@dataclass(slots=True)
class Tally:
    """Alerts against truth.

    Attributes:
        expected: Entries that must alert, by camera and number of the frame.
        alerts: Every alert with its judgement, in the order they came.
        seen: Frames that have alerted.
    """

    expected: dict[tuple[str, int], str]
    alerts: list[tuple[dict[str, Any], str]] = field(default_factory=list)
    seen: set[tuple[str, int]] = field(default_factory=set)

    def judge(self, alert: dict[str, Any]) -> str:
        """`right`, `wrong` or `repeated`."""
        at = (alert["camera"], alert["frame"]["seq"])
        right = self.expected.get(at) == alert["entry"]
        judgement = ("repeated" if at in self.seen else "right") if right else "wrong"
        self.seen.add(at)
        self.alerts.append((alert, judgement))
        return judgement

    def count(self, judgement: str) -> int:
        """How many alerts were judged so."""
        return sum(given == judgement for _, given in self.alerts)

    @property
    def missed(self) -> list[str]:
        """Entries that should have alerted and did not."""
        right = {(alert["camera"], alert["frame"]["seq"]) for alert, judgement in self.alerts if judgement == "right"}
        return sorted(entry for at, entry in self.expected.items() if at not in right)

    @property
    def latencies_ms(self) -> list[float]:
        """From capture to alert."""
        return [
            (parse_time(alert["alerted_at"]) - parse_time(alert["captured_at"])).total_seconds() * 1000
            for alert, _ in self.alerts
        ]

    @property
    def is_good(self) -> bool:
        """Whether every expected alert came once, and no other."""
        return not self.missed and self.count("right") == len(self.alerts)


@click.command()
@click.option("--strangers", type=click.IntRange(0), default=300, show_default=True, help="People on no list.")
@click.option(
    "--fps", type=click.FloatRange(min=0.1), default=20.0, show_default=True, help="Frames a second, all cameras."
)
@click.option("--seed", type=int, default=1, show_default=True, help="Order of the photos.")
def demo(strangers: int, fps: float, seed: int) -> None:
    """Show it all on this machine: broker, cluster, four cameras, and alerts held against the truth."""
    photos = folder_from_environment()
    console = Console()
    policy = CONFIGS / "policies" / "demo-1.yaml"
    cluster = yaml.safe_load((CONFIGS / "clusters" / "demo.yaml").read_text())
    cluster |= {
        "policy": str(policy),
        "models": {"manifests": str(CONFIGS / "models"), "files": str(photos / "models")},
    }
    cameras = yaml.safe_load(policy.read_text())["cameras"]
    plan = shots(photos, cameras, strangers, seed)
    console.print("[bold]starting a broker")
    with temporary(cluster) as run:
        console.print(f"[bold]enrolling {len(listed(photos))} volunteers")
        enrol_all(run, photos)
        console.print("[bold]starting the cluster")
        run.beholden("up", "-f", str(run.file))
        tally = show(run, plan, fps, console)
        console.print(run.beholden("status", "-f", str(run.file)), highlight=False)
        console.print(summary(tally, len(plan), seed))
        console.print("[bold]stopping everything")
    if not tally.is_good:
        raise SystemExit(1)


def enrol_all(run: Temporary, photos: Path) -> None:
    """Put every volunteer's neutral photo on the list."""
    plan = read_plan(run.file)
    vision = open_vision(plan)
    now = datetime.now(UTC)
    ensure_topics(plan.settings.kafka)
    with closing(open_producer(plan.settings.kafka, "demo")) as producer:
        sink = KafkaSink(plan.settings.kafka, producer, WATCHLIST)
        for ref, path in listed(photos).items():
            person = Person(
                ref, "volunteers", "photo taken for research", "the demonstration", now.replace(year=now.year + 1)
            )
            sink.send(ref, enrol(path.read_bytes(), person, plan, vision, now), []).wait(30.0)


def show(run: Temporary, plan: Sequence[Shot], fps: float, console: Console) -> Tally:
    """Publish all frames and judge alerts as they come, until every frame is accounted for."""
    kafka = KafkaSettings(bootstrap=run.bootstrap)
    numbered = number(plan)
    tally = Tally({(shot.camera, seq): shot.expected for shot, seq in numbered if shot.expected})
    sent: list[int] = []
    publisher = threading.Thread(target=publish, args=(kafka, numbered, fps, sent.append), daemon=True)
    with closing(TopicReader(kafka, ALERTS, 0, 1, from_beginning=True)) as reader:
        with Live(console=console, refresh_per_second=4) as live:
            publisher.start()
            while publisher.is_alive():
                collect(reader, tally, lambda: live.update(view(tally, len(sent), len(plan))))
        console.print()
        deadline = time.monotonic() + SETTLE_TIMEOUT_S
        while not is_accounted(run.status(), len(plan)) and time.monotonic() < deadline:
            collect(reader, tally, lambda: None)
        collect(reader, tally, lambda: None)
    return tally


def number(plan: Sequence[Shot]) -> list[tuple[Shot, int]]:
    """Each shot with its number within its camera's stream."""
    counts: dict[str, int] = {}
    numbered = []
    for shot in plan:
        numbered.append((shot, counts.get(shot.camera, 0)))
        counts[shot.camera] = counts.get(shot.camera, 0) + 1
    return numbered


def publish(kafka: KafkaSettings, plan: Sequence[tuple[Shot, int]], fps: float, sent: Callable[[int], None]) -> None:
    """Send every shot as a frame, evenly over time."""
    with closing(KafkaFramePublisher(kafka)) as publisher:
        begun = time.monotonic()
        for at, (shot, seq) in enumerate(plan):
            time.sleep(max(0.0, begun + at / fps - time.monotonic()))
            publisher.publish(shot.camera, shot.jpeg, datetime.now(UTC), "demo", seq)
            sent(at)


def collect(reader: TopicReader, tally: Tally, shown: Callable[[], None]) -> None:
    """Judge what has come."""
    for record in reader.poll(0.2):
        tally.judge(json.loads(record.value))
    shown()


def is_accounted(members: Sequence[dict[str, Any]], frames: int) -> bool:
    """Whether every frame has an outcome."""
    accounts = [m["status"]["account"] for m in members if m["status"] and "account" in m["status"]]
    done: int = sum(each["frames_in"] - each["open"] for each in accounts)
    return done >= frames


def view(tally: Tally, sent: int, frames: int) -> Group:
    """The last alerts, and counts."""
    table = Table("alerted at", "camera", "possible match", "cosine", "threshold", "truth", box=None)
    for alert, judgement in tally.alerts[-ROWS:]:
        colour = "green" if judgement == "right" else "red"
        table.add_row(
            alert["alerted_at"][11:23],
            alert["camera"],
            alert["entry"],
            f"{alert['cosine']:.3f}",
            f"{alert['threshold']:.2f}",
            f"[{colour}]{judgement}",
        )
    return Group(table, Text(f"{sent} of {frames} frames published, {len(tally.alerts)} alerts", "bold"))


def summary(tally: Tally, frames: int, seed: int) -> str:
    """What happened, in a few lines."""
    times = tally.latencies_ms or [float("nan")]
    return "\n".join(
        [
            f"{frames} frames (seed {seed}), {len(tally.expected)} of them showing a listed person",
            f"alerts: {tally.count('right')} right, {tally.count('wrong')} wrong, {tally.count('repeated')} repeated; "
            f"missed: {', '.join(tally.missed) or 'none'}",
            f"capture to alert: p50 {np.percentile(times, 50):.0f} ms, p99 {np.percentile(times, 99):.0f} ms",
            "[green]every listed person alerted once, nobody else[/]"
            if tally.is_good
            else "[red]not as it should be[/]",
        ]
    )
