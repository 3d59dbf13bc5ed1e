"""Writes one hash chain of the ledger."""

import secrets
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cluster.ports import Clock, Delivery, MessageSink
from cluster.software import software
from cluster.wire.ledger import ALIVE, CHAIN_BEGUN, CHAIN_ENDED, GENESIS, LedgerRecord, encode_record
from operators.errors import BrokerUnavailable

CHAIN_BYTES = 8
WRITE_TIMEOUT_S = 30.0  # for the record before the next
ALIVE_S = 3.0  # for how long an acknowledgement shows that the ledger can be written
PATIENCE_S = 2.0  # a broker that is there has acknowledged a record long before


@dataclass(frozen=True, slots=True)
class Head:
    """The last record of a chain, as far as is known.

    Attributes:
        chain: Which chain.
        seq: Its number.
        hash: Its hash.
    """

    chain: str
    seq: int
    hash: str


def former_head(begun: LedgerRecord) -> Head | None:
    """Where the chain before ended as far as its writer knew, from the first record of a chain; None: it did not."""
    after = begun.body.get("after")
    if not isinstance(after, dict) or [type(after.get(name)) for name in ("chain", "seq", "hash")] != [str, int, str]:
        return None
    return Head(after["chain"], after["seq"], after["hash"])


class LedgerWriter:
    """One hash chain. A record is sent once the one before it is acknowledged. Thread-safe.

    So no record can be missing between two: what is lost with a broker or a process is the end of its chain. Once a
    record was not acknowledged nothing more is written, and whoever goes on begins another chain, with another writer.

    Args:
        sink: Topic `ledger`.
        deployment: Whose ledger.
        writer: Who writes, for example `recogniser-0`.
        policy_digest: SHA-256 (hex) of the policy in force; can be set when another comes into force.
        clock: Time.
        after: Where this writer's chain before ended, as far as it knows.

    Attributes:
        policy_digest: See above.
        head: The last record that was acknowledged; until there is one, `after`.
    """

    def __init__(
        self,
        sink: MessageSink,
        deployment: str,
        writer: str,
        policy_digest: str,
        clock: Clock,
        after: Head | None = None,
    ) -> None:
        self._sink = sink
        self._deployment = deployment
        self._writer = writer
        self.policy_digest = policy_digest
        self._clock = clock
        self._after = after
        self._chain = secrets.token_hex(CHAIN_BYTES)
        self._seq, self._prev = 0, GENESIS
        self._lock = threading.Lock()
        self._last: _Sent | None = None
        self._broken: str | None = None
        self._ended = False
        self.head: Head | None = after
        self._waits_since_s: float | None = None
        self._alive_at_s = float("-inf")

    @property
    def waits(self) -> str | None:
        """What whoever writes has been waiting for; None: for nothing, or not for long."""
        since_s = self._waits_since_s
        if since_s is None or time.monotonic() - since_s < PATIENCE_S:
            return None
        return "for the ledger, which does not acknowledge: nothing goes on without it"

    def write(self, kind: str, body: Mapping[str, Any]) -> Delivery:
        """Start to write one record, once the one before it is acknowledged.

        Raises:
            BrokerUnavailable: The chain is broken, by this record or by one before.
            ValueError: The body is not JSON; nothing was written.
        """
        with self._lock:
            if self._seq == 0:
                after = self._after and {"chain": self._after.chain, "seq": self._after.seq, "hash": self._after.hash}
                self._send(CHAIN_BEGUN, {"software": software(), "after": after})
            return self._send(kind, body)

    def end(self, timeout_s: float = WRITE_TIMEOUT_S) -> None:
        """Write that the chain ends, and how many records it has; one that was never begun stays so.

        Raises:
            BrokerUnavailable: The chain is broken, or this was not acknowledged.
        """
        with self._lock:
            if self._seq and not self._ended:
                self._send(CHAIN_ENDED, {"records": self._seq + 1}).wait(timeout_s)
                self._ended = True

    def check(self) -> None:
        """Make sure that the ledger can be written; wait for a record that is late, so that nothing goes on without.

        Raises:
            BrokerUnavailable: The chain is broken, or has not begun.
        """
        last = self._last
        if self._broken is not None or last is None:
            raise BrokerUnavailable(self._broken or "the ledger has no record of this process yet")
        head = self.head
        only_begun = head is None or head is self._after or head.seq == 0
        if only_begun or time.monotonic() - last.sent_at_s > PATIENCE_S:
            self._await(last)

    def prove(self) -> None:
        """See `check`; also when nothing was written for some seconds: then a small record shows that it can be.

        Raises:
            BrokerUnavailable: See `check`, or that record was not acknowledged.
        """
        self.check()
        if time.monotonic() - self._alive_at_s > ALIVE_S:
            with self._lock:
                self._await(self._send(ALIVE, {}))

    def _is_alive(self, sent_at_s: float) -> None:
        """What was sent then is acknowledged."""
        self._alive_at_s = max(self._alive_at_s, sent_at_s)

    def _send(self, kind: str, body: Mapping[str, Any]) -> "_Sent":
        self._be_ready()
        record = LedgerRecord(
            kind=kind,
            at=self._clock.now(),
            deployment=self._deployment,
            writer=self._writer,
            chain=self._chain,
            seq=self._seq,
            prev=self._prev,
            policy_digest=self.policy_digest,
            body=body,
        )
        value, digest = encode_record(record)
        try:
            delivery = self._sink.send(self._writer, value, [])
        except BrokerUnavailable as error:
            raise self._break(error) from None
        self._last = _Sent(self, delivery, Head(self._chain, self._seq, digest))
        self._seq, self._prev = self._seq + 1, digest
        return self._last

    def _be_ready(self) -> None:
        if self._broken is not None:
            raise BrokerUnavailable(self._broken)
        if self._ended:
            raise BrokerUnavailable(f"the ledger's chain {self._chain} of {self._writer} has ended: begin another")
        if self._last is not None:
            self._await(self._last)

    def _await(self, last: "_Sent") -> None:
        if last.is_acknowledged:
            return
        self._waits_since_s = time.monotonic()
        try:
            last.wait(WRITE_TIMEOUT_S)
        finally:
            self._waits_since_s = None

    def _break(self, error: BrokerUnavailable) -> BrokerUnavailable:
        """From now on nothing is written."""
        self._broken = self._broken or f"the ledger cannot be written, nothing goes on without it: {error}"
        return BrokerUnavailable(self._broken)


class _Sent:
    """One record on its way."""

    def __init__(self, writer: LedgerWriter, delivery: Delivery, head: Head) -> None:
        self._writer = writer
        self._delivery = delivery
        self._head = head
        self.sent_at_s = time.monotonic()
        self.is_acknowledged = False

    @property
    def acknowledged_ns(self) -> int:
        """See `ports.Delivery`."""
        return self._delivery.acknowledged_ns

    def wait(self, timeout_s: float) -> None:
        """See `ports.Delivery`. One that is not acknowledged breaks the chain."""
        if self.is_acknowledged:
            return
        try:
            self._delivery.wait(timeout_s)
        except BrokerUnavailable as error:
            raise self._writer._break(error) from None  # noqa: SLF001 - one of its own
        self.is_acknowledged = True
        self._writer.head = self._head
        self._writer._is_alive(self.sent_at_s)  # noqa: SLF001 - as above
