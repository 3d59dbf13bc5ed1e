"""Recognisers that are killed around their commits, on a real broker: what their successors leave in the topics."""

import os
import random
import signal
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path
from sqlite3 import Connection
from typing import Any

import pytest
from kafka import KafkaProducer

from cluster import slot as slot_module
from cluster.alert_reader import AlertReader
from cluster.broker.state import load_state
from cluster.kafka import transactions
from cluster.kafka.admin import ensure_topics
from cluster.kafka.frame_source import KafkaFrameSource
from cluster.kafka.groups import expel
from cluster.kafka.producer import learn_topics, producing
from cluster.kafka.topics import ALERTS, EVIDENCE
from cluster.kafka.transactions import TransactionalFrameSource, TransactionalProducer
from cluster.outbox import Letter, Outbox
from cluster.plan import Plan
from cluster.ports import Record
from cluster.recogniser import Recogniser
from cluster.settings import Delivery
from cluster.slot import SLOT_TAKEN
from cluster.watchlists.register import read_topic
from loadtests.temporary import Temporary
from operators.types import FrameRef
from tests.builders import profile
from tests.drawn import CAMERAS as DRAWN_CAMERAS
from tests.drawn import scene
from tests.integration.lane_process import before, kafka_of
from tests.integration.scene import (
    ALERTS_DUE,
    FRAMES_SENT,
    LETTERS_DUE,
    WAIT_S,
    Scene,
    await_results,
    counts,
    scenes,
    wait,
)
from tests.running import Running

pytestmark = pytest.mark.integration


def test_a_member_that_polls_briefly_gets_its_partitions(bootstrap: str) -> None:
    """A poll that ends in the middle of joining must not leave a member without partitions for ever."""
    kafka = kafka_of(bootstrap, "brief.")
    ensure_topics(kafka, profile())
    for number in range(5):
        with closing(KafkaFrameSource(kafka, f"brief-{number}", "brief", lambda revoked, owned: None)) as source:
            wait(lambda source=source: bool(source.poll(1, 0.002, {}) or source.lag()), "no partitions")


def test_a_member_joins_once(bootstrap: str) -> None:
    """Each further time all others stop for a moment, and everybody reads again what others have alerted about."""
    kafka = kafka_of(bootstrap, "once.")
    ensure_topics(kafka, profile())
    shares: list[tuple[int, int]] = []
    for _ in range(5):
        begun = time.monotonic()

        def share(revoked: Sequence[tuple[str, int]], owned: Sequence[tuple[str, int]]) -> None:
            shares.append((len(revoked), len(owned)))

        with closing(KafkaFrameSource(kafka, "once", "once", share)) as source:
            wait(lambda source=source, begun=begun: source.poll(1, 0.1, {}) or time.monotonic() > begun + 2, "frames")
    assert shares == [(0, kafka.frame_partitions)] * 5


@pytest.mark.parametrize("most", [FRAMES_SENT, 10], ids=["all polled", "some polled"])
def test_a_partition_that_stays_begins_again_at_its_last_commit(bootstrap: str, most: int) -> None:
    """Whatever was polled since comes again: what a poll has dropped to take part in sharing would be lost."""
    prefix = f"again-{most}."
    kafka = kafka_of(bootstrap, prefix)
    polled: list[FrameRef] = []
    shares: list[Sequence[tuple[str, int]]] = []

    def share(revoked: Sequence[tuple[str, int]], owned: Sequence[tuple[str, int]]) -> None:
        shares.append(revoked)
        polled.clear()

    with closing(Scene(kafka, prefix, Delivery.AT_LEAST_ONCE)) as scene:
        scene.begin()
        with closing(KafkaFrameSource(kafka, prefix, "member", share)) as source:
            wait(lambda: _polled(source, polled, most) >= most, "no frames")
            places = sorted({(ref.topic, ref.partition) for ref in polled})
            source.commit(dict.fromkeys(places, 3))
            source._consumer._coordinator.request_rejoin()
            wait(lambda: _polled(source, polled, FRAMES_SENT) >= 0 and len(shares) > 1, "not shared anew")
            due = FRAMES_SENT - 3 * len(places)
            wait(lambda: _polled(source, polled, FRAMES_SENT) >= due, "they do not come again")
            assert set(shares[1]) >= set(places)
            assert len(set(polled)) == len(polled) == due


def _polled(source: KafkaFrameSource, refs: list[FrameRef], most: int) -> int:
    """Poll, add what comes, and say how many there are."""
    refs += [record.ref for record in source.poll(most, 0.2, {})]
    return len(refs)


def test_killed_around_a_commit_and_succeeded(bootstrap: str, tmp_path: Path) -> None:
    """Exactly-once: every alert and dead letter is readable once, whenever the kill came and whoever took over.

    At-least-once: every one is there, what is there twice has the same id, and the reader for control rooms gives it
    once. With a deliberate bug, offsets before alerts, the same check finds alerts missing.
    """
    once, least = Delivery.EXACTLY_ONCE, Delivery.AT_LEAST_ONCE
    draw = random.Random(20261125)  # noqa: S311 - not a secret
    plans = {
        "a.": (once, "before-offsets", 0),
        "b.": (once, "before-commit", 1),  # another slot must wait until Kafka has given up the first one's transaction
        "c.": (once, "during-commit", 0),
        "d.": (least, "before-plain-commit", 0),
        "e.": (least, "commit-before-publish", 0),
    }
    with scenes(bootstrap, {prefix: delivery for prefix, (delivery, _, _) in plans.items()}) as found:
        for prefix, (_, point, _) in plans.items():
            found[prefix].start(0, point, str(draw.randint(2, 4)))
        for prefix, (_, _, successor) in plans.items():
            assert found[prefix].processes[0].wait(WAIT_S) == -signal.SIGKILL
            assert found[prefix].committed() < FRAMES_SENT
            found[prefix].start(successor)
        for scene in found.values():
            wait(lambda scene=scene: scene.committed() == FRAMES_SENT, f"{scene.prefix} is not finished")
        for prefix in ("a.", "b.", "c."):
            await_results(found[prefix], LETTERS_DUE)
            assert counts(found[prefix]) == ((ALERTS_DUE, ALERTS_DUE), (LETTERS_DUE, LETTERS_DUE))
        (alerts, ids), (letters, frames) = counts(found["d."])
        assert (ids, frames) == (ALERTS_DUE, LETTERS_DUE)
        assert alerts + letters > ids + frames
        assert sorted(control_room(found["d."], tmp_path)) == sorted(set(found["d."].read(ALERTS)))
        assert counts(found["e."])[0][1] < ALERTS_DUE


def control_room(scene: Scene, folder: Path) -> list[str]:
    """What the reader that gives each alert once gives, started twice."""
    shown: list[str] = []

    def show(record: Record, _: Connection) -> None:
        shown.append(record.headers["ce_id"].decode())

    file = folder / "alerts.sqlite"
    with closing(AlertReader(scene.kafka, file)) as reader:
        wait(lambda: reader.read(show, 1.0) == 0 and len(shown) >= ALERTS_DUE, "all are shown")
    with closing(AlertReader(scene.kafka, file)) as reader:
        assert reader.read(show, 1.0) == 0
    return shown


def test_a_zombie_ends(bootstrap: str) -> None:
    """Whoever starts in a slot later has it: the earlier one ends at its next commit, having written nothing twice."""
    with scenes(bootstrap, {"zombie.": Delivery.EXACTLY_ONCE}) as found:
        scene = found["zombie."]
        zombie = scene.start(0)
        wait(lambda: scene.committed() == FRAMES_SENT, "not finished")
        scene.start(0)
        deadline = time.monotonic() + WAIT_S
        while zombie.poll() is None:
            assert time.monotonic() < deadline, "the zombie lives"
            scene.publish()
            sent = scene.sent
            wait(lambda sent=sent: zombie.poll() is not None or scene.committed() == sent, "nobody is at work")
        assert zombie.returncode == 1
        sent = scene.sent
        wait(lambda: scene.committed() == sent, "the successor has not finished")
        await_results(scene, sent // 4)
        assert counts(scene) == ((sent // 2, sent // 2), (sent // 4, sent // 4))


def test_where_alerts_go_is_known_before_there_is_one(bootstrap: str) -> None:
    """In either mode: whoever is to be told of the first person waits no 0.1 s for each topic."""
    prefix = "learned."
    kafka, topics = kafka_of(bootstrap, prefix), (ALERTS, EVIDENCE)
    with closing(Scene(kafka, prefix, Delivery.EXACTLY_ONCE)) as scene, producing(kafka, "plain") as plain:
        scene.begin()
        learn_topics(kafka, plain, topics)
        writer = TransactionalProducer(kafka, prefix, topics)
        try:
            producers = (plain, writer._producer)
            names = [prefix + topic for topic in topics]
            wait(
                lambda: all(each._metadata.partitions_for_topic(at) for each in producers for at in names), "not asked"
            )
        finally:
            writer.close(5.0)


def test_a_member_that_was_given_up_commits_nothing(bootstrap: str) -> None:
    """Not even in the moment in which its client has heard of it, and the pipeline has not."""
    prefix, polled = "given-up.", list[FrameRef]()
    kafka, outbox = kafka_of(bootstrap, prefix), Outbox()
    with ExitStack() as stack:
        scene = stack.enter_context(closing(Scene(kafka, prefix, Delivery.EXACTLY_ONCE)))
        scene.begin()
        writer = TransactionalProducer(kafka, prefix, [ALERTS])
        stack.callback(writer.close, 5.0)
        source = TransactionalFrameSource(kafka, prefix, "member", lambda revoked, owned: None, writer, outbox)
        stack.callback(source.close)
        wait(lambda: bool(_polled(source, polled, 1)), "no frame")
        [at, *_] = polled
        outbox.add(Letter(ALERTS, "gate", b"{}", [], at))
        assert expel(kafka, prefix, "member") == 1
        wait(lambda: source._consumer.group_metadata().generation_id < 0, "it does not hear of it")
        source.commit({(at.topic, at.partition): at.offset + 1})
        assert source.committed((at.topic, at.partition)) is None
        assert list(read_topic(kafka, ALERTS)) == []


def test_a_broker_that_freezes_in_a_commit(plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The lane gives the transaction up, says so, and goes on when Kafka is back: every alert is readable once."""
    plan = replace(plan, settings=replace(plan.settings, delivery=Delivery.EXACTLY_ONCE))
    running = Running.begin(Temporary(tmp_path, plan.settings.kafka.bootstrap, tmp_path / "cluster.yaml", {}), plan)
    people = {f"person-{seed}": seed for seed in range(4)}
    running.put(people)
    broker = load_state(tmp_path / "broker").pids[0]
    before(KafkaProducer, "commit_transaction", 1, lambda: os.kill(broker, signal.SIGSTOP), monkeypatch.setattr)
    monkeypatch.setattr(transactions, "WATCH_S", 2.0)
    failed = threading.Event()
    recogniser = Recogniser(plan, 0, None, failed.set)
    try:
        wait(lambda: bool(recogniser.status().partitions) and bool(recogniser.status().index.generation), "not ready")
        running.publish([(DRAWN_CAMERAS[at % 4], scene([at // 4])) for at in range(16)])
        wait(lambda: "no answer within 2 s" in recogniser.status().state, "the transaction is not given up")
        wait(lambda: recogniser.status().restarts > 0, "it does not start over")
        os.kill(broker, signal.SIGCONT)
        alerts = running.alerts(set(people))
        wait(lambda: recogniser.status().state == "watching", "not watching")
    finally:
        os.kill(broker, signal.SIGCONT)
        recogniser.close(20.0)
    assert not failed.is_set()
    ids = [alert["alert_id"] for found in alerts.values() for alert in found]
    assert len(ids) == len(set(ids))


def test_one_cluster_that_runs_twice(plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The later one has the slot. The earlier one says so, and stays out of the way: it neither ends nor comes back."""
    plan = replace(plan, settings=replace(plan.settings, delivery=Delivery.EXACTLY_ONCE))
    running = Running.begin(Temporary(tmp_path, plan.settings.kafka.bootstrap, tmp_path / "cluster.yaml", {}), plan)
    failed, looks = threading.Event(), []
    look = slot_module.has_member

    def noted(*arguments: Any) -> bool:
        looks.append(look(*arguments))
        return looks[-1]

    monkeypatch.setattr(slot_module, "has_member", noted)
    with ExitStack() as stack:
        earlier = Recogniser(plan, 0, None, failed.set)
        stack.callback(earlier.close, 20.0)
        wait(lambda: bool(earlier.status().partitions), "no partitions")
        later = Recogniser(plan, 0, None, failed.set)
        stack.callback(later.close, 20.0)
        wait(lambda: bool(later.status().partitions), "no partitions")
        deadline, seq = time.monotonic() + WAIT_S, 0
        while earlier.status().state != SLOT_TAKEN:
            assert time.monotonic() < deadline, earlier.status()
            running.publish([(camera, scene([1])) for camera in DRAWN_CAMERAS], seq)
            seq += 1
        wait(lambda: True in looks, f"it does not see the other: {looks}")
        wait(lambda: len(later.status().partitions) == plan.settings.kafka.frame_partitions, "not all are watched")
        wait(lambda: later.status().state == "watching", "the later one does not watch")
        assert earlier.status().state == SLOT_TAKEN
        assert (later.status().restarts, failed.is_set()) == (0, False)
