import base64
import hashlib
import json
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.wire.entries import EntryInvalid, Minor, encode_entry, parse_entry
from operators.types import Float32
from tests.builders import TOMORROW, entry_record, random_units, unit


def _record(*vectors: Float32, ref: str = "anna", **changes: Any) -> bytes:
    return encode_entry(entry_record(ref, *vectors, **changes))


def _text(vector: Any) -> str:
    return base64.b64encode(np.asarray(vector, "<f4").tobytes()).decode()


GOOD: dict[str, Any] = json.loads(_record(unit(1)))


def _invalid(value: bytes, key: bytes | None = b"anna") -> str:
    with pytest.raises(EntryInvalid) as invalid:
        parse_entry(key, value)
    return str(invalid.value)


@given(st.integers(0, 2**32 - 1), st.integers(1, 4), st.sampled_from([1, 2, 128, 512]))
def test_an_entry_is_read_back_to_the_bit(seed: int, count: int, dimension: int) -> None:
    """Vectors, end, contract; its digest is that of the record."""
    vectors = random_units(seed, count, dimension)
    written = entry_record("anna", *vectors)
    value = encode_entry(written)
    found = parse_entry(b"anna", value).entry
    assert found.vectors.dtype == np.float32
    assert found.vectors.tobytes() == vectors.tobytes()
    assert (found.ref, found.watchlist, found.not_after) == ("anna", "sought", TOMORROW)
    assert found.contract == written.entry.contract
    assert found.digest == hashlib.sha256(value).hexdigest()


@pytest.mark.parametrize("minor", [None, Minor("superintendent 1", "missing since Monday, aged 15")])
def test_everything_about_an_entry_is_read_back(minor: Minor | None) -> None:
    """Why, on whose word, from which images, made how, since when."""
    written = entry_record("anna", unit(1), unit(0, 1), minor=minor)
    found = parse_entry(b"anna", encode_entry(written))
    for field in ("category", "necessity", "approver", "minor", "contract", "enrolled_at"):
        assert getattr(found, field) == getattr(written, field)
    assert list(found.photos) == list(written.photos)
    assert found.contract.digest == found.entry.contract


def test_an_entry_never_ends_later_than_it_was_written() -> None:
    """The end is cut to the millisecond, not rounded."""
    end = TOMORROW + timedelta(microseconds=1999)
    assert parse_entry(b"anna", _record(not_after=end)).entry.not_after == TOMORROW + timedelta(milliseconds=1)


def test_a_reference_may_be_of_any_script() -> None:
    """It is opaque; the record's key is its UTF-8."""
    assert parse_entry("Fall 7/出口".encode(), _record(ref="Fall 7/出口")).entry.ref == "Fall 7/出口"


@pytest.mark.parametrize("field", sorted(GOOD))
def test_each_field_is_needed_and_of_its_kind(field: str) -> None:
    """Left out, a number, a list, an object: never searched, never a surprise for whoever reads it later."""
    _invalid(json.dumps({name: value for name, value in GOOD.items() if name != field}).encode())
    for wrong in (5, True, "", " ", [], [1], {}, {"a": "b"}, *([] if field == "minor" else [None])):
        _invalid(json.dumps({**GOOD, field: wrong}).encode())


@pytest.mark.parametrize("part", ["images", "contract", "minor"])
def test_each_field_of_a_part_is_needed_and_of_its_kind(part: str) -> None:
    """Of an image, of the embedding contract, of what is said about a minor."""
    body = json.loads(_record(unit(1), minor=Minor("superintendent 1", "aged 15")))
    whole = body[part][0] if part == "images" else body[part]
    for field in whole:
        for wrong in (None, 5, True, "", " ", [1], {"a": "b"}):
            if (field, wrong) == ("crop", ""):
                continue  # random vectors of benchmarks have no picture
            broken = {**whole, field: wrong}
            _invalid(json.dumps({**body, part: [broken] if part == "images" else broken}).encode())
        less = {name: value for name, value in whole.items() if name != field}
        _invalid(json.dumps({**body, part: [less] if part == "images" else less}).encode())


def test_a_minor_needs_two_people_who_approve() -> None:
    """Who writes past the enrolment desk must not get around that."""
    _invalid(_record(unit(1), minor=Minor("inspector 7", "aged 15")))


def test_vectors_are_as_long_as_their_contract_says() -> None:
    """Another length was made by another model."""
    _invalid(json.dumps({**GOOD, "contract": {**GOOD["contract"], "dimension": 7}}).encode())


@pytest.mark.parametrize(
    "vectors",
    [
        [],
        "",
        _text(unit(1)),
        {_text(unit(1)): 1},
        [""],
        ["AAAA"],
        ["####"],
        [_text([1, 0]) + " "],
        [_text([0, 0])],
        [_text([np.nan, 1])],
        [_text([np.inf, 0])],
        [_text([1, 1])],
        [_text([1.01, 0])],
        [_text([0.99, 0])],
        [_text([3e38, 3e38])],
        [_text([1, 0]), _text([1, 0, 0])],
        [_text([1, 0]), _text([0, 0])],
        [base64.b64encode(np.array([0x7FA00000, 0x3F800000], "<u4").tobytes()).decode()],
        [5],
        [None],
        [[1.0, 0.0]],
    ],
    ids=str,
)
def test_vectors_that_are_not_of_unit_length_are_refused(vectors: Any) -> None:
    """Zeros, NaN of either kind, infinities, wrong lengths, wrong text, mixed dimensions."""
    image = GOOD["images"][0]
    images = [{**image, "vector": vector} for vector in vectors] if isinstance(vectors, list) else vectors
    two = {**GOOD["contract"], "dimension": 2}
    _invalid(json.dumps({**GOOD, "contract": two, "images": images}).encode())


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("form", "beholden.entry.v1"),
        ("entry", "bert"),
        ("not_after", "2026-02-01T12:00:00"),
        ("not_after", "tomorrow"),
        ("not_after", "9999-12-31T23:59:59-23:00"),
    ],
)
def test_a_foreign_record_is_refused(field: str, value: str) -> None:
    """Another form, another key, a time without zone or outside the calendar."""
    _invalid(json.dumps({**GOOD, field: value}).encode())


@pytest.mark.parametrize("key", [None, b"", b"Anna", b"anna ", b"\xff"])
def test_the_key_must_be_the_reference(key: bytes | None) -> None:
    """Or a withdrawal by key would miss it."""
    _invalid(_record(), key)


@pytest.mark.parametrize("ref", ["", " ", "a\nb", "a\0b", "x" * 201, "ga\u202ete", " anna"])
def test_a_reference_is_one_printable_line(ref: str) -> None:
    """It stands in alerts, on terminals, and in the digest of a generation between zeros and line ends."""
    _invalid(_record(ref=ref), ref.encode())


@pytest.mark.parametrize(
    "value", [b"", b"null", b"5", b"[]", b"{}", b"\xff\xd8\xff", b"[" * 100_000, b'{"a":' * 100_000, b'"\\ud800"']
)
def test_garbage_is_refused(value: bytes) -> None:
    """However deep."""
    _invalid(value)


def test_the_reason_repeats_nothing_of_the_record() -> None:
    """A record that is no entry may be anything."""
    assert "hunter2" not in _invalid(json.dumps({**GOOD, "not_after": "hunter2"}).encode())
    assert "hunter2" not in _invalid(b'{"form": "hunter2"}')


KEYS = st.one_of(st.none(), st.just(b"anna"), st.binary(max_size=8))
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
VALUES = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner))


@given(KEYS, st.one_of(st.binary(max_size=60), st.dictionaries(st.sampled_from(sorted(GOOD)), VALUES, max_size=3)))
def test_any_record_is_an_entry_or_invalid(key: bytes | None, value: bytes | dict[str, Any]) -> None:
    """No other error comes out."""
    raw = value if isinstance(value, bytes) else json.dumps({**GOOD, **value}).encode()
    try:
        found = parse_entry(key, raw)
    except EntryInvalid:
        return
    assert found.entry.ref.encode() == key
    assert isinstance(found.entry.watchlist, str)
    np.testing.assert_allclose(np.linalg.norm(found.entry.vectors.astype(np.float64), axis=1), 1, atol=1e-3)
