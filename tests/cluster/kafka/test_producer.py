"""Producers and what they have on their way; what needs a broker is in `tests/integration`."""

import threading
import time
from collections.abc import Callable

import pytest
from kafka.errors import KafkaTimeoutError
from kafka.future import Future

from cluster.in_flight import InFlight
from cluster.kafka import producer as producers
from cluster.kafka.producer import KafkaSink, learn_topics, producing, write_one
from cluster.kafka.topics import POLICY
from cluster.kafka_settings import KafkaSettings
from cluster.keys import new_keys
from cluster.ledger.desk import write_down
from cluster.plan import Plan
from cluster.policies.desk import open_policy_desk
from cluster.policies.spread import Case, Newest
from cluster.policies.watch import tell_ledger
from cluster.watchlists import desk as watchlist_desk
from operators.errors import BrokerUnavailable
from tests.builders import Room
from tests.waiting import PATIENCE_S, wait_until


class FrozenProducer:
    """Takes everything and acknowledges nothing by itself."""

    def __init__(self) -> None:
        self.futures: list[Future] = []

    def send(self, *_: object, **__: object) -> Future:
        """Another message on its way."""
        self.futures.append(Future())
        return self.futures[-1]


def test_what_is_on_its_way_to_a_frozen_broker_is_bounded() -> None:
    """Over all sinks of one producer: whoever writes waits, until something is acknowledged or given up."""
    producer, bound = FrozenProducer(), InFlight(2000)
    bound._room = room = Room()
    sinks = [KafkaSink(KafkaSettings(), producer, topic, bound) for topic in ("alerts", "ledger")]
    sent = [threading.Event() for _ in range(3)]

    def write() -> None:
        for number, event in enumerate(sent):
            sinks[number % 2].send("k", b"x" * 500, [])
            event.set()

    writer = threading.Thread(target=write, daemon=True)
    writer.start()
    assert room.is_waited_in.wait(PATIENCE_S)
    assert [event.is_set() for event in sent] == [True, True, False]
    producer.futures[0].failure(RuntimeError("given up"))
    assert sent[2].wait(PATIENCE_S)
    writer.join()


class AwayProducer:
    """kafka-python's, while no broker is there: to wait for an end is in vain, and then its thread goes on."""

    def __init__(self, **_: object) -> None:
        self._sender = self
        self.is_ended = False

    def send(self, *_: object, **__: object) -> "AwayProducer":
        """Something that is never acknowledged."""
        return self

    def add_callback(self, *_: object) -> None:
        """As of a message: nothing is ever told."""

    def get(self, timeout: float) -> None:
        """As of a message, once the time is over."""
        raise KafkaTimeoutError

    def close(self, timeout: float | None = None) -> None:
        """As kafka-python's."""
        assert timeout is not None, "this waits for as long as the broker is away"
        raise KafkaTimeoutError

    def force_close(self) -> None:
        """As its thread's."""
        self.is_ended = True


def write_in_a_block(plan: Plan) -> None:
    """As tests and benchmarks do."""
    with producing(plan.settings.kafka, "test") as producer:
        KafkaSink(plan.settings.kafka, producer, POLICY).send("k", b"v", []).wait(1.0)


def write_at_the_policy_desk(plan: Plan) -> None:
    """As an order does."""
    with open_policy_desk(plan.settings, "drawn") as desk:
        desk.policy.send("drawn", b"{}", []).wait(1.0)


def create_at_the_watchlist_desk(plan: Plan) -> None:
    """As `beholden watchlist create` does."""
    with watchlist_desk.open_desk(plan) as desk:
        desk.create("sought", "the test")


CASE = Case(Newest(8, "8" * 64), ("recogniser-1",), 4.0, is_over=False)
WRITERS: dict[str, Callable[[Plan], object]] = {
    "a block": write_in_a_block,
    "one message": lambda plan: write_one(plan.settings.kafka, POLICY, "k", b"v"),
    "a command": lambda plan: write_down(plan, "kind", {}),
    "the policy desk": write_at_the_policy_desk,
    "the watchlist desk": create_at_the_watchlist_desk,
    "the supervisor": lambda plan: tell_ledger(plan.settings.kafka, "drawn", CASE),
}


@pytest.mark.parametrize("write", WRITERS.values(), ids=WRITERS)
def test_who_writes_lets_go_of_its_producer_without_a_broker(
    write: Callable[[Plan], object], drawn: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says that Kafka is away, waits no longer than it must, and leaves no thread behind."""
    made: list[AwayProducer] = []

    def make(**_: object) -> AwayProducer:
        made.append(AwayProducer())
        return made[-1]

    monkeypatch.setattr(producers, "KafkaProducer", make)
    monkeypatch.setattr(watchlist_desk, "ensure_topics", lambda *_: [])
    monkeypatch.setattr(watchlist_desk, "read_keys", lambda _: new_keys())
    with pytest.raises(BrokerUnavailable, match="beholden broker start"):
        write(drawn)
    assert [producer.is_ended for producer in made] == [True]


def test_a_delivery_notes_when_it_was_acknowledged() -> None:
    """Then, not when somebody waits for it; one that fails never was."""
    producer = FrozenProducer()
    sink = KafkaSink(KafkaSettings(), producer, "alerts")
    sent, lost = sink.send("k", b"x", []), sink.send("k", b"x", [])
    assert sent.acknowledged_ns == 0
    before_ns = time.perf_counter_ns()
    producer.futures[0].success(None)
    assert before_ns <= sent.acknowledged_ns <= time.perf_counter_ns()
    producer.futures[1].failure(RuntimeError("given up"))
    assert lost.acknowledged_ns == 0


class AskedProducer:
    """Is asked where topics lie, and does not know of one."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def partitions_for(self, topic: str) -> set[int]:
        """Of a topic."""
        self.asked.append(topic)
        if topic.endswith("alerts"):
            raise KafkaTimeoutError("not now")
        return {0}


def test_a_topic_that_cannot_be_learned_keeps_nobody_from_the_others() -> None:
    """Its first message asks again."""
    producer = AskedProducer()
    learn_topics(KafkaSettings(topic_prefix="north."), producer, ["alerts", "evidence"])
    wait_until(lambda: producer.asked == ["north.alerts", "north.evidence"], lambda: producer.asked)
