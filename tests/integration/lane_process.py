"""A recogniser's dataflow in a process of its own that ends, as if killed, at a chosen moment of its commits.

    python -m tests.integration.lane_process BOOTSTRAP PREFIX DELIVERY SLOT NOTES [POINT NUMBER]

The models and the index are the fakes of the unit tests; everything between them and Kafka is what a recogniser runs.
"""

import os
import random
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, cast

from kafka import KafkaProducer

from cluster import in_hand
from cluster import pipeline as pipeline_module
from cluster.account import Account
from cluster.clocks import HandClock
from cluster.delivery import member_of, open_delivery
from cluster.in_hand import InHand
from cluster.kafka import frame_source
from cluster.kafka.frame_source import KafkaFrameSource
from cluster.kafka.groups import expel
from cluster.kafka_settings import KafkaSettings
from cluster.pipeline import Pipeline
from cluster.policies.in_force import PolicyInForce
from cluster.settings import Delivery
from operators.errors import FrameRefused
from operators.sightings import SightingSettings
from operators.vision import Seen, Vision
from tests.builders import EVIDENCE_KEY, NOW, FakeIndex, FakeVision, chain, context, policy

PARTITIONS = 2
CAMERAS = ("gate", "hall")


def kafka_of(bootstrap: str, prefix: str) -> KafkaSettings:
    """Which Kafka, and whose topics."""
    return KafkaSettings(bootstrap, prefix, frame_partitions=PARTITIONS, watchlist_partitions=1)


def die() -> None:
    """As `kill -9` does."""
    os.kill(os.getpid(), signal.SIGKILL)


def before(
    owner: type, name: str, number: int, act: Callable[[], None], put: Callable[[Any, str, Any], None] = setattr
) -> None:
    """Do something before the `number`th call of a method."""
    real, calls = getattr(owner, name), [0]

    def counted(*arguments: Any, **named: Any) -> Any:
        calls[0] += 1
        if calls[0] == number:
            act()
        return real(*arguments, **named)

    put(owner, name, counted)


def die_within(owner: type, name: str, number: int) -> None:
    """Begin the `number`th call of a method and die while it waits."""

    def soon() -> None:
        threading.Timer(random.Random(number).uniform(0.0, 0.01), die).start()  # noqa: S311 - not a secret

    before(owner, name, number, soon)


def commit_before_publish(number: int) -> None:
    """The bug that must be found: offsets first, alerts after; dies in between."""
    real, calls = KafkaFrameSource.commit, [0]
    late: list[Callable[[], object]] = []
    send = KafkaProducer.send

    def kept(*arguments: Any, **named: Any) -> Any:
        late.append(lambda: send(*arguments, **named))
        return Kept()

    def commit(source: KafkaFrameSource, offsets: Any) -> None:
        real(source, offsets)
        calls[0] += bool(late)
        if calls[0] == number:
            die()
        while late and calls[0] % 4 == 0:
            late.pop(0)()

    KafkaProducer.send = kept
    KafkaFrameSource.commit = commit  # type: ignore[method-assign]


class Kept:
    """What a broken sink gives for a message that it has not sent."""

    def get(self, timeout: float | None = None) -> None:
        """As if it were acknowledged."""

    def add_both(self, _: Callable[[Any], None]) -> None:
        """Nobody is told."""

    add_callback = add_both


POINTS: dict[str, Callable[[int], None]] = {
    "before-offsets": lambda number: before(KafkaProducer, "send_offsets_to_transaction", number, die),
    "before-commit": lambda number: before(KafkaProducer, "commit_transaction", number, die),
    "during-commit": lambda number: die_within(KafkaProducer, "commit_transaction", number),
    "before-plain-commit": lambda number: before(KafkaFrameSource, "commit", number, die),
    "commit-before-publish": commit_before_publish,
}


class DeadlyVision(FakeVision):
    """Ends the process that looks at `deadly`, and never has done with `endless`."""

    def see(self, jpegs: Sequence[bytes]) -> list[Seen | FrameRefused]:
        """See `FakeVision`."""
        if b"deadly" in jpegs:
            die()
        if b"endless" in jpegs:
            threading.Event().wait()
        return super().see(jpegs)


def main(
    bootstrap: str, prefix: str, delivery: str, slot: str, notes: str = "", point: str = "", number: str = "0"
) -> None:
    """Process frames until killed. With a folder for notes it does what a recogniser does when it has one."""
    frame_source.SESSION_MS = 6_000  # the least the broker allows, so that the test need not wait longer
    pipeline_module.COMMIT_INTERVAL_S = 0.0  # as many commits as batches
    in_hand.LONGEST_S = 3.0  # a fake looks at once; a process of a busy machine may not be let run for a second
    if notes:
        expel(kafka_of(bootstrap, prefix), f"{prefix}group", member_of(int(slot)))
    if point:
        POINTS[point](int(number))
    with ExitStack() as closing:
        source, outlets = open_delivery(
            kafka_of(bootstrap, prefix),
            Delivery(delivery),
            f"{prefix}group",
            int(slot),
            lambda revoked, owned: pipeline.rebalance(revoked, owned),
            EVIDENCE_KEY,
            lambda sink: chain(sink, member_of(int(slot))),
            closing,
        )
        no_cool_down = policy(sightings=SightingSettings(1, 1, 0.3, 1, 0))
        pipeline = Pipeline(
            source,
            outlets,
            cast("Vision", DeadlyVision()),
            FakeIndex(),
            PolicyInForce(no_cool_down, b"{}"),
            context(),
            HandClock(NOW),
            Account(),
            poll_records=4,
            in_hand=InHand(Path(notes) if notes else None, member_of(int(slot))),
        )
        while True:
            pipeline.step(0.05)
            time.sleep(0.01)  # slow enough for several commits


if __name__ == "__main__":
    main(*sys.argv[1:])
