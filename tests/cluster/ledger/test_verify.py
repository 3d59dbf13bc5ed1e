"""A ledger as it was written has no faults, and each thing that is done to it is found and named."""

from dataclasses import replace
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cluster.ledger.checkpoints import WRITER
from cluster.ledger.verify import Fault, FaultKind, Verifier
from cluster.wire.checkpoints import CHECKPOINT, checkpoint_body, parse_checkpoint
from cluster.wire.ledger import LedgerRecord, encode_record, parse_record
from tests.ledgers import PUBLIC, Ledger, faults


def example() -> Ledger:
    """Two writers, three checkpoints, and two records behind the last.

    Offsets: 0-1 a begins, 2-3 b begins, 4 b, 5-6 checkpoints begin, 7 a, 8 b ends, 9 checkpoint, 10 a, 11 checkpoint,
    12 a, 13 a.
    """
    ledger = Ledger()
    for name in ("a", "b", "b"):
        ledger.write(name)
    ledger.checkpoint()
    ledger.write("a")
    ledger.writer("b").end()
    ledger.checkpoint()
    ledger.write("a")
    ledger.checkpoint()
    ledger.write("a")
    ledger.write("a")
    return ledger


def records(values: list[bytes]) -> list[LedgerRecord]:
    """Parsed."""
    return [parse_record(value) for value in values]


def rewritten(values: list[bytes], at: int, **changes: object) -> list[bytes]:
    """Change a record and give it, and all behind it in its chain, the hashes that they should have then."""
    found = records(values)
    found[at] = replace(found[at], **changes)  # type: ignore[arg-type]
    chain, prev = found[at].chain, found[at].prev
    for number in range(at, len(found)):
        if found[number].chain == chain:
            found[number] = replace(found[number], prev=prev)
            prev = encode_record(found[number])[1]
    return [encode_record(each)[0] for each in found]


def first(values: list[bytes], ledger: Ledger) -> tuple[FaultKind, int, str, int]:
    """The first fault: what, where, of whom and which number."""
    found: Fault = faults(values, ledger.anchors)[0]
    return found.kind, found.offset, found.writer, found.seq


def test_the_example_is_as_it_says() -> None:
    """Chains, checkpoints and what is behind the last of them."""
    ledger = example()
    verifier = Verifier("test", (PUBLIC,), ledger.anchors)
    found = [each for offset, value in enumerate(ledger.values) for each in verifier.take(offset, value)]
    assert found + list(verifier.end()) == []
    assert (verifier.records, verifier.chains, verifier.open, verifier.checkpoints) == (14, 3, 2, 3)
    assert (verifier.covered, verifier.uncovered, verifier.anchored) == (11, 3, 3)
    twice = sorted([*ledger.anchors, *ledger.anchors], key=lambda each: each.number)
    verifier = Verifier("test", (PUBLIC,), twice)
    assert [each for offset, value in enumerate(ledger.values) for each in verifier.take(offset, value)] == []
    assert verifier.anchored == 3
    short = [each.writer[0] for each in records(ledger.values)]
    assert "".join(short) == "aabbbccabcacaa"


def test_a_flipped_byte_is_found_and_named() -> None:
    """At the record, and nothing behind it is blamed."""
    ledger = example()
    for at in range(len(ledger.values)):
        values = ledger.values
        values[at] = values[at].replace(b'"test"', b'"tast"')
        record = records(ledger.values)[at]
        [found] = faults(values, ledger.anchors) if record.writer != WRITER else faults(values, ledger.anchors)[:1]
        assert (found.kind, found.offset, found.writer, found.seq) == (FaultKind.ALTERED, at, record.writer, record.seq)


def test_a_dropped_record_is_found_and_named() -> None:
    """By its chain where the chain goes on, else by the checkpoint behind it."""
    ledger = example()
    for at in range(13):
        values = ledger.values
        gone = records(values)[at]
        del values[at]
        kind, offset, writer, seq = first(values, ledger)
        if gone.kind == CHECKPOINT and gone.seq == 3:
            assert kind is FaultKind.ANCHOR
        else:
            assert (kind, writer, seq) == (FaultKind.MISSING, gone.writer, gone.seq)
            assert at <= offset
        assert gone.writer == WRITER or len(faults(values, ledger.anchors)) == 1


def test_a_chain_that_was_taken_out_is_found_and_named() -> None:
    """Whole; by the checkpoint that saw it."""
    ledger = example()
    values = [value for value in ledger.values if parse_record(value).writer != "b"]
    assert first(values, ledger) == (FaultKind.MISSING, 2, "b", 0)


def test_records_in_another_order_are_found_and_named() -> None:
    """Those of one chain by that, those of two by the checkpoint behind them."""
    ledger = example()
    for one, other, kind, writer, seq in (
        (3, 4, FaultKind.MISSING, "b", 1),
        (1, 2, FaultKind.MOVED, "b", 0),
        (7, 8, FaultKind.MOVED, "b", 3),
    ):
        values = ledger.values
        values[one], values[other] = values[other], values[one]
        assert first(values, ledger) == (kind, one, writer, seq)


def test_a_repeated_record_is_found_and_named() -> None:
    """Wherever it is put."""
    ledger = example()
    for at in range(14):
        values = ledger.values
        record = records(values)[at]
        values.append(values[at])
        assert first(values, ledger) == (FaultKind.REPEATED, 14, record.writer, record.seq)


def test_a_record_that_was_rewritten_with_all_behind_it_is_found_by_the_checkpoint() -> None:
    """Chains have no key: whoever changes a record can make its chain fit. No checkpoint fits then."""
    ledger = example()
    for at, writer, seq in ((1, "a", 1), (4, "b", 2), (7, "a", 2), (10, "a", 3)):
        values = rewritten(ledger.values, at, body={"number": -1})
        assert first(values, ledger) == (FaultKind.FOREIGN, at, writer, seq)


def test_a_record_that_was_rewritten_alone_is_found_by_the_next_of_its_chain() -> None:
    """Before any checkpoint."""
    ledger = example()
    for at, number in ((1, 1), (12, 4)):
        values = ledger.values
        values[at] = rewritten(values, at, body={})[at]
        kind, _, writer, seq = first(values, ledger)
        assert (writer, seq) == ("a", number)
        assert kind in (FaultKind.ALTERED, FaultKind.FOREIGN)
    values = rewritten(ledger.values, 12, writer="x")
    assert first(values, ledger)[:2] == (FaultKind.ALTERED, 10)


def test_a_record_that_was_put_in_is_found_and_named() -> None:
    """A chain that no checkpoint knows, before one; and what is written behind a chain's end."""
    ledger, other = example(), Ledger()
    other.write("c")
    values = ledger.values
    values[4:4] = other.values
    assert first(values, ledger) == (FaultKind.FOREIGN, 4, "c", 0)
    b = records(ledger.values)[8]
    more, _ = encode_record(replace(b, seq=b.seq + 1, prev=b.hash, kind="x"))
    assert first([*ledger.values, more], ledger) == (FaultKind.FOREIGN, 14, "b", 4)


def test_a_tail_that_was_cut_off_is_found_by_what_was_published() -> None:
    """As long as a checkpoint goes with it; without anything published it cannot be told from an earlier ledger."""
    ledger = example()
    for end in range(12):
        found = faults(ledger.values[:end], ledger.anchors)
        assert (found[-1].kind, found[-1].offset) == (FaultKind.ANCHOR, -1)
        assert f"ends after {end} records" in found[-1].detail
        assert faults(ledger.values[:end]) == []
    assert faults(ledger.values[:12], ledger.anchors) == []


def test_a_forged_checkpoint_is_found_and_named() -> None:
    """Signed by nobody, or with a key of somebody else."""
    ledger = example()
    record = records(ledger.values)[9]
    true = parse_checkpoint(record)
    unsigned = replace(true, total=99)
    stranger = unsigned.signed(Ed25519PrivateKey.from_private_bytes(b"x" * 32))
    for forged in (unsigned, stranger, replace(unsigned, signature=b"")):
        values = rewritten(ledger.values, 9, body=checkpoint_body(forged))
        assert first(values, ledger) == (FaultKind.FORGED, 9, WRITER, 2)
    values = rewritten(ledger.values, 9, body={"number": 1})
    assert first(values, ledger) == (FaultKind.FORGED, 9, WRITER, 2)


def test_checkpoints_of_another_key_are_no_proof() -> None:
    """Whoever rewrites all of it and signs anew is found by the key, or by what was published."""
    ledger, forger = example(), Ledger()
    forger.checkpointer.key = Ed25519PrivateKey.from_private_bytes(b"x" * 32)
    for _ in range(3):
        forger.write("a")
        forger.checkpoint()
    assert {each.kind for each in faults(forger.values)} == {FaultKind.FORGED}
    believed = Verifier("test", (), ledger.anchors)
    found = [each.kind for offset, value in enumerate(forger.values) for each in believed.take(offset, value)]
    assert found == [FaultKind.ANCHOR] * 3


def test_a_removed_checkpoint_is_found_and_named() -> None:
    """By its chain, by its number, and by what was published; the last one by that alone."""
    ledger = example()
    values = ledger.values
    del values[6]
    found = faults(values, ledger.anchors)
    assert (found[0].kind, found[0].writer, found[0].seq) == (FaultKind.MISSING, WRITER, 1)
    assert FaultKind.CHECKPOINT_MISSING in {each.kind for each in found}
    values = ledger.values
    del values[11]
    assert [each.kind for each in faults(values, ledger.anchors)] == [FaultKind.ANCHOR]
    assert faults(values) == []


def test_all_checkpoints_of_a_process_that_were_removed_are_found_by_their_numbers() -> None:
    """Its successor did not know of its chain."""
    ledger = Ledger()
    ledger.write("a")
    ledger.checkpoint()
    ledger.write("a")
    ledger.begin(WRITER, knows=False)
    ledger.checkpoint()
    chain = records(ledger.values)[3].chain
    values = [value for value in ledger.values if parse_record(value).chain != chain]
    assert len(values) == len(ledger.values) - 2
    assert [each.kind for each in faults(values)] == [FaultKind.CHECKPOINT_MISSING]
    found = [(each.kind, each.offset) for each in faults(values, ledger.anchors)]
    assert found == [(FaultKind.CHECKPOINT_MISSING, 4), (FaultKind.ANCHOR, 4)]


def test_a_chain_that_the_next_one_names_cannot_be_taken_out() -> None:
    """Also before any checkpoint."""
    ledger = Ledger()
    ledger.write("a")
    ledger.write("a")
    ledger.begin("a")
    ledger.write("a")
    assert faults(ledger.values) == []
    assert [(each.kind, each.seq) for each in faults(ledger.values[3:])] == [(FaultKind.MISSING, 0)]
    assert [(each.kind, each.seq) for each in faults(ledger.values[:2] + ledger.values[3:])] == [(FaultKind.MISSING, 2)]
    forged = rewritten(ledger.values, 2, body={})
    assert [(each.kind, each.offset) for each in faults(forged)] == [(FaultKind.ALTERED, 2)]


def test_records_of_other_deployments_are_passed_over() -> None:
    """They have checkpoints of their own."""
    ledger, other = example(), Ledger()
    other.write("a")
    foreign = [encode_record(replace(parse_record(value), deployment="other"))[0] for value in other.values]
    values = ledger.values
    values[5:5] = foreign
    anchors = [*ledger.anchors, *(replace(each, deployment="other", number=9) for each in ledger.anchors)]
    assert faults(values, anchors) == []


def test_garbage_in_the_topic_is_found() -> None:
    """And the checkpoint that was written over it holds."""
    ledger = Ledger()
    ledger.write("a")
    ledger.topic.send("x", b"garbage\xff", [])
    ledger.write("a")
    ledger.checkpoint()
    assert [(each.kind, each.offset, each.seq) for each in faults(ledger.values, ledger.anchors)] == [
        (FaultKind.ALTERED, 2, -1)
    ]


def test_two_supervisors_for_a_moment_are_no_fault() -> None:
    """Both sign with the deployment's key, and what one covers the other covers, too."""
    ledger = Ledger()
    ledger.write("a")
    ledger.checkpoint()
    twin = parse_record(ledger.values[-1])
    ledger.begin("twin")
    ledger.writer("twin").write(twin.kind, twin.body).wait(0)
    ledger.write("a")
    ledger.checkpoint()
    assert faults(ledger.values, ledger.anchors) == []


def test_memory_is_that_of_what_no_checkpoint_covers() -> None:
    """Besides the head of each chain."""
    ledger, verifier = Ledger(), Verifier("test", (PUBLIC,))
    for _ in range(40):
        ledger.write("a")
        ledger.checkpoint(publish=False)
    most = 0
    for offset, value in enumerate(ledger.values):
        assert list(verifier.take(offset, value)) == []
        most = max(most, verifier.uncovered)
    assert (len(ledger.values), verifier.chains) == (82, 2)
    assert most <= 4


@pytest.mark.parametrize(("days", "is_found"), [(2, True), (1, False), (0, False)])
def test_a_beginning_that_was_deleted_too_soon_is_found(days: int, is_found: bool) -> None:
    """Within a day of its time it may be clocks that differ."""
    ledger = Ledger()
    for _ in range(5):
        ledger.write("a")
        ledger.checkpoint()
    found = faults(ledger.values[4:], ledger.anchors, 4, timedelta(days=days))
    assert [(each.kind, each.offset) for each in found] == [(FaultKind.BEGINNING, 4)] * is_found


def test_after_a_long_pause_the_checkpoint_before_it_tells_that_the_beginning_was_old() -> None:
    """The first record that is there is young; without what was published nothing is known, nor from an older one."""
    ledger = Ledger()
    for _ in range(2):
        ledger.write("a")
        ledger.checkpoint()
    at = len(ledger.values)
    ledger.clock.time += timedelta(days=40)
    ledger.write("a")
    ledger.checkpoint()
    kept = timedelta(days=30)
    assert not faults(ledger.values[at:], ledger.anchors, at, kept)
    for anchors in ([], ledger.anchors[:1]):
        assert [each.kind for each in faults(ledger.values[at:], anchors, at, kept)] == [FaultKind.BEGINNING]


def test_a_deployment_that_began_later_has_its_beginning() -> None:
    """What stood before its first checkpoint in the same topic was of others."""
    ledger = Ledger()
    ledger.topic.send("other", b"of another deployment", ())
    ledger.read = 1
    ledger.write("a")
    ledger.checkpoint()
    assert not faults(ledger.values[1:], ledger.anchors, 1, None)
