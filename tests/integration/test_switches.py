"""Policies are switched, and alerting is stopped, while four recognisers work: real broker, real Ray, drawn people."""

import json
import logging
import os
import signal
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from cluster.clocks import SystemClock
from cluster.kafka.producer import KafkaSink, producing
from cluster.kafka.topics import ALERTS, LEDGER, POLICY
from cluster.ledger.settings_history import SettingsHistory
from cluster.ledger.writer import LedgerWriter
from cluster.policies.desk import read_book, renumbered, whole_ms
from cluster.policies.in_force import policy_of
from cluster.policies.release import draft
from cluster.watchlists.register import read_topic
from cluster.wire.ledger import LedgerRecord, parse_record
from cluster.wire.release import Release, applied_body, encode_release
from cluster.wire.settings import APPLIED
from cluster.wire.text import parse_time
from tests.drawn import CAMERAS, scene, write_deployment
from tests.running import Running, prepared, showing

pytestmark = pytest.mark.integration

RECOGNISERS, SWITCHES, EVERY_S, FRAMES_PER_S = 4, 100, 0.2, 20
BAD = 10  # switches between two documents that must not be followed
WITHIN, MS = timedelta(seconds=5), timedelta(milliseconds=1)

log = logging.getLogger("test_switches")


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Four recognisers, each with the list, and a policy by which every frame of a listed person alerts."""
    folder: Path = tmp_path_factory.mktemp("deployment")
    cluster = write_deployment(folder)
    file = Path(cluster["policy"])
    policy = yaml.safe_load(file.read_text())
    policy["sightings"] |= {"passage_gap_ms": 1, "cool_down_s": 0}
    file.write_text(yaml.safe_dump(policy, allow_unicode=True))
    cluster |= {"recognisers": {"count": RECOGNISERS, "threads": 1}, "index": {"placement": "in-lane"}}
    with prepared(cluster) as running:
        running.put({f"person-{seed}": seed for seed in range(4)})
        running.up()
        yield running


def load(running: Running) -> AbstractContextManager[None]:
    """Listed people pass all cameras until the block has ended."""
    shots = [scene([seed]) for seed in range(4)]
    return showing(running, FRAMES_PER_S, lambda at: (CAMERAS[at % 4], shots[at // 4 % 4], datetime.now(UTC)))


def alerts(running: Running) -> list[dict[str, Any]]:
    """All alerts so far."""
    return [json.loads(record.value) for record in read_topic(running.plan.settings.kafka, ALERTS)]


def ledger(running: Running, kind: str) -> list[LedgerRecord]:
    """All records of a kind so far."""
    return [record for record in records(running) if record.kind == kind]


def records(running: Running) -> list[LedgerRecord]:
    """All records so far."""
    return [parse_record(record.value) for record in read_topic(running.plan.settings.kafka, LEDGER)]


def agrees(history: SettingsHistory, alert: dict[str, Any]) -> bool:
    """Whether the ledger alone says of the alert's camera and time what the alert says; both to the millisecond."""
    at = parse_time(alert["alerted_at"])
    said = [each for moment in (at, at - MS) for each in history.of_camera(alert["camera"], moment) if each.in_scope]
    found = {(each.number, each.digest, each.thresholds[alert["watchlist"]]) for each in said}
    return (alert["policy"]["number"], alert["policy"]["digest"], alert["threshold"]) in found


def following(running: Running, former: Release, number: int) -> Release:
    """The next policy: its threshold goes up and down."""
    found = renumbered(running.plan.in_force, number)
    document = json.loads(found.canonical)
    document["watchlists"]["sought"]["threshold"] = round(0.82 + number * 37 % 100 / 2000, 4)
    return draft(policy_of(document), former, "the test", whole_ms(datetime.now(UTC)), "the test")


def test_a_hundred_switches_under_load(running: Running) -> None:
    """Each alert names one policy and agrees with it; what must not be followed changes nothing and is told of."""
    settings, deployment = running.plan.settings, running.plan.in_force.policy.deployment
    newest = read_book(settings, deployment).in_force
    assert newest is not None
    released, bad = {newest.number: newest}, []
    with load(running), producing(settings.kafka, "the test") as producer:
        topic = KafkaSink(settings.kafka, producer, POLICY)
        desk = LedgerWriter(
            KafkaSink(settings.kafka, producer, LEDGER), deployment, "policy-desk", newest.digest, SystemClock()
        )
        for number in range(2, 2 + SWITCHES):
            newest = released[number] = following(running, newest, number)
            desk.write(APPLIED, applied_body(newest)).wait(60)
            topic.send(deployment, encode_release(newest), []).wait(60)
            if number % BAD == 0:
                whole = encode_release(following(running, newest, number + 1))
                bad.append((b"rubbish", whole[: len(whole) // 2], encode_release(released[1]))[number // BAD % 3])
                topic.send(deployment, bad[-1], []).wait(60)
            time.sleep(EVERY_S)
        running.wait(lambda: on_newest(running) == {newest.digest}, "all recognisers on the newest policy")
        time.sleep(1.0)
    found = alerts(running)
    named = Counter(alert["policy"]["number"] for alert in found)
    told = ledger(running, "settings.in_force")
    first = {record.body["digest"]: record.at for record in reversed(told) if record.writer.startswith("recogniser")}
    for alert in found:
        by = released[alert["policy"]["number"]]
        assert alert["policy"]["digest"] == by.digest
        assert alert["threshold"] == by.in_force.policy.watchlists["sought"].threshold <= alert["cosine"]
        assert first[by.digest] <= parse_time(alert["alerted_at"])
    log.info("%d alerts under %d policies; %s", len(found), len(named), spread(told, released))
    assert len(named) > SWITCHES / 4
    history = SettingsHistory.of(records(running))
    assert [alert for alert in found if not agrees(history, alert)] == []
    assert len(found) == len({alert["alert_id"] for alert in found})
    offsets = {record.ref.offset: record.value for record in read_topic(settings.kafka, POLICY)}
    due = Counter((f"recogniser-{slot}", value) for slot in range(RECOGNISERS) for value in bad)
    running.wait(lambda: len(ledger(running, "policy.refused")) >= due.total(), "every one has told of every bad one")
    assert Counter((each.writer, offsets[each.body["offset"]]) for each in ledger(running, "policy.refused")) == due


def spread(told: list[LedgerRecord], released: dict[int, Release]) -> str:
    """How far apart recognisers changed over, as the ledger has it; policies that one of them passed over left out."""
    seconds = []
    for release in released.values():
        since = {
            record.writer: parse_time(record.body["since"])
            for record in told
            if record.body["digest"] == release.digest and record.writer.startswith("recogniser")
        }
        if len(since) == RECOGNISERS:
            seconds.append((max(since.values()) - min(since.values())).total_seconds())
    seconds.sort()
    return f"{len(seconds)} taken up by all, {seconds[len(seconds) // 2]:.2f} s apart, {seconds[-1]:.2f} s at most"


def on_newest(running: Running) -> set[str]:
    """Digests of the policies by which recognisers go."""
    return {lane["status"]["policy_digest"] for lane in running.heard()}


def test_a_stop_reaches_all_within_five_seconds_and_outlives_a_process(running: Running) -> None:
    """Frames are taken in and accounted for; a recogniser that is killed starts anew stopped; then all resume."""
    cluster = ("-f", str(running.run.file), "--by", "inspector 7")
    with load(running):
        before = len(alerts(running))
        running.wait(lambda: len(alerts(running)) > before, "alerts")
        running.run.beholden("stop", *cluster, "--why", "a test")
        order = read_book(running.plan.settings, running.plan.in_force.policy.deployment).stopped_by
        assert order is not None
        why = "stopped by inspector 7: a test"
        running.wait(lambda: [lane["state"] for lane in running.lanes()] == [why] * RECOGNISERS, "all say so")
        victim = running.heard()[0]["status"]["pid"]
        os.kill(victim, signal.SIGKILL)
        running.wait(lambda: is_back(running, victim, why), "it is back, and stopped")
        running.wait(lambda: sum(account["shed"].get("stopped", 0) for account in running.accounts()) > 0, "accounts")
        last = max(parse_time(alert["alerted_at"]) for alert in alerts(running))
        log.info("last alert %.2f s after the order", (last - order.at).total_seconds())
        assert last <= order.at + WITHIN
        assert why in running.run.beholden("status", "-f", str(running.run.file))
        everyone = {f"recogniser-{slot}" for slot in range(RECOGNISERS)}
        running.wait(lambda: {each.writer for each in ledger(running, "order.followed")} == everyone, "all tell of it")
        at = len(alerts(running))
        running.run.beholden("resume", *cluster, "--why", "the test is over")
        running.wait(lambda: len(alerts(running)) > at, "alerts again")
    running.wait(lambda: {lane["state"] for lane in running.lanes()} == {"watching"}, "all watch")


def is_back(running: Running, victim: int, state: str) -> bool:
    """Whether all are in that state, and the process that was killed is another one by now."""
    lanes = running.lanes()
    pids = [lane["status"]["pid"] for lane in lanes if lane["status"]]
    return len(pids) == RECOGNISERS and victim not in pids and {lane["state"] for lane in lanes} == {state}
