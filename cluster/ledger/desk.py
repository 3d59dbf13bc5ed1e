"""The ledger, for a command that has one thing to write down."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from cluster.clocks import SystemClock
from cluster.kafka.producer import KafkaSink, producing
from cluster.kafka.topics import LEDGER
from cluster.ledger.writer import LedgerWriter
from cluster.plan import Plan

WRITER = "command"
WRITE_TIMEOUT_S = 30.0


@contextmanager
def open_ledger(plan: Plan) -> Iterator[LedgerWriter]:
    """A chain of its own, ended in order.

    Raises:
        BrokerUnavailable: Kafka does not answer.
    """
    kafka, in_force = plan.settings.kafka, plan.in_force
    with producing(kafka, "beholden-command") as producer:
        sink = KafkaSink(kafka, producer, LEDGER)
        ledger = LedgerWriter(sink, in_force.policy.deployment, WRITER, in_force.digest, SystemClock())
        yield ledger
        ledger.end()


def write_down(plan: Plan, kind: str, body: Mapping[str, Any]) -> None:
    """Write one record and wait for it.

    Raises:
        BrokerUnavailable: It was not written.
    """
    with open_ledger(plan) as ledger:
        ledger.write(kind, body).wait(WRITE_TIMEOUT_S)
