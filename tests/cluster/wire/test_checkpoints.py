import json
from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from cluster.wire.checkpoints import (
    CHECKPOINT,
    Anchor,
    ChainHead,
    Checkpoint,
    anchor_of,
    checkpoint_body,
    encode_anchor,
    key_text,
    marks_of,
    order_of,
    parse_checkpoint,
    parse_key,
)
from cluster.wire.ledger import LedgerInvalid, LedgerRecord, parse_record
from operators.errors import SettingsRefused
from tests.builders import NOW, ledger_value

KEY = Ed25519PrivateKey.from_private_bytes(b"k" * 32)
HASHES = ["ab" * 32, "cd" * 32]
SIGNED = Checkpoint(
    deployment="test",
    number=3,
    previous="e" * 64,
    first=10,
    next=12,
    records=2,
    total=12,
    order=order_of(HASHES),
    marks=marks_of(HASHES),
    heads=(ChainHead("recogniser-0", "0" * 16, 7, "ab" * 32, ended=True),),
    key=b"",
).signed(KEY)
ANCHOR = Anchor("test", 3, "a" * 64, 12, NOW)


def record(body: dict[str, Any]) -> LedgerRecord:
    """The record of a checkpoint."""
    return parse_record(ledger_value(CHECKPOINT, body))


def test_a_checkpoint_is_read_back() -> None:
    """And it is signed then by whoever signed it."""
    found = parse_checkpoint(record(checkpoint_body(SIGNED)))
    assert found == SIGNED
    assert found.is_signed()
    assert found.key == KEY.public_key().public_bytes_raw()


@pytest.mark.parametrize(
    "changes",
    [
        {"deployment": "other"},
        {"number": 4},
        {"previous": "f" * 64},
        {"first": 9},
        {"next": 13},
        {"records": 1},
        {"total": 13},
        {"order": "0" * 64},
        {"marks": b"12345678"},
        {"heads": ()},
        {"heads": (replace(SIGNED.heads[0], ended=False),)},
        {"key": Ed25519PrivateKey.from_private_bytes(b"x" * 32).public_key().public_bytes_raw()},
        {"key": b"short"},
        {"signature": b""},
        {"signature": bytes(64)},
    ],
    ids=str,
)
def test_nothing_of_it_can_be_exchanged(changes: dict[str, Any]) -> None:
    """Not even whose ledger it is."""
    assert not replace(SIGNED, **changes).is_signed()


@pytest.mark.parametrize("field", sorted(checkpoint_body(SIGNED)))
def test_each_field_is_needed_and_of_its_kind(field: str) -> None:
    """Otherwise it is no checkpoint."""
    body = checkpoint_body(SIGNED)
    broken = [{name: value for name, value in body.items() if name != field}]
    broken += [{**body, field: wrong} for wrong in ({"a": 1}, 1.5, None, [{}])]
    for each in broken:
        with pytest.raises(LedgerInvalid):
            parse_checkpoint(record(each))


def test_the_order_of_hashes_is_part_of_what_is_signed() -> None:
    """And so is how many there are."""
    assert len({order_of(each) for each in (HASHES, HASHES[::-1], HASHES[:1], [*HASHES, HASHES[0]])}) == 4
    assert marks_of(HASHES) == bytes.fromhex("ab" * 4 + "cd" * 4)


def test_an_anchor_is_read_back() -> None:
    """From one line."""
    line = encode_anchor(ANCHOR)
    assert b"\n" not in line
    assert anchor_of(json.loads(line)) == ANCHOR


@pytest.mark.parametrize("field", ["form", "deployment", "number", "digest", "total", "at"])
def test_what_is_no_anchor_is_refused(field: str) -> None:
    """Each member is needed, and of its kind."""
    document = json.loads(encode_anchor(ANCHOR))
    for changed in ({**document, field: []}, {name: each for name, each in document.items() if name != field}):
        with pytest.raises(LedgerInvalid):
            anchor_of(changed)


@given(st.none() | st.integers() | st.text() | st.lists(st.integers()))
def test_garbage_is_no_anchor(document: Any) -> None:
    """With no other error."""
    with pytest.raises(LedgerInvalid):
        anchor_of(document)


def test_a_key_is_read_back() -> None:
    """As people write it down."""
    assert parse_key(key_text(SIGNED.key)) == SIGNED.key
    for wrong in ("", "hello", "AAAA", key_text(SIGNED.key)[:-4], "ü"):
        with pytest.raises(SettingsRefused, match="beholden ledger key"):
            parse_key(wrong)
