"""Promise: what is done to the ledger afterwards is found and named, except in the window that is told of.

The window: records behind the last checkpoint that are the last of their chain, and that no later chain of the same
writer names. And, where nothing was published outside, whatever is cut off at the end.
"""

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from cluster.ledger.checkpoints import WRITER
from cluster.ledger.verify import FaultKind
from cluster.ledger.writer import former_head
from cluster.wire.checkpoints import CHECKPOINT, parse_checkpoint
from cluster.wire.ledger import LedgerRecord, encode_record, parse_record
from tests.ledgers import Ledger, faults

NAMES = st.sampled_from(["a", "b", "desk"])
EVENTS = st.lists(
    st.tuples(st.just("write"), NAMES)
    | st.tuples(st.just("write"), NAMES)
    | st.tuples(st.just("checkpoint"), st.booleans())
    | st.tuples(st.just("lose"), st.sampled_from(["a", "b", WRITER]), st.booleans())
    | st.tuples(st.just("restart"), st.sampled_from(["a", "b", WRITER]), st.booleans())
    | st.tuples(st.just("end"), NAMES),
    max_size=14,
)


def _happened(events: list[Any]) -> Ledger:
    """A ledger to which all this has happened."""
    ledger = Ledger()
    ledger.write("a")
    for event, *of in events:
        if event == "write":
            ledger.write(of[0])
        elif event == "checkpoint":
            ledger.checkpoint(publish=of[0])
        elif event == "lose":
            ledger.lose(of[0], of[1])
        elif event == "restart":
            ledger.begin(of[0], knows=of[1])
        elif of[0] in ledger.writers:
            ledger.writers[of[0]].end()
            ledger.begin(of[0])
    return ledger


@dataclass(frozen=True, slots=True)
class Told:
    """What a ledger says, for whoever wants to know which changes must be found."""

    records: list[LedgerRecord]
    published: set[str]

    @staticmethod
    def of(ledger: Ledger) -> "Told":
        """Read."""
        return Told([parse_record(value) for value in ledger.values], {each.digest for each in ledger.anchors})

    def covered(self, without: int = -1) -> int:
        """Records that the checkpoints cover, when one of them is not there."""
        found = [each for at, each in enumerate(self.records) if each.kind == CHECKPOINT and at != without]
        return max((parse_checkpoint(each).total for each in found), default=0)

    def goes_on(self, at: int) -> bool:
        """Whether the chain of a record goes on behind it, or the next of the same writer names it."""
        record = self.records[at]
        for later in self.records[at + 1 :]:
            after = former_head(later) if later.kind == "chain.begun" else None
            if later.chain == record.chain or (after and after.chain == record.chain and after.seq >= record.seq):
                return True
        return False

    def order(self, records: list[LedgerRecord]) -> list[object]:
        """What must not change where no checkpoint covers it: chains, what they name, and checkpoints."""
        chains = [[each.seq for each in records if each.chain == one.chain] for one in self.records]
        at = {(each.chain, each.seq): number for number, each in enumerate(records)}
        names = [
            at[each.chain, each.seq] > at[after.chain, after.seq]
            for each in self.records
            if each.kind == "chain.begun" and (after := former_head(each))
        ]
        return [chains, names, [each.hash for each in records if each.kind == CHECKPOINT]]


@given(EVENTS)
def test_whatever_happened_the_ledger_verifies(events: Any) -> None:
    """Brokers go away in the middle of a record, processes are killed, supervisors start over."""
    ledger = _happened(events)
    assert faults(ledger.values, ledger.anchors) == []
    assert faults(ledger.values) == []


@given(EVENTS, st.data())
def test_a_flipped_byte_is_found(events: Any, data: st.DataObject) -> None:
    """Wherever it is: there is no window for this."""
    ledger = _happened(events)
    values = ledger.values
    at = data.draw(st.integers(0, len(values) - 1))
    byte = data.draw(st.integers(0, len(values[at]) - 1))
    other = data.draw(st.integers(1, 255)) ^ values[at][byte]
    values[at] = values[at][:byte] + bytes([other]) + values[at][byte + 1 :]
    found = faults(values, ledger.anchors)
    assert (found[0].kind, found[0].offset) == (FaultKind.ALTERED, at)


@given(EVENTS, st.data())
def test_a_dropped_record_is_found(events: Any, data: st.DataObject) -> None:
    """And named by writer, chain and number; not found is only what is in the window."""
    ledger = _happened(events)
    told, values = Told.of(ledger), ledger.values
    at = data.draw(st.integers(0, len(values) - 1))
    gone = told.records[at]
    del values[at]
    found = faults(values, ledger.anchors)
    is_checkpoint = gone.kind == CHECKPOINT
    by_number = is_checkpoint and any(each.kind == CHECKPOINT for each in told.records[at + 1 :])
    if told.goes_on(at) or at < told.covered(at) or by_number:
        named = (found[0].writer, found[0].chain, found[0].seq) == (gone.writer, gone.chain, gone.seq)
        assert named or (is_checkpoint and found[0].kind is FaultKind.CHECKPOINT_MISSING)
        assert named or found[0].offset >= at
    elif gone.hash in told.published:
        assert [each.kind for each in found] == [FaultKind.ANCHOR]
    else:
        assert found == []


@given(EVENTS, st.data())
def test_records_in_another_order_are_found(events: Any, data: st.DataObject) -> None:
    """Not found is only an order that nothing has told of yet: of different chains, behind the last checkpoint."""
    ledger = _happened(events)
    told, values = Told.of(ledger), ledger.values
    one, other = sorted(data.draw(st.integers(0, len(values) - 1)) for _ in range(2))
    values[one], values[other] = values[other], values[one]
    moved = [parse_record(value) for value in values]
    found = faults(values, ledger.anchors)
    if one == other or (one >= told.covered() and told.order(moved) == told.order(told.records)):
        assert found == []
    else:
        assert one <= found[0].offset <= other


@given(EVENTS, st.data())
def test_a_repeated_record_is_found(events: Any, data: st.DataObject) -> None:
    """And named, wherever it is put: there is no window for this."""
    ledger = _happened(events)
    values = ledger.values
    at = data.draw(st.integers(0, len(values) - 1))
    to = data.draw(st.integers(at + 1, len(values)))
    values.insert(to, values[at])
    found, record = faults(values, ledger.anchors)[0], parse_record(values[at])
    assert (found.kind, found.offset) == (FaultKind.REPEATED, to)
    assert (found.writer, found.chain, found.seq) == (record.writer, record.chain, record.seq)


@given(EVENTS, st.data())
def test_a_tail_that_was_cut_off_is_found(events: Any, data: st.DataObject) -> None:
    """As soon as a checkpoint that was published goes with it."""
    ledger = _happened(events)
    told, end = Told.of(ledger), data.draw(st.integers(0, len(ledger.values)))
    found = faults(ledger.values[:end], ledger.anchors)
    if any(each.hash in told.published for each in told.records[end:]):
        assert [(each.kind, each.offset) for each in found] == [(FaultKind.ANCHOR, -1)]
    else:
        assert found == []


@given(EVENTS, st.data())
def test_a_chain_that_was_taken_out_is_found(events: Any, data: st.DataObject) -> None:
    """Whole, once a checkpoint has seen any of it."""
    ledger = _happened(events)
    told = Told.of(ledger)
    chain = data.draw(st.sampled_from([each.chain for each in told.records if each.writer != WRITER]))
    first = next(at for at, each in enumerate(told.records) if each.chain == chain)
    writer = told.records[first].writer
    values = [value for value, each in zip(ledger.values, told.records, strict=True) if each.chain != chain]
    found = faults(values, ledger.anchors)
    if first < told.covered():
        assert (found[0].kind, found[0].writer, found[0].chain) == (FaultKind.MISSING, writer, chain)
        assert found[0].seq == 0


@given(EVENTS, st.data())
def test_a_chain_that_was_replaced_to_its_end_is_found(events: Any, data: st.DataObject) -> None:
    """By whoever has seen any of what is another now: chains have no secrets, so it fits in itself."""
    ledger = _happened(events)
    told, values = Told.of(ledger), ledger.values
    at = data.draw(st.sampled_from([at for at, each in enumerate(told.records) if each.writer != WRITER]))
    first, prev = told.records[at], told.records[at].prev
    replaced = [number for number in range(at, len(values)) if told.records[number].chain == first.chain]
    for number in replaced:
        changes = {"policy_digest": "0" * 64} if number == at else {}
        values[number], prev = encode_record(replace(told.records[number], prev=prev, **changes))
    named = [former_head(each) for each in told.records if each.kind == "chain.begun"]
    is_named = any(each and each.chain == first.chain and each.seq >= first.seq for each in named)
    found = faults(values, ledger.anchors)
    if at < told.covered():
        assert (found[0].kind, found[0].offset) == (FaultKind.FOREIGN, at) or is_named
    assert bool(found) == (at < told.covered() or is_named)


@given(EVENTS, st.data())
def test_a_chain_that_was_put_in_is_found(events: Any, data: st.DataObject) -> None:
    """Where a checkpoint has told what stood there."""
    ledger, other = _happened(events), Ledger()
    other.write("somebody")
    told, values = Told.of(ledger), ledger.values
    at = data.draw(st.integers(0, len(values)))
    values[at:at] = other.values
    found = faults(values, ledger.anchors)
    if at < told.covered():
        assert (found[0].kind, found[0].offset, found[0].writer) == (FaultKind.FOREIGN, at, "somebody")
    else:
        assert found == []


@given(EVENTS, st.data())
def test_what_is_left_when_its_beginning_is_deleted_verifies(events: Any, data: st.DataObject) -> None:
    """As a topic's is when its retention has passed; what was published of that is passed over."""
    ledger = _happened(events)
    begins_at = data.draw(st.integers(0, len(ledger.values)))
    found = faults(ledger.values[begins_at:], ledger.anchors, begins_at)
    told = Told.of(ledger)
    if any(each.kind == CHECKPOINT for each in told.records[begins_at:]) or not ledger.anchors:
        assert found == []


@given(EVENTS, st.data())
def test_a_beginning_that_is_deleted_before_its_time_is_found(events: Any, data: st.DataObject) -> None:
    """Wherever the rest begins, and whether or not anything was published; likewise if it is not known how long."""
    ledger = _happened(events)
    if len(ledger.values) > 1:
        begins_at = data.draw(st.integers(1, len(ledger.values) - 1))
        anchors = ledger.anchors if data.draw(st.booleans()) else []
        kept = data.draw(st.sampled_from([None, timedelta(days=30)]))
        found = faults(ledger.values[begins_at:], anchors, begins_at, kept)
        assert (FaultKind.BEGINNING, begins_at) in [(each.kind, each.offset) for each in found]


@given(EVENTS, st.data())
def test_what_is_done_to_what_is_left_is_found(events: Any, data: st.DataObject) -> None:
    """Of records that a checkpoint covers; the beginning of a chain counts as deleted."""
    ledger = _happened(events)
    told = Told.of(ledger)
    begins_at = data.draw(st.integers(1, len(ledger.values)))
    values = ledger.values[begins_at:]
    if told.covered() <= begins_at + 1:
        return
    at = data.draw(st.integers(begins_at + 1, told.covered() - 1)) - begins_at  # without the first more is deleted
    if data.draw(st.booleans()):
        values[at] = values[at].replace(b'"test"', b'"tast"')
        assert faults(values, ledger.anchors, begins_at)[0].offset == begins_at + at
    else:
        del values[at]
        assert faults(values, ledger.anchors, begins_at)
