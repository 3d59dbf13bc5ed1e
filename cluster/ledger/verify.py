"""Hold a ledger against its own hash chains, its checkpoints, and what was published of these outside.

Records are taken one by one, in the order of the topic. Kept of them are the head of every chain, and the records that
no checkpoint covers at that moment.
"""

import json
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from cluster.ledger.uncovered import Difference, Place, Uncovered, place_of, unreadable
from cluster.ledger.writer import former_head
from cluster.wire.checkpoints import CHECKPOINT, Anchor, Checkpoint, parse_checkpoint
from cluster.wire.ledger import CHAIN_BEGUN, GENESIS, LedgerInvalid, LedgerRecord, parse_record

SLACK = timedelta(days=1)  # between the clocks of writers, Kafka's, and this one


class Beginning(StrEnum):
    """What is known of the beginning of a ledger."""

    WHOLE = "whole"
    EXPIRED = "expired"  # deleted, and older than records are kept
    MISSING = "missing"


class FaultKind(StrEnum):
    """What is wrong with a ledger: the closed vocabulary."""

    ALTERED = "altered"
    MISSING = "missing"
    REPEATED = "repeated or out of order"
    MOVED = "out of order"
    FOREIGN = "altered or put in"
    FORGED = "forged checkpoint"
    CHECKPOINT_MISSING = "checkpoint missing"
    ANCHOR = "not as published"
    BEGINNING = "beginning missing"


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is not as it was written.

    Attributes:
        kind: What.
        offset: Where: of a record that is missing, of the record at which that shows; -1: behind the last.
        writer: Whose chain; empty where that cannot be told.
        chain: Which chain; likewise.
        seq: Number of the record in its chain; -1 where that cannot be told.
        detail: What was expected and what was found.
    """

    kind: FaultKind
    offset: int
    writer: str
    chain: str
    seq: int
    detail: str


@dataclass(slots=True)
class _Chain:
    head: Place
    is_altered: bool = False  # the head is not what was written, and has been told of


@dataclass(slots=True)
class Verifier:
    """Takes the records of one deployment's ledger in their order. Nothing is kept of those that a checkpoint covers.

    Attributes:
        deployment: Whose ledger; records of others are passed over.
        keys: Public keys that sign checkpoints; none: the key of the first checkpoint is believed.
        anchors: What was published of checkpoints, by number, lowest first.
        kept: How long records are kept at least; None: not known, and nothing explains a beginning that is missing.
        now: UTC-aware; None: the time of the last checkpoint, as for a file that was exported then.
        records: How many records there are.
        begins_at: Offset of the first; above 0 what was before is deleted.
        covered: How many of them a checkpoint covers.
        checkpoints: How many checkpoints.
        anchored: How many of them were found published.
    """

    deployment: str
    keys: Collection[bytes] = ()
    anchors: Iterable[Anchor] = ()
    kept: timedelta | None = None
    now: datetime | None = None
    records: int = 0
    begins_at: int = -1
    covered: int = 0
    checkpoints: int = 0
    anchored: int = 0
    _chains: dict[str, _Chain] = field(default_factory=dict)
    _window: Uncovered = field(default_factory=Uncovered)
    _told: int = 0  # faults since the last checkpoint
    _last: set[str] = field(default_factory=lambda: {GENESIS})  # hashes of the last checkpoint's record
    _number: int = 0  # of the next checkpoint
    _first_at: datetime | None = None  # of the first record
    _last_at: datetime | None = None  # of the last checkpoint
    _gone_at: datetime | None = None  # of the checkpoint before the first that is there, as published
    _is_whole: bool = False  # the first checkpoint is the first that was written, and all it covers is there
    _published: Iterator[Anchor] = field(init=False)
    _anchor: Anchor | None = field(init=False)

    def __post_init__(self) -> None:
        self._published = (each for each in self.anchors if each.deployment == self.deployment)
        self._anchor = next(self._published, None)

    @property
    def uncovered(self) -> int:
        """Records behind the last checkpoint: of those, a chain's last ones may be missing unnoticed."""
        return len(self._window.places)

    @property
    def is_cut(self) -> bool:
        """Whether the beginning is deleted, as a topic's is when its retention has passed."""
        return self.begins_at > 0

    @property
    def beginning(self) -> Beginning:
        """Whether it is there, or old enough to have been deleted; known at the end."""
        if not self.is_cut or self._is_whole:
            return Beginning.WHOLE
        now = self.now or self._last_at or self._first_at
        if self.kept is None or now is None:
            return Beginning.MISSING
        times = [at for at in (self._first_at, self._gone_at) if at is not None]
        return Beginning.EXPIRED if times and min(times) <= now - self.kept + SLACK else Beginning.MISSING

    @property
    def chains(self) -> int:
        """How many chains."""
        return len(self._chains)

    @property
    def open(self) -> int:
        """Chains that do not say that they end: their writers are at work, or were killed or cut off."""
        return sum(not each.head.ends for each in self._chains.values())

    def take(self, offset: int, value: bytes) -> Iterator[Fault]:
        """The next record; what is wrong with it, or shows at it."""
        self.begins_at = offset if self.begins_at < 0 else self.begins_at
        for fault in self._take(offset, value):
            self._told += 1
            yield fault

    def end(self) -> Iterator[Fault]:
        """No more records come; what is missing at the beginning and at the end."""
        if self.beginning is Beginning.MISSING:
            yield Fault(FaultKind.BEGINNING, self.begins_at, "", "", -1, self._why_missing())
        if self._anchor is not None:
            ahead = 1 + sum(1 for _ in self._published)
            yield self._fault(
                FaultKind.ANCHOR,
                None,
                f"the ledger ends after {self.records} records, and of {ahead} more checkpoints it was published that "
                f"they were there, the first with number {self._anchor.number} over {self._anchor.total} records: its "
                "end was taken off",
            )
            self._anchor = None

    def _take(self, offset: int, value: bytes) -> Iterator[Fault]:
        try:
            record = parse_record(value)
        except LedgerInvalid as invalid:
            yield from self._unreadable(offset, value, invalid)
            return
        if record.deployment != self.deployment:
            return
        self.records += 1
        self._first_at = self._first_at or record.at
        place = place_of(offset, record)
        yield from self._follow(place, record)
        if record.kind == CHECKPOINT:
            yield from self._checkpoint(place, record)
        self._window.add(place)

    def _why_missing(self) -> str:
        """Why nothing explains that the beginning is not there."""
        where = f"the ledger begins at offset {self.begins_at}"
        if self.kept is None:
            return f"{where}, and how long its records are kept was not said: name --keep or --profile"
        first = f"of {self._first_at:%Y-%m-%d %H:%M} UTC" if self._first_at else "that nobody can read"
        return f"{where} with a record {first}, and records are kept for {self.kept.days} days: it was deleted too soon"

    def _unreadable(self, offset: int, value: bytes, invalid: LedgerInvalid) -> Iterator[Fault]:
        """Go on behind it as if it were what it says it is, so that only this record is told of."""
        self.records += 1
        self._window.add(unreadable(offset, value))
        said = _as_said(offset, value)
        chain = self._chains.get(said.chain)
        if (chain and said.seq == chain.head.seq + 1) or (not chain and said.seq == 0):
            self._chains[said.chain] = _Chain(said, is_altered=True)
        yield self._fault(FaultKind.ALTERED, said, str(invalid))

    def _follow(self, place: Place, record: LedgerRecord) -> Iterator[Fault]:
        """Whether a record is the next of its chain."""
        chain = self._chains.get(place.chain)
        wanted = chain.head.seq + 1 if chain else 0
        if place.seq < wanted:
            yield self._fault(FaultKind.REPEATED, place, f"its chain has been at number {wanted - 1} before")
            return
        self._chains[place.chain] = _Chain(place)
        if place.seq > wanted and not (self.is_cut and chain is None):
            missing = Place(place.offset, place.writer, place.chain, wanted, "")
            yield self._fault(FaultKind.MISSING, missing, f"number {place.seq} of its chain stands where it should")
        elif chain and not chain.is_altered and (record.prev, record.writer) != (chain.head.hash, chain.head.writer):
            yield self._fault(FaultKind.ALTERED, chain.head, "the record after it was written after another one")
        elif chain and chain.head.ends:
            yield self._fault(FaultKind.FOREIGN, place, "its chain had ended")
        elif not chain and place.seq == 0:
            yield from self._begin(place, record)

    def _begin(self, place: Place, record: LedgerRecord) -> Iterator[Fault]:
        """A chain begins; what its writer knew of the one before must be there."""
        if record.kind != CHAIN_BEGUN or record.prev != GENESIS:
            yield self._fault(FaultKind.FOREIGN, place, "chains do not begin so")
            return
        after = former_head(record)
        if after is None:
            return
        before = self._chains.get(after.chain)
        if before is None and self.is_cut:
            return
        if before is None or before.head.seq < after.seq:
            wanted = before.head.seq + 1 if before else 0
            missing = Place(place.offset, place.writer, after.chain, wanted, "")
            detail = f"its writer's next chain, {place.chain}, was begun after number {after.seq} of this one"
            yield self._fault(FaultKind.MISSING, missing, detail)
        elif not before.is_altered:
            named = (each for each in self._window.places if (each.chain, each.seq) == (after.chain, after.seq))
            if (there := next(named, before.head)).seq == after.seq and there.hash != after.hash:
                yield self._fault(FaultKind.ALTERED, there, "its writer's next chain was begun after another record")

    def _checkpoint(self, place: Place, record: LedgerRecord) -> Iterator[Fault]:
        """Hold what stands before a checkpoint against it."""
        try:
            checkpoint = parse_checkpoint(record)
        except LedgerInvalid as invalid:
            yield self._fault(FaultKind.FORGED, place, str(invalid))
            return
        self.keys = self.keys or (checkpoint.key,)
        if checkpoint.key not in self.keys or not checkpoint.is_signed():
            signed = "with another key" if checkpoint.is_signed() else "by nobody"
            yield self._fault(FaultKind.FORGED, place, f"it is signed {signed}")
            return
        if checkpoint.number < self._number:
            self._last.add(record.hash)  # of a second supervisor, for a moment; what it covers is covered
            return
        if self.is_cut and not self.checkpoints:
            self._is_whole = checkpoint.number == 0 and checkpoint.first >= self.begins_at
            self._pass_over(checkpoint.number)
        elif checkpoint.previous not in self._last:
            detail = f"checkpoint {checkpoint.number} was not written after checkpoint {self._number - 1}"
            yield self._fault(FaultKind.CHECKPOINT_MISSING, place, detail)
        is_cut = checkpoint.first < self.begins_at
        difference = self._window.cover_end(checkpoint) if is_cut else self._window.cover(checkpoint)
        if difference and not self._told:
            yield from self._named(difference, place, checkpoint)
        self._told, self.covered = 0, checkpoint.total
        self._number, self._last = checkpoint.number + 1, {record.hash}
        self.checkpoints += 1
        self._last_at = record.at
        yield from self._compare(place, checkpoint)

    def _named(self, difference: Difference, place: Place, checkpoint: Checkpoint) -> Iterator[Fault]:
        """Which record it is that differs; chains are without fault in themselves."""
        where = f"checkpoint {checkpoint.number}, record {difference.at + 1} of the {checkpoint.records} it covers"
        found, is_complete = difference.found or place, True
        for head in checkpoint.heads:
            chain = self._chains.get(head.chain)
            if chain is None or chain.head.seq < head.seq:
                is_complete, wanted = False, chain.head.seq + 1 if chain else 0
                missing = Place(found.offset, head.writer, head.chain, wanted, "")
                yield self._fault(FaultKind.MISSING, missing, f"{where}: its chain had come to number {head.seq}")
                there = Place(found.offset, head.writer, head.chain, head.seq, head.hash, head.ended)
                self._chains[head.chain] = _Chain(there)  # so that what follows is not told of again
        if is_complete:
            yield self._fault(FaultKind.MOVED if difference.is_moved else FaultKind.FOREIGN, found, where)

    def _pass_over(self, number: int) -> None:
        """What was published of checkpoints before this one is of no use: they are deleted."""
        while self._anchor is not None and self._anchor.number < number:
            self._gone_at = self._anchor.at if self._anchor.number == number - 1 else None
            self._anchor = next(self._published, None)

    def _compare(self, place: Place, checkpoint: Checkpoint) -> Iterator[Fault]:
        """Hold a checkpoint against what was published of it."""
        while self._anchor is not None and self._anchor.number < checkpoint.number:
            detail = f"checkpoint {self._anchor.number}, which was published, is not there"
            yield self._fault(FaultKind.ANCHOR, place, detail)
            self._anchor = next(self._published, None)
        is_published = False
        while self._anchor is not None and self._anchor.number == checkpoint.number:
            if self._anchor.digest in self._last:
                is_published = True
            else:
                detail = f"checkpoint {checkpoint.number} was published as {self._anchor.digest[:16]}"
                yield self._fault(FaultKind.ANCHOR, place, detail)
            self._anchor = next(self._published, None)
        self.anchored += is_published

    def _fault(self, kind: FaultKind, place: Place | None, detail: str) -> Fault:
        if place is None:
            return Fault(kind, -1, "", "", -1, detail)
        return Fault(kind, place.offset, place.writer, place.chain, place.seq, detail)


def _as_said(offset: int, value: bytes) -> Place:
    """What a record that cannot be believed says that it is."""
    try:
        said = json.loads(value)
        writer, chain, seq, digest = said["writer"], said["chain"], said["seq"], said["hash"]
        if [type(each) for each in (writer, chain, seq, digest)] == [str, str, int, str]:
            return Place(offset, writer, chain, seq, digest)
    except (ValueError, KeyError, TypeError, RecursionError):
        pass
    return Place(offset, "", "", -1, "")
