"""Writes the checkpoints of a running cluster's ledger, in a thread of its own."""

import logging
import os
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path

from cluster.backoff import pause_s
from cluster.clocks import SystemClock
from cluster.kafka.producer import KafkaSink, producing
from cluster.kafka.reader import LONG_FETCH_WAIT_MS, TopicReader
from cluster.kafka.topics import LEDGER, LEDGER_HEADS
from cluster.kafka_settings import KafkaSettings
from cluster.ledger.checkpoint_key import make_checkpoint_key, read_checkpoint_key
from cluster.ledger.checkpoints import WRITER, Checkpointer, Sealed, sealed_in
from cluster.ledger.writer import WRITE_TIMEOUT_S, Head, LedgerWriter
from cluster.plan import Plan
from cluster.ports import Record
from cluster.wire.checkpoints import CHECKPOINT, checkpoint_body, encode_anchor
from cluster.wire.ledger import LedgerInvalid, parse_record
from operators.errors import BeholdenError, BrokerUnavailable, SettingsRefused

POLL_S = 0.5
RETRY_S, LONGEST_RETRY_S = 1.0, 5.0
LOOK_BACK, FARTHER = 2_000, 8  # records in which the last checkpoint is looked for, and by how much more each time

log = logging.getLogger("beholden.checkpoints")


@dataclass(frozen=True, slots=True)
class Sealing:
    """How far the ledger is sealed.

    Attributes:
        at_s: When its last checkpoint was written, Unix time; None: there is none, or it is not known yet.
        unsealed: Records behind it.
    """

    at_s: float | None = None
    unsealed: int = 0


class CheckpointKeeper:
    """Follows the ledger and writes checkpoints until closed; starts over when Kafka has gone away.

    Args:
        plan: What runs.

    Attributes:
        state: How far the ledger is sealed, or why it is not, in words.
        sealing: The same in numbers, as far as is known.
    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._closing = threading.Event()
        self._deadline_s = 0.0
        self._head: Head | None = None
        self.state = "reading the ledger"
        self.sealing = Sealing()
        self._thread = threading.Thread(target=self._run, name="checkpoints", daemon=True)
        self._thread.start()

    def close(self, timeout_s: float) -> None:
        """Write a last checkpoint over all that is there."""
        self._deadline_s = time.monotonic() + timeout_s
        self._closing.set()
        self._thread.join(timeout_s)

    def _run(self) -> None:
        failed = 0
        while not self._closing.is_set():
            try:
                self._keep()
            except BeholdenError as error:
                log.warning("checkpoints of the ledger: %s", error)
                self.state = f"no checkpoint is written: {error}"
                self._closing.wait(pause_s(failed, RETRY_S, LONGEST_RETRY_S))
                failed += 1
            except BaseException:
                log.exception("checkpoints of the ledger end")
                self.state = "no checkpoint is written: see the log of the supervisor"
                raise

    def _keep(self) -> None:
        settings, in_force = self._plan.settings, self._plan.in_force
        kafka, deployment = settings.kafka, in_force.policy.deployment
        key = read_checkpoint_key(settings.key_folder)
        last = last_checkpoint(kafka, deployment)
        check_key(last, key.public_key().public_bytes_raw(), settings.key_folder)
        checkpointer = Checkpointer(deployment, key, last)
        with ExitStack() as stack:
            producer = stack.enter_context(producing(kafka, WRITER))
            sinks = [KafkaSink(kafka, producer, topic) for topic in (LEDGER, LEDGER_HEADS)]
            ledger = LedgerWriter(sinks[0], deployment, WRITER, in_force.digest, SystemClock(), self._head)
            since = {0: last.checkpoint.next} if last else {}
            ledger_reader = TopicReader(
                kafka, LEDGER, 0, 1, from_beginning=True, since=since, fetch_max_wait_ms=LONG_FETCH_WAIT_MS
            )
            reader = stack.enter_context(closing(ledger_reader))
            try:
                self._follow(reader, checkpointer, ledger, sinks[1])
                ledger.end()
            finally:
                self._head = ledger.head

    def _follow(self, reader: TopicReader, checkpointer: Checkpointer, ledger: LedgerWriter, heads: KafkaSink) -> None:
        """Until closed: read, publish what has been read of checkpoints, and write the next when it is due."""
        settings, due_at_s, published = self._plan.settings.ledger, 0.0, checkpointer.last
        while True:
            has_more = _read(reader, checkpointer)
            if checkpointer.last is not None and checkpointer.last is not published:
                published = checkpointer.last
                self._publish(published, heads)
            self.state, waiting = _state(checkpointer), checkpointer.waiting
            self.sealing = Sealing(checkpointer.last.at.timestamp() if checkpointer.last else None, waiting)
            is_last = self._closing.is_set() and not has_more
            if is_last and (not waiting or time.monotonic() > self._deadline_s):
                return
            is_due = is_last or time.monotonic() >= due_at_s or waiting >= settings.checkpoint_records
            if waiting and is_due and reader.is_caught_up():
                due_at_s = time.monotonic() + settings.checkpoint_s
                _write(checkpointer, settings.checkpoint_records, ledger, reader)

    def _publish(self, sealed: Sealed, heads: KafkaSink) -> None:
        """Outside the ledger: who rewrites that must rewrite this as well."""
        line = encode_anchor(sealed.anchor)
        heads.send(sealed.checkpoint.deployment, line, []).wait(WRITE_TIMEOUT_S)
        if file := self._plan.settings.ledger.anchor_file:
            append_line(file, line)


def _read(reader: TopicReader, checkpointer: Checkpointer) -> bool:
    """Take in what has come; whether anything has."""
    records = reader.poll(POLL_S)
    for record in records:
        checkpointer.take(record.ref.offset, record.value)
    return bool(records)


def _write(checkpointer: Checkpointer, most: int, ledger: LedgerWriter, reader: TopicReader) -> None:
    """Write the next checkpoint. It counts once it has been read."""
    checkpoint = checkpointer.next(most)
    ledger.policy_digest = checkpointer.policy_digest
    ledger.write(CHECKPOINT, checkpoint_body(checkpoint)).wait(WRITE_TIMEOUT_S)
    deadline_s = time.monotonic() + WRITE_TIMEOUT_S
    while checkpointer.number == checkpoint.number:
        if time.monotonic() > deadline_s:
            raise BrokerUnavailable(f"checkpoint {checkpoint.number} was written and cannot be read")
        _read(reader, checkpointer)


def append_line(file: Path, line: bytes) -> None:
    """Add a line to a file, and have it on the disk.

    Raises:
        SettingsRefused: It cannot be added to.
    """
    try:
        with file.open("ab") as opened:
            opened.write(line + b"\n")
            opened.flush()
            os.fsync(opened.fileno())
    except OSError as error:
        raise SettingsRefused(
            f"ledger.anchor_file: {file}: {error.strerror}; make it writable or name another"
        ) from None


def last_checkpoint(kafka: KafkaSettings, deployment: str) -> Sealed | None:
    """The last checkpoint of a deployment's ledger, looked for from the end; None: there is none.

    Raises:
        BrokerUnavailable: The topic cannot be read.
    """
    look_back, last = LOOK_BACK, None
    while True:
        with closing(TopicReader(kafka, LEDGER, 0, 1, from_beginning=False)) as reader:
            end = reader.ends[0]
        begin = max(0, end - look_back)
        for record in _from(kafka, begin):
            last = _sealed(record, deployment) or last
        if last is not None or begin == 0:
            return last
        look_back *= FARTHER


def _from(kafka: KafkaSettings, begin: int) -> Iterator[Record]:
    with closing(TopicReader(kafka, LEDGER, 0, 1, from_beginning=True, since={0: begin})) as reader:
        while not reader.is_caught_up():
            yield from reader.poll(POLL_S)


def _sealed(record: Record, deployment: str) -> Sealed | None:
    try:
        parsed = parse_record(record.value)
    except LedgerInvalid:
        return None
    return sealed_in(parsed) if parsed.deployment == deployment else None


def ready_key(plan: Plan) -> bool:
    """Have the key that signs the ledger's checkpoints; whether it was made, as it is for a ledger that has none.

    Raises:
        BrokerUnavailable: The ledger cannot be read.
        SettingsRefused: Its checkpoints are signed with another key.
    """
    folder, deployment = plan.settings.key_folder, plan.in_force.policy.deployment
    last = last_checkpoint(plan.settings.kafka, deployment)
    made = last is None and make_checkpoint_key(folder)
    check_key(last, read_checkpoint_key(folder).public_key().public_bytes_raw(), folder)
    return made


def check_key(last: Sealed | None, key: bytes, folder: Path) -> None:
    """Make sure that the next checkpoint is signed with the key of the last.

    Raises:
        SettingsRefused: It would not be.
    """
    if last and last.checkpoint.key != key:
        raise SettingsRefused(
            f"the ledger's checkpoints were signed with another key than the one in {folder}: copy that one here; with "
            "a new one nobody could tell any more whether those before are genuine"
        )


def _state(checkpointer: Checkpointer) -> str:
    if checkpointer.trouble:
        return checkpointer.trouble
    if checkpointer.last is None:
        return "no checkpoint yet"
    last = checkpointer.last
    return (
        f"checkpoint {last.checkpoint.number} at {last.at:%Y-%m-%d %H:%M:%S} UTC, {checkpointer.waiting} records behind"
    )
