"""Records of the ledger that no checkpoint covers yet: what a checkpoint is made of, and held against."""

import hashlib
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice

from cluster.wire.checkpoints import MARK_BYTES, ChainHead, Checkpoint, marks_of, order_of
from cluster.wire.ledger import CHAIN_ENDED, LedgerRecord


@dataclass(frozen=True, slots=True)
class Place:
    """One record where it stands.

    Attributes:
        offset: In the topic.
        writer: Who wrote it; as far as can be told of a record that cannot be read.
        chain: Its chain; likewise.
        seq: Its number in that; likewise, else -1.
        hash: SHA-256 (hex): of a record that cannot be read, of its bytes.
        ends: Whether it says that its chain ends here.
    """

    offset: int
    writer: str
    chain: str
    seq: int
    hash: str
    ends: bool = False


def place_of(offset: int, record: LedgerRecord) -> Place:
    """Where a record stands."""
    ends = record.kind == CHAIN_ENDED
    return Place(offset, record.writer, record.chain, record.seq, record.hash, ends)


def unreadable(offset: int, value: bytes) -> Place:
    """Where something stands that is no record."""
    return Place(offset, "", "", -1, hashlib.sha256(value).hexdigest())


@dataclass(frozen=True, slots=True)
class Difference:
    """Where the records are not those that a checkpoint covers.

    Attributes:
        at: Position, among the records it covers, of the first that differs.
        found: What stands there; None: nothing.
        is_moved: Whether what stands there is one of them, and so is what should, elsewhere.
    """

    at: int
    found: Place | None
    is_moved: bool


@dataclass(slots=True)
class Uncovered:
    """The records behind the last checkpoint, in the order of the topic. Memory grows with their number alone."""

    places: deque[Place] = field(default_factory=deque)

    def add(self, place: Place) -> None:
        """The next record."""
        self.places.append(place)

    def heads(self, records: int) -> tuple[ChainHead, ...]:
        """Every chain that has records among the first of them, with the last of these."""
        heads = {
            each.chain: ChainHead(each.writer, each.chain, each.seq, each.hash, each.ends)
            for each in islice(self.places, records)
            if each.seq >= 0
        }
        return tuple(heads[chain] for chain in sorted(heads))

    def hashes(self, records: int) -> list[str]:
        """Of the first of them."""
        return [each.hash for each in islice(self.places, records)]

    def cover(self, checkpoint: Checkpoint) -> Difference | None:
        """Drop the records that a checkpoint covers; where they are not those, if they are not."""
        if order_of(self.hashes(checkpoint.records)) == checkpoint.order:
            difference, covered = None, checkpoint.records
        else:
            difference, covered = self._differs(checkpoint), self._reach(checkpoint)
        for _ in range(covered):
            self.places.popleft()
        return difference

    def cover_end(self, checkpoint: Checkpoint) -> Difference | None:
        """As `cover`, where records at the beginning of those that it covers are deleted: the others have its marks."""
        records = sum(each.offset < checkpoint.next for each in self.places)
        marks = _marks(marks_of(self.hashes(records)))
        wanted = _marks(checkpoint.marks)[-records:] if records else []
        covered = [self.places.popleft() for _ in range(records)]
        for found, is_wanted, place in zip(marks, wanted, covered, strict=False):
            if found != is_wanted:
                return Difference(checkpoint.records - records + covered.index(place), place, is_moved=False)
        return None

    def _differs(self, checkpoint: Checkpoint) -> Difference:
        found, wanted = _marks(marks_of([each.hash for each in self.places])), _marks(checkpoint.marks)
        at = next(
            (at for at, (one, other) in enumerate(zip(found, wanted, strict=False)) if one != other),
            min(len(found), len(wanted)),
        )
        if at >= len(found):
            return Difference(at, None, is_moved=False)
        is_moved = at < len(wanted) and found[at] in wanted[at:] and wanted[at] in found[at:]
        return Difference(at, self.places[at], is_moved)

    def _reach(self, checkpoint: Checkpoint) -> int:
        """How many of the records that are there belong to it: up to the last that it knows.

        What cannot be read behind that one stands in the place of one of them.
        """
        found = _marks(marks_of([each.hash for each in self.places]))
        last = {mark: at for at, mark in enumerate(found)}
        wanted = _marks(checkpoint.marks)
        for missing, mark in enumerate(reversed(wanted)):
            if mark in last:
                behind = islice(self.places, last[mark] + 1, last[mark] + 1 + missing)
                return last[mark] + 1 + sum(each.seq < 0 for each in behind)
        return min(checkpoint.records, len(self.places))


def _marks(joined: bytes) -> Sequence[bytes]:
    return [joined[at : at + MARK_BYTES] for at in range(0, len(joined), MARK_BYTES)]
