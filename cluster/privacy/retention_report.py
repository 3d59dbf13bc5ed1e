"""What is kept now, held against what is promised, and what was deleted: class by class, from topics and ledger."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cluster.clocks import from_ms
from cluster.kafka.reader import Extent
from cluster.kafka.topics import EVIDENCE, WATCHLIST
from cluster.ports import Record
from cluster.privacy.retention_check import Age, readable
from cluster.wire.deletions import DONE, DataClass
from cluster.wire.ledger import LedgerInvalid, parse_record
from cluster.wire.list_events import Change
from cluster.wire.nonmatches import DROPPED, LATE
from operators.policy import Policy

NONMATCHES = "faces without a match"
_DELETED = {DataClass.ALERT_EVIDENCE: (EVIDENCE, "documents"), DataClass.LIST_SNAPSHOT: (WATCHLIST, "copies on disks")}


@dataclass(frozen=True, slots=True)
class Deletion:
    """Something that was deleted at once.

    Attributes:
        at: When, UTC-aware.
        what: What and how much, on whose word and why.
    """

    at: datetime
    what: str


@dataclass(frozen=True, slots=True)
class Line:
    """One class of data.

    Attributes:
        of: Name of its topic, or `NONMATCHES`, which are in memory alone.
        promised_ms: The oldest that it may become; None: it is to be kept for ever.
        possible_ms: The oldest that it can become, as topics and brokers are set; of `NONMATCHES` the oldest that was
            measured under the policy in force. None: it has no end, or nothing is known.
        oldest_at: Since when there is what is there now, UTC-aware; of the watchlist, since when the first that is
            still there was withdrawn. None: nothing is there.
        age: How old that is; never less than nothing, as frames have the time of their camera.
        gone: How many are not there any more; of a topic's records at most so many, see `Extent`. Of the watchlist,
            those that were withdrawn; of `NONMATCHES`, all that were dropped.
        is_kept: Whether the promise is kept.
        deletions: What was deleted otherwise, or too late, the oldest first.
    """

    of: str
    promised_ms: int | None
    possible_ms: int | None
    oldest_at: datetime | None
    age: timedelta | None
    gone: int
    is_kept: bool
    deletions: tuple[Deletion, ...] = ()


@dataclass(slots=True)
class Told:
    """What one deployment's records in the ledger say of deletions, taken in one by one.

    Attributes:
        deployment: Whose.
        policy_digest: Of its policy in force: how long faces existed under another is held against no promise of this.
        deletions: By class.
        withdrawn: How many entries were taken off lists.
        dropped: Faces without a match that were dropped.
        longest_ms: Longest time that one of them existed under the policy in force; None while none was measured.
        is_late: Whether one existed for longer than the policy in force allows.
    """

    deployment: str
    policy_digest: str
    deletions: dict[str, list[Deletion]] = field(default_factory=dict)
    withdrawn: int = 0
    dropped: int = 0
    longest_ms: int | None = None
    is_late: bool = False

    def take(self, value: bytes) -> None:
        """Take in the next record; what is none, `beholden ledger verify` tells of."""
        with suppress(LedgerInvalid, KeyError, TypeError, ValueError):
            record = parse_record(value)
            if record.deployment != self.deployment:
                return
            body, is_now = record.body, record.policy_digest == self.policy_digest
            if record.kind == DONE:
                of, unit = _DELETED[body["data_class"]]
                what = f"{body['count']} {unit}: {body['method']} of {body['scope']}, {body['trigger']}, {body['by']}"
                self._note(of, record.at, what)
            elif record.kind == Change.WITHDRAWN:
                self.withdrawn += 1
                self._note(WATCHLIST, record.at, f"one entry: {body['why']}, {body['by']}")
            elif record.kind == DROPPED:
                self.dropped += body["gated"] + body["dropped"]
                if is_now:
                    self.longest_ms = max(self.longest_ms or 0, body["max_ms"])
            elif record.kind == LATE:
                late = f"{body['faces']} faces after up to {readable(body['max_ms'])}: too late"
                self._note(NONMATCHES, record.at, late)
                self.is_late = self.is_late or is_now

    def _note(self, of: str, at: datetime, what: str) -> None:
        self.deletions.setdefault(of, []).append(Deletion(at, what))


def withdrawn_since(records: Iterable[Record]) -> datetime | None:
    """Since when the oldest entry of the watchlist that is not in force any more, and can still be read, is not.

    Args:
        records: Of topic `watchlist`, as they stand there.
    """
    last: dict[tuple[int, bytes | None], bool] = {}
    found: list[int] = []
    for record in records:
        key = (record.ref.partition, record.key)
        if last.get(key):
            found.append(record.timestamp_ms)
        last[key] = bool(record.value)
    return from_ms(min(found)) if found else None


def report(
    policy: Policy,
    ages: Sequence[Age],
    extents: Mapping[str, Extent],
    withdrawn_at: datetime | None,
    told: Told,
    now: datetime,
) -> list[Line]:
    """One line a class of data, faces without a match first.

    Args:
        policy: In force.
        ages: See `cluster.privacy.retention_check.measure`.
        extents: How far back topics reach, by name; those that do not exist are left out.
        withdrawn_at: See `withdrawn_since`.
        told: The ledger's.
        now: UTC-aware.
    """
    return [_nonmatches(policy, told), *(_line(age, extents.get(age.topic), withdrawn_at, told, now) for age in ages)]


def _nonmatches(policy: Policy, told: Told) -> Line:
    promised_ms, late = round(policy.max_nonmatch_s * 1000), tuple(told.deletions.get(NONMATCHES, ()))
    return Line(NONMATCHES, promised_ms, told.longest_ms, None, None, told.dropped, not told.is_late, late)


def _line(age: Age, extent: Extent | None, withdrawn_at: datetime | None, told: Told, now: datetime) -> Line:
    is_list = age.topic == WATCHLIST
    oldest_at = withdrawn_at if is_list else extent.oldest_at if extent else None
    old = max(now - oldest_at, timedelta()) if oldest_at else None
    is_late = bool(age.is_judged and old and age.at_most_ms and old > timedelta(milliseconds=age.at_most_ms))
    return Line(
        of=age.topic,
        promised_ms=age.at_most_ms,
        possible_ms=age.total_ms if age.is_there else None,
        oldest_at=oldest_at,
        age=old,
        gone=told.withdrawn if is_list else extent.before if extent else 0,
        is_kept=age.is_kept and not is_late,
        deletions=tuple(told.deletions.get(age.topic, ())),
    )
