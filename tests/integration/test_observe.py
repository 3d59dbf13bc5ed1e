"""A real Prometheus looks at a real cluster in which everything happens: what is shown, and what alarms go by."""

import json
import random
import re
import subprocess
import sys
import threading
import time
import urllib.parse
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml

from cluster.broker.state import free_port
from cluster.kafka.producer import KafkaSink, producing
from cluster.kafka.topics import ALERTS, POLICY
from cluster.observe.prometheus import HOW_TO_GET, Scraping, find_prometheus, running_prometheus
from cluster.policies.desk import read_book, renumbered, whole_ms
from cluster.policies.release import draft
from cluster.telemetry.boards.shelf import RULES_FILE, expressions, files
from cluster.telemetry.catalogue import CATALOGUE
from cluster.telemetry.metric import Kind
from cluster.telemetry.span_store import SpanStore
from cluster.wire.alerts import is_canary
from cluster.wire.release import encode_release
from loadtests.faults import Target
from tests.drawn import CAMERAS, scene, write_deployment
from tests.local_http import ask
from tests.running import Running, Shot, prepared, showing

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(find_prometheus() is None, reason=HOW_TO_GET),
]

EMPTY, TESTED = "empty-room", "tested"  # the canary's camera and list
CANARY_SEED = 99
WAIT_S, END_S = 180.0, 30.0
FPS = 8
FACTOR = 60  # alarms of this test are so much quicker than those that are shipped
OLD = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Watched:
    """A running cluster and the Prometheus that looks at it."""

    running: Running
    address: str
    traces: Path

    def ask(self, expr: str, address: str | None = None) -> list[dict[str, Any]]:
        """What an expression gives at this moment."""
        query = urllib.parse.urlencode({"query": expr})
        found: list[dict[str, Any]] = self.get(f"query?{query}", address)["result"]
        return found

    def names(self) -> set[str]:
        """Of all series there are."""
        return set(self.get("label/__name__/values"))

    def get(self, path: str, address: str | None = None) -> Any:
        """What Prometheus answers."""
        with ask(f"{address or self.address}/api/v1/{path}", timeout=WAIT_S) as answer:
            return json.load(answer)["data"]


def deployment(folder: Path, listen: str, otlp: str) -> dict[str, Any]:
    """A cluster file of drawn people, with a canary, old frames shed, and everything told."""
    cluster = write_deployment(folder)
    file = Path(cluster["policy"])
    policy = yaml.safe_load(file.read_text())
    sought = policy["watchlists"]["sought"]
    tested = {**sought, "categories": ["canary"], "purpose": "To see whether alerts come.", "canary": EMPTY}
    policy |= {
        "cameras": [*policy["cameras"], EMPTY],
        "watchlists": {**policy["watchlists"], TESTED: tested},
        "max_frame_age_ms": int(OLD.total_seconds() * 500),
    }
    policy["sightings"] |= {"passage_gap_ms": 500, "cool_down_s": 1}
    file.write_text(yaml.safe_dump(policy, allow_unicode=True, sort_keys=False))
    telemetry = {"metrics": {"listen": listen, "otlp": otlp, "every_s": 1}, "traces": {"otlp": otlp, "share": 1}}
    return {**cluster, "telemetry": telemetry}


@contextmanager
def command(running: Running, *arguments: str, until: str) -> Iterator[None]:
    """A command of an operator that goes on until Ctrl-C; it has begun once it has said `until`."""
    process = subprocess.Popen(
        [sys.executable, "-m", "cluster", *arguments],
        env={**running.run.environment, "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    said: list[str] = []
    begun = threading.Event()

    def listen() -> None:
        assert process.stdout
        for line in process.stdout:
            said.append(line)
            if until in line:
                begun.set()

    thread = threading.Thread(target=listen, daemon=True)
    thread.start()
    try:
        assert begun.wait(WAIT_S), said
        yield
    finally:
        process.terminate()  # taken as Ctrl-C
        process.wait(END_S)
        thread.join(END_S)
        if process.stdout:
            process.stdout.close()


def traffic(running: Running) -> AbstractContextManager[None]:
    """Listed people, strangers and nobody pass all cameras; some frames are too old, and some are none."""
    shots = [scene([at % 4, 500 + at]) for at in range(4)]

    def shot(at: int) -> Shot:
        jpeg = b"no picture" if at % 10 == 9 else scene([]) if at % 10 == 8 else shots[at // 4 % 4]
        return CAMERAS[at % 4], jpeg, datetime.now(UTC) - (OLD if at % 10 == 7 else timedelta())

    return showing(running, FPS, shot)


def switch(running: Running) -> None:
    """Put the same policy in force under the next number."""
    settings = running.plan.settings
    newest = read_book(settings, running.plan.in_force.policy.deployment).in_force
    assert newest is not None
    release = draft(renumbered(running.plan.in_force, 2), newest, "the test", whole_ms(datetime.now(UTC)), "the test")
    with producing(settings.kafka, "the test") as producer:
        sink = KafkaSink(settings.kafka, producer, POLICY)
        sink.send(running.plan.in_force.policy.deployment, encode_release(release), []).wait(10)


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory, spare_ports: str) -> Iterator[Watched]:
    """Two recognisers, two shards, traffic, a canary, and what `beholden observe` starts."""
    with pytest.MonkeyPatch.context() as patch:  # it is a while until somebody listens there
        patch.setenv("BEHOLDEN_PORTS", spare_ports)
        first = free_port(4)
    listen, otlp, canary, prometheus = (f"127.0.0.1:{port}" for port in range(first, first + 4))
    folder: Path = tmp_path_factory.mktemp("deployment")
    picture = folder / "canary.jpg"
    picture.write_bytes(scene([CANARY_SEED]))
    with ExitStack() as stack:
        running = stack.enter_context(prepared(deployment(folder, listen, f"http://{otlp}")))
        file = ("-f", str(running.run.file))
        here = ("--listen", prometheus, "--otlp", otlp, "--scrape", canary, "--folder", str(folder / "observed"))
        stack.enter_context(command(running, "observe", *file, *here, "--every", "1", until="Ctrl-C"))
        running.up()
        running.enrol({f"person-{seed}": seed for seed in range(6)})
        stack.enter_context(traffic(running))
        walk = ("--image", str(picture), "--by", "the test", "--within", "8", "--every", "10", "--listen", canary)
        stack.enter_context(command(running, "canary", *file, *walk, until="alert"))
        running.withdraw("person-5")
        switch(running)
        yield Watched(running, f"http://{prometheus}", folder / "observed" / "traces.sqlite")


def test_every_expression_of_every_dashboard_and_rule_has_data(watched: Watched) -> None:
    """But for those that need a GPU or Ray's own metrics, which say so."""
    wanted = [each for each in expressions(interval="20s", window="2m") if each.needs is None]
    deadline_s = time.monotonic() + WAIT_S
    missing = wanted
    while (missing := [each for each in missing if not watched.ask(each.expr)]) and time.monotonic() < deadline_s:
        time.sleep(2)
    assert [f"{each.where}: {each.expr}" for each in missing] == []


def test_every_metric_of_the_catalogue_is_scraped(watched: Watched) -> None:
    """The supervisor's and the canary's, but for those that need a GPU; and nothing beside."""
    suffix = {Kind.HISTOGRAM: "_bucket"}
    wanted = {name + suffix.get(metric.kind, "") for name, metric in CATALOGUE.items() if not metric.needs_gpu}
    deadline_s = time.monotonic() + WAIT_S
    while (missing := wanted - watched.names()) and time.monotonic() < deadline_s:
        time.sleep(2)
    assert missing == set()
    scraped = [
        name for name in watched.names() if name.startswith("beholden_") and ":" not in name
    ]  # others are rules'
    assert {re.sub("_(bucket|sum|count)$", "", name) for name in scraped} <= set(CATALOGUE)


def test_counts_are_what_happened(watched: Watched) -> None:
    """The canary is alerted about, counted by nobody else; old frames are shed, and bad ones dead-lettered."""
    running, ask = watched.running, watched.ask
    assert float(ask("sum(beholden_canary_alerted_total)")[0]["value"][1]) >= 1
    assert ask(f'beholden_alerts_total{{camera="{EMPTY}"}} or beholden_sightings_total{{list="{TESTED}"}}') == []
    for outcome, reason in (("shed", "too_old"), ("dead_lettered", "not_jpeg"), ("alerted", "canary")):
        [found] = ask(f'sum(beholden_frames_total{{outcome="{outcome}", reason="{reason}"}})')
        assert float(found["value"][1]) >= 1, (outcome, reason)
    assert ask('beholden_policy_info{member="recogniser-0", policy="2"}')
    assert ask('beholden_index_last_effect_seconds{kind="withdrawn"}')
    written = [
        record.value for record in running.read(ALERTS, lambda found: any(is_canary(each.value) for each in found))
    ]
    shown = ("--from-beginning", "--limit", str(sum(not is_canary(value) for value in written)))
    alerts = running.run.beholden("alerts", "tail", "-f", str(running.run.file), *shown)
    assert f"on {TESTED}" not in alerts
    assert "on sought" in alerts


def test_from_an_alert_that_was_counted_it_is_one_step_to_its_trace(watched: Watched) -> None:
    """The latency's exemplars name traces that the collector has."""
    now_s = time.time()
    about = {"query": "beholden_alert_latency_seconds_bucket", "start": now_s - 600, "end": now_s}
    series = watched.get("query_exemplars?" + urllib.parse.urlencode(about))
    named = {exemplar["labels"]["trace_id"] for each in series for exemplar in each["exemplars"]}
    with closing(SpanStore(watched.traces)) as spans:
        assert any(spans.trace(trace_id) for trace_id in named), named


def test_nobody_who_is_listed_stands_in_any_series(watched: Watched) -> None:
    """No label has a value for each person."""
    text = json.dumps(watched.get("series?" + urllib.parse.urlencode({"match[]": '{__name__=~"beholden.*"}'})))
    assert "beholden_alerts_total" in text
    assert "person-" not in text


def test_a_shard_that_is_killed_raises_the_alarm(watched: Watched, tmp_path: Path) -> None:
    """BeholdenShardDown, once it does not come back; alarms are as much quicker here as a test is than a night."""
    running = watched.running
    listen = running.plan.settings.telemetry.metrics.listen
    assert listen is not None
    quick = re.sub(
        r"(for|interval): (\d+)(s|m)\b",
        lambda found: f"{found[1]}: {max(1, int(found[2]) * {'s': 1, 'm': 60}[found[3]] // FACTOR)}s",
        files()[RULES_FILE],
    )
    firing = 'max_over_time(ALERTS{alertname="BeholdenShardDown", alertstate="firing"}[5m])'
    scraping = Scraping({"beholden": [listen]}, 1.0, quick)
    with running_prometheus(scraping, tmp_path / "quick", f"127.0.0.1:{free_port()}") as address:
        running.wait(lambda: bool(watched.ask("beholden_member_up", address)), "nothing is scraped")
        time.sleep(5)
        assert watched.ask(firing, address) == []

        shards = Target(running.run, running.plan, random.Random(), [])  # noqa: S311 - nobody is chosen

        def fires() -> bool:
            with suppress(LookupError, psutil.Error):  # none is there at this moment
                for pid in shards.actors("ShardActor"):
                    psutil.Process(pid).kill()
            return bool(watched.ask(firing, address))

        running.wait(fires, "no alarm although shards are killed as soon as they are there", 90)
        alarms = [alarm["metric"] for alarm in watched.ask(firing, address)]
        assert {(alarm["severity"], alarm["deployment"]) for alarm in alarms} == {("page", "drawn")}
    running.wait(
        lambda: {member["state"] for member in running.shards().values()} == {"ready"}, "a shard does not come back"
    )
