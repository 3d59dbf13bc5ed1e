"""The watchlist of one shard: kept current record by record, searched as immutable generations.

Rows lie in blocks that never change. A new entry goes to a small tail, a withdrawn or replaced one is marked in its
block, and a generation is the blocks, the marks and the tail of one moment. A long tail becomes a block, and blocks
that are small or hold withdrawn rows are put together anew (`due`, `Merge.build`, `install`), beside the search.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from indexes.backends import Backend
from indexes.blocks import Block
from indexes.columns import Columns, columns_of, join
from indexes.entry import Entry
from indexes.generation import Part, WatchlistGeneration
from indexes.set_digest import SetDigest
from indexes.snapshot import Snapshot
from operators.types import Generation

# A block is put together anew when one in so many of its entries no longer counts.
_GONE_SHARE = 8
_Kind = tuple[str, int]


class _Held:
    """A block, and who in it no longer counts."""

    def __init__(self, block: Block) -> None:
        self.block = block
        self.gone: set[int] = set()
        self._part = Part(block, frozenset())

    def __contains__(self, ref: str) -> bool:
        number = self.block.numbers.get(ref)
        return number is not None and number not in self.gone

    @property
    def size(self) -> int:
        """Entries that count."""
        return len(self.block.columns) - len(self.gone)

    @property
    def rows(self) -> int:
        """Rows of the block."""
        return len(self.block.columns.rows)

    def drop(self, ref: str) -> None:
        """One counts no longer."""
        self.gone.add(self.block.numbers[ref])

    def part(self) -> Part:
        """As it stands; the marks are copied only when they have changed."""
        if len(self._part.gone) != len(self.gone):
            self._part = Part(self.block, frozenset(self.gone))
        return self._part


class _Tail:
    """Entries of one list that are in no block yet."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self.entries: dict[str, Entry] = {}
        self._part: Part | None = None

    def __contains__(self, ref: str) -> bool:
        return ref in self.entries

    @property
    def size(self) -> int:
        """Entries."""
        return len(self.entries)

    def drop(self, ref: str) -> None:
        """One is here no longer."""
        del self.entries[ref]
        self._part = None

    def add(self, entry: Entry) -> None:
        """One more."""
        self.entries[entry.ref] = entry
        self._part = None

    def part(self) -> Part:
        """As it stands; made anew only when it has changed."""
        if self._part is None:
            columns = columns_of(list(self.entries.values()))
            self._part = Part(Block(columns, self._backend.tail), frozenset())
        return self._part


@dataclass(frozen=True, slots=True, eq=False)
class Merge:
    """Entries that are to become one block.

    Attributes:
        new: From the tail.
        instead: Blocks whose place it takes, and as they were when this was planned.
    """

    new: Sequence[Entry]
    instead: Sequence[tuple[_Held, Part]]

    def build(self, backend: Backend) -> Block | None:
        """The block, None when nobody is left for it; a pure function that may run in any thread."""
        parts = [columns_of(self.new)] if self.new else []
        parts += [columns for _, part in self.instead if len(columns := part.living())]
        return Block(join(parts), backend.block) if parts else None


class Watchlist:
    """Entries of one shard. Not thread-safe.

    Args:
        shard: 0-based number of this shard.
        shards: Number of shards.
        contract: Digest of the embedding contract in force; entries made by another are not searched.
        backend: What rows are searched with.
    """

    def __init__(self, shard: int, shards: int, contract: str, backend: Backend) -> None:
        self._shard = shard
        self._shards = shards
        self._contract = contract
        self._backend = backend
        self._held: list[_Held] = []
        self._tails: dict[_Kind, _Tail] = {}
        self._digest = SetDigest()
        self._next_offsets: dict[int, int] = {}
        self.foreign: set[str] = set()

    def apply(self, partition: int, offset: int, ref: str, entry: Entry | None) -> None:
        """Take in one record of the watchlist topic: an entry, or None for a withdrawal."""
        self._next_offsets[partition] = offset + 1
        self._drop(ref)
        if entry is not None and entry.contract == self._contract:
            tail = self._tails.setdefault(_kind(entry), _Tail(self._backend))
            tail.add(entry)
            self._digest.put(ref, entry.digest)
        elif entry is not None:
            self.foreign.add(ref)

    def skip(self, partition: int, offset: int) -> None:
        """Take in one record that says nothing of anybody."""
        self._next_offsets[partition] = offset + 1

    def generation(self) -> WatchlistGeneration:
        """The present state, as an immutable whole that is ready to be searched."""
        parts = [held.part() for held in self._held]
        parts += [tail.part() for tail in self._tails.values() if tail.entries]
        number = sum(self._next_offsets.values())
        name = Generation(self._shard, self._shards, number, self._digest.hexdigest())
        return WatchlistGeneration(name, sum(home.size for home in self._homes()), parts)

    def due(self, erase: bool = False) -> Merge | None:
        """What should be put together next; None when all is well.

        Args:
            erase: Also the block with the most marks, however few, so that withdrawn vectors leave memory.
        """
        for tail in self._tails.values():
            if _rows(tail.entries.values()) >= self._backend.tail_rows:
                return self._with_small_blocks(tail)
        marked = max(self._held, key=lambda held: len(held.gone), default=None)
        if marked and marked.gone and (erase or len(marked.gone) * _GONE_SHARE >= len(marked.block.columns)):
            return Merge([], [(marked, marked.part())])
        return None

    def install(self, merge: Merge, block: Block | None) -> None:
        """Put a block that was built in its place; whoever changed meanwhile does not count in it."""
        replaced = [held for held, _ in merge.instead]
        self._held = [held for held in self._held if held not in replaced]
        if block is None:
            return
        new = _Held(block)
        for entry in merge.new:
            tail = self._tails[_kind(entry)]
            if tail.entries.get(entry.ref) is entry:
                tail.drop(entry.ref)
            else:
                new.drop(entry.ref)
        for held, part in merge.instead:
            for number in held.gone - part.gone:
                new.drop(held.block.columns.refs[number])
        self._held.append(new)

    def snapshot(self, identity: Mapping[str, str], now_us: int) -> Callable[[], Snapshot[Columns]]:
        """Everything there is at this moment, without withdrawn rows: a function that makes it, in any thread."""
        parts, foreign, lines = self.generation().parts, sorted(self.foreign), self._digest.lines()
        return partial(_snapshot, parts, identity, dict(self._next_offsets), now_us, foreign, lines)

    def block(self, columns: Columns) -> Block:
        """What `restore` wants of the columns of a snapshot; may run in any thread."""
        return Block(columns, self._backend.block)

    def restore(self, snapshot: Snapshot[Block]) -> None:
        """Take the place of the one that was written; only before anything else is applied."""
        self._next_offsets = dict(snapshot.next_offsets)
        self.foreign = set(snapshot.foreign)
        self._digest.take(snapshot.lines)
        self._held = [_Held(block) for block in snapshot.blocks]

    def merge_all(self) -> None:
        """Put together whatever is due, here and now."""
        while merge := self.due():
            self.install(merge, merge.build(self._backend))

    def _drop(self, ref: str) -> None:
        self.foreign.discard(ref)
        for home in self._homes():
            if ref in home:
                self._digest.remove(ref)
                home.drop(ref)

    def _homes(self) -> list[_Held | _Tail]:
        """Every entry that counts is in one of them: 30 look-ups at a million, in the place of a dictionary of all."""
        return [*self._tails.values(), *self._held]

    def _with_small_blocks(self, tail: _Tail) -> Merge:
        """The tail, up to a full block, and blocks that are no larger: each row is moved a few times in its life."""
        new = list(_up_to(tail.entries.values(), self._backend.block_rows))
        rows, instead = _rows(new), []
        alike = [held for held in self._held if _kind_of(held.block.columns) == _kind(new[0])]
        for held in sorted(alike, key=lambda held: held.rows):
            if held.rows <= rows and held.rows + rows <= self._backend.block_rows:
                instead.append((held, held.part()))
                rows += held.rows
        return Merge(new, instead)


def _snapshot(
    parts: Sequence[Part],
    identity: Mapping[str, str],
    next_offsets: Mapping[int, int],
    now_us: int,
    foreign: Sequence[str],
    lines: Sequence[bytes],
) -> Snapshot[Columns]:
    living = [part.living() for part in parts]
    return Snapshot(identity, next_offsets, now_us, foreign, lines, [columns for columns in living if len(columns)])


def _kind_of(columns: Columns) -> _Kind:
    return columns.watchlist, columns.dimension


def _kind(entry: Entry) -> _Kind:
    return entry.watchlist, entry.vectors.shape[1]


def _up_to(entries: Iterable[Entry], rows: int) -> Iterator[Entry]:
    """As many as fit, and at least one."""
    for number, entry in enumerate(entries):
        rows -= len(entry.vectors)
        if rows < 0 and number:
            return
        yield entry


def _rows(entries: Iterable[Entry]) -> int:
    return sum(len(entry.vectors) for entry in entries)
