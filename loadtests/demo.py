"""`beholden demo`: a broker, a cluster and two cameras of a high street; every alert is held against the truth."""

import json
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from types import FrameType
from typing import Any

import click
import yaml
from rich.console import Console
from rich.live import Live

from cluster.account import Outcome
from cluster.kafka.reader import TopicReader
from cluster.kafka.topics import ALERTS
from cluster.kafka_settings import KafkaSettings
from cluster.plan import open_vision, read_plan
from cluster.policies.in_force import read_policy
from cluster.wire.alerts import is_canary
from loadtests.demo_camera import Cameras
from loadtests.demo_truth import Truth
from loadtests.demo_view import Moment, alerts, live, summary
from loadtests.people.scenes import Crowd, Schedule, plan_walks
from loadtests.sought import MOST_LISTED, MOST_SEEDS, enrol_all, portraits, sought, strangers
from loadtests.temporary import CONFIGS, Temporary, temporary

HOUR_S = 3600.0
PER_MINUTE = 20.0  # people who come into the view of one camera
LISTED_SHARE = 0.35
GRACE_S = 5.0  # for an alert, after the person has left
SETTLE_TIMEOUT_S = 60.0
_FILE = CONFIGS / "clusters" / "demo.yaml"


@click.command()
@click.option("--seconds", type=click.FloatRange(10, HOUR_S), help="End by itself; an hour when not given.")
@click.option(
    "--fps", type=click.FloatRange(5, 30), default=5.0, show_default=True, help="Frames a second, each camera."
)
@click.option(
    "--seed", type=click.IntRange(0, MOST_SEEDS - 1), default=1, show_default=True, help="Of people and walks."
)
@click.option(
    "--listed", type=click.IntRange(1, MOST_LISTED), default=20, show_default=True, help="People on the list."
)
@click.option(
    "-f",
    "--file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    default=_FILE,
    help="Cluster file, whose policy is for synthetic people; configs/clusters/demo.yaml when not given.",
)
def demo(seconds: float | None, fps: float, seed: int, listed: int, file: Path) -> None:
    """Show it all on this machine: broker, cluster, two cameras, and alerts held against the truth.

    Nobody who is shown exists. Ctrl-C ends it and leaves nothing running. The exit status is 0 when every listed person
    who walked by alerted once and nobody else did.
    """
    console = Console()
    people = sought(seed, listed)
    cluster = cluster_document(file)
    policy = read_policy(Path(cluster["policy"])).policy
    crowd = Crowd(people, strangers(seed), PER_MINUTE, LISTED_SHARE, policy.sightings.cool_down_s)
    schedule = plan_walks(seed, policy.cameras, fps, seconds or HOUR_S, crowd)
    with Interrupts() as interrupts:
        console.print("[bold]starting a broker")
        with temporary(cluster) as run:
            try:
                plan, stream = read_plan(run.file), f"demo-{seed}"
                kafka = plan.settings.kafka
                with closing(Cameras(schedule, kafka, stream)) as cameras:
                    console.print(f"[bold]photographing and enrolling {listed} people who do not exist (seed {seed})")
                    vision = open_vision(plan)
                    enrol_all(plan, vision, portraits(vision, people))
                    console.print("[bold]starting the cluster")
                    run.beholden("up", "-f", str(run.file))
                    console.print(invitation(run.bootstrap, seconds), highlight=False)
                    good = show(run, kafka, schedule, cameras, Truth(schedule, stream), interrupts, console)
            finally:
                console.print("[bold]stopping everything")
    if not good:
        raise SystemExit(1)


def cluster_document(file: Path) -> dict[str, Any]:
    """A cluster file's content, its paths made absolute so that it can be written elsewhere."""
    cluster: dict[str, Any] = yaml.safe_load(file.read_text())
    here = file.resolve().parent
    models = {name: str((here / path).resolve()) for name, path in cluster["models"].items()}
    return cluster | {"policy": str((here / cluster["policy"]).resolve()), "models": models}


def invitation(bootstrap: str, seconds: float | None) -> str:
    """How to look on from elsewhere, and when it ends."""
    end = "Ctrl-C stops all of it." if seconds is None else f"It ends after {seconds:.0f} s; Ctrl-C stops it before."
    command = sys.argv[0] if Path(sys.argv[0]).name == "beholden" else "beholden"  # it may not be on the path
    return (
        f"\nThe broker listens on [bold]{bootstrap}[/]. The same alerts, from another terminal:\n"
        f"  {command} alerts tail --bootstrap {bootstrap}\n"
        f"  kcat -C -b {bootstrap} -t alerts\n{end}\n"
    )


def show(
    run: Temporary,
    kafka: KafkaSettings,
    schedule: Schedule,
    cameras: Cameras,
    truth: Truth,
    interrupts: "Interrupts",
    console: Console,
) -> bool:
    """Show alerts until every frame is accounted for or somebody has seen enough; whether all was right."""
    account: Counter[str] | None = None
    with closing(TopicReader(kafka, ALERTS, 0, 1, from_beginning=True)) as reader:
        cameras.begin()
        interrupts.be_patient()
        with Live(console=console, refresh_per_second=4) as screen:
            while not cameras.are_done and not interrupts.asked:
                collect(reader, truth)
                screen.update(live(Moment(schedule, truth, cameras.look(), GRACE_S)))
            if cameras.are_done:
                frames = schedule.frames * len(schedule.cameras)
                account = settle(run, reader, truth, frames, lambda: interrupts.asked)
            collect(reader, truth)
            end = Moment(schedule, truth, cameras.progress, GRACE_S if interrupts.asked else 0.0)
            screen.update(alerts(end))
    console.print()
    console.print(summary(end, account))
    return end.is_good


def settle(
    run: Temporary, reader: TopicReader, truth: Truth, frames: int, enough: Callable[[], bool] = lambda: False
) -> Counter[str]:
    """Judge alerts until all frames are accounted for, and give the account: frames by what became of them."""
    deadline = time.monotonic() + SETTLE_TIMEOUT_S
    account = account_of(run.status())
    while account.total() < frames and time.monotonic() < deadline and not enough():
        collect(reader, truth)
        account = account_of(run.status())
    while not reader.is_current() and time.monotonic() < deadline:
        collect(reader, truth)
    return account


def collect(reader: TopicReader, truth: Truth) -> None:
    """Judge what has come."""
    for record in reader.poll(0.2):
        if not is_canary(record.value):
            truth.judge(json.loads(record.value))


def account_of(members: Sequence[Mapping[str, Any]]) -> Counter[str]:
    """Frames of all recognisers by what became of them."""
    accounts = [member["status"]["account"] for member in members if "account" in (member["status"] or {})]
    return Counter({str(outcome): sum(sum(one[outcome].values()) for one in accounts) for outcome in Outcome})


class Interrupts:
    """What Ctrl-C does: it breaks off the start at once, later it is only noted, and it never stops the tidying up.

    Attributes:
        asked: Whether somebody has asked for the end.
    """

    def __init__(self) -> None:
        self.asked = False
        self._patient = False

    def __enter__(self) -> "Interrupts":
        self._before = signal.signal(signal.SIGINT, self._take)
        return self

    def __exit__(self, *error: object) -> None:
        signal.signal(signal.SIGINT, self._before)

    def be_patient(self) -> None:
        """From now on whoever runs this looks at `asked`."""
        self._patient = True

    def _take(self, number: int, frame: FrameType | None) -> None:
        first, self.asked = not self.asked, True
        if first and not self._patient:
            raise KeyboardInterrupt
