"""What the next checkpoint covers, whatever became of those before."""

from cluster.ledger.checkpoints import WRITER, Checkpointer, sealed_in
from cluster.ledger.writer import LedgerWriter
from cluster.wire.checkpoints import CHECKPOINT, checkpoint_body
from cluster.wire.ledger import parse_record
from tests.ledgers import KEY, Ledger


def test_a_checkpoint_covers_what_is_new_and_names_the_chains() -> None:
    """And how far each had come."""
    ledger = Ledger()
    for name in ("a", "b", "a"):
        ledger.write(name)
    ledger.writer("b").end()
    ledger.checkpoint()
    last = ledger.checkpointer.last
    assert last is not None
    said = last.checkpoint
    assert (said.number, said.first, said.next, said.records, said.total) == (0, 0, 6, 6, 6)
    assert {(head.writer, head.seq, head.ended) for head in said.heads} == {("a", 2, False), ("b", 2, True)}
    assert (last.anchor.digest, last.anchor.total) == (parse_record(ledger.values[-1]).hash, 6)
    ledger.write("a")
    ledger.checkpoint()
    said = ledger.checkpointer.last.checkpoint
    assert (said.number, said.first, said.records, said.total, said.previous) == (1, 6, 3, 9, last.digest)
    assert {(head.writer, head.seq) for head in said.heads} == {(WRITER, 1), ("a", 3)}


def test_checkpoints_alone_are_no_reason_for_another() -> None:
    """An idle cluster would write for ever."""
    ledger = Ledger()
    ledger.write("a")
    ledger.checkpoint()
    assert ledger.checkpointer.waiting == 0
    before = len(ledger.values)
    ledger.checkpoint()
    assert len(ledger.values) == before


def test_no_checkpoint_covers_more_than_it_may() -> None:
    """What is left is for the next."""
    ledger = Ledger()
    for _ in range(9):
        ledger.write("a")
    ledger.checkpoint()
    assert ledger.checkpointer.last is not None
    assert ledger.checkpointer.last.checkpoint.records == 6
    assert ledger.checkpointer.waiting == 4


def test_whoever_comes_next_goes_on_behind_the_last() -> None:
    """It reads from there, and covers nothing twice."""
    ledger = Ledger()
    for name in ("a", "b"):
        ledger.write(name)
        ledger.checkpoint()
    ledger.write("a")
    last = ledger.checkpointer.last
    assert last is not None
    successor = Checkpointer("test", KEY, last)
    for offset, value in list(enumerate(ledger.values))[last.checkpoint.next :]:
        successor.take(offset, value)
    ledger.checkpoint()
    assert ledger.checkpointer.last is not None
    assert successor.next(6) == ledger.checkpointer.last.checkpoint


def test_what_others_sign_is_no_checkpoint_of_ours() -> None:
    """Nor what nobody signed, nor one of another deployment."""
    ledger = Ledger()
    ledger.write("a")
    ledger.checkpoint()
    true = ledger.checkpointer.last
    assert true is not None
    forged = checkpoint_body(true.checkpoint) | {"number": 1}
    other = LedgerWriter(ledger.topic, "other", WRITER, "d" * 64, ledger.clock)
    other.write(CHECKPOINT, checkpoint_body(true.checkpoint) | {"number": 1})
    ledger.writer("x").write(CHECKPOINT, forged)
    ledger.writer("x").write(CHECKPOINT, {"number": 1})
    ledger.write("a")
    ledger.checkpoint()
    assert ledger.checkpointer.last is not None
    assert ledger.checkpointer.last.checkpoint.number == 1
    assert ledger.checkpointer.trouble is None
    kinds = [sealed_in(parse_record(value)) is not None for value in ledger.values]
    assert kinds.count(True) == 2


def test_a_ledger_that_is_not_as_the_last_checkpoint_says_is_told_of() -> None:
    """At once, and not only when somebody verifies it."""
    ledger = Ledger()
    for _ in range(3):
        ledger.write("a")
    ledger.checkpoint()
    reader = Checkpointer("test", KEY)
    for offset, value in enumerate(ledger.values):
        if offset != 1:
            reader.take(offset, value)
    assert reader.trouble == "the ledger is not what checkpoint 0 says: 'beholden ledger verify' names it"
