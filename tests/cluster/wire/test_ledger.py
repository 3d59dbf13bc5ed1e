import hashlib
import json
from datetime import timedelta
from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from cluster.wire.ledger import GENESIS, LedgerInvalid, LedgerRecord, encode_record, parse_record
from tests.builders import NOW, ledger_value

RECORD = LedgerRecord(
    "frames.shed",
    NOW,
    "test",
    "recogniser-0",
    "ab" * 8,
    3,
    "c" * 64,
    "d" * 64,
    {"cameras": ["Süd-Tor 3 出口"], "part": 0.25, "none": None},
)
LOOKS_ALIKE = '"form":"beholden.ledger.v2","policy_digest":'
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(max_size=6) | st.just("hash") | st.just(LOOKS_ALIKE), JSON, max_size=4), JSON)
def test_a_record_is_read_back(body: dict[str, Any], more: Any) -> None:
    """In the same bytes, members in order, whatever its body is and whatever that looks like."""
    body = {**body, "more": {"form": "beholden.ledger.v2", "policy_digest": more}, "text": LOOKS_ALIKE}
    written = LedgerRecord("x", NOW, LOOKS_ALIKE, 'a"b', "c", 0, GENESIS, "d", body)
    value, digest = encode_record(written)
    found = parse_record(value)
    assert found.hash == digest
    assert (found.body, found.deployment, found.writer, found.seq) == (body, LOOKS_ALIKE, 'a"b', 0)
    assert encode_record(found) == (value, digest)
    assert list(json.loads(value)) == sorted(json.loads(value))


@given(st.data())
def test_no_byte_can_be_another(data: st.DataObject) -> None:
    """Wherever it stands, and whatever takes its place; nor can one be added or taken away."""
    value, _ = encode_record(RECORD)
    at = data.draw(st.integers(0, len(value) - 1))
    other = data.draw(st.integers(0, 255).filter(lambda byte: byte != value[at]))
    for changed in (
        value[:at] + bytes([other]) + value[at + 1 :],
        value[:at] + value[at + 1 :],
        value[:at] + bytes([other]) + value[at:],
    ):
        with pytest.raises(LedgerInvalid):
            parse_record(changed)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"form": "beholden.ledger.v1"}, "form"),
        ({"more": 1}, "members"),
        ({"seq": 4}, "hash is another"),
        ({"body": []}, "hash is another"),
        ({"hash": 5}, "hash is not of its kind"),
    ],
)
def test_what_is_no_record_of_the_ledger_is_refused(changes: dict[str, Any], says: str) -> None:
    """And the message says what it is that is wrong."""
    document = {**json.loads(encode_record(RECORD)[0]), **changes}
    with pytest.raises(LedgerInvalid, match=says):
        parse_record(json.dumps(document, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode())


@pytest.mark.parametrize("changes", [{"seq": "3"}, {"writer": 5}, {"kind": None}, {"chain": []}, {"body": [1]}])
def test_each_member_is_of_its_kind(changes: dict[str, Any]) -> None:
    """Also where the hash is right: who wrote it wrote nonsense."""
    fields = {name: getattr(RECORD, name) for name in ("kind", "at", "deployment", "writer", "chain", "seq", "body")}
    document = {
        **json.loads(ledger_value(**{**fields, "body": {}})),
    }
    document |= {{"kind": "type"}.get(name, name): value for name, value in changes.items()}
    with pytest.raises(LedgerInvalid):
        parse_record(_sealed(document))


def _sealed(document: dict[str, Any]) -> bytes:
    """A document with the hash that it should have."""
    document = {name: value for name, value in document.items() if name != "hash"}
    return rfc8785.dumps({**document, "hash": hashlib.sha256(rfc8785.dumps(document)).hexdigest()})


def test_spaces_and_double_members_are_not_what_was_written() -> None:
    """JSON that says the same is not the same bytes."""
    value, _ = encode_record(RECORD)
    for changed in (value + b"\n", value.replace(b'"seq":3', b'"seq":3,"seq":3'), value.replace(b":3", b": 3")):
        with pytest.raises(LedgerInvalid):
            parse_record(changed)


@given(st.binary(max_size=40))
def test_garbage_is_refused(value: bytes) -> None:
    """With no other error."""
    with pytest.raises(LedgerInvalid):
        parse_record(value)


def test_times_are_kept_to_the_millisecond() -> None:
    """Which is how the topics write them."""
    found = parse_record(ledger_value("x", {}, at=NOW + timedelta(microseconds=1500)))
    assert found.at == NOW + timedelta(milliseconds=1)


def test_a_body_that_json_cannot_keep_is_refused() -> None:
    """Before anything is written."""
    for value in (float("nan"), 2**60, NOW, {1: 2}):
        with pytest.raises(ValueError, match=r"nan|exceeds|unsupported|keys"):
            ledger_value("x", {"value": value})
