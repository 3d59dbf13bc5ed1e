import hashlib
import json
from datetime import timedelta
from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from cluster.wire.order import ORDER_FORM
from cluster.wire.release import encode_release, parse_release
from cluster.wire.sealed import MAX_BYTES, form_of
from operators.errors import ReleaseReason, ReleaseRefused
from tests.builders import NOW
from tests.releases import approved, changed, damaged, loosening, proposed, threshold

FIRST = approved(changed())
LOOSENED = loosening(changed(8, threshold(0.55)), FIRST, effective_from=NOW + timedelta(seconds=1))
UNSIGNED = proposed(changed(people="synthetic"))
VALUE = encode_release(LOOSENED)


def reason(value: bytes) -> ReleaseReason:
    """Why it cannot be read."""
    with pytest.raises(ReleaseRefused) as refused:
        parse_release(value)
    return refused.value.reason


@pytest.mark.parametrize("release", [FIRST, LOOSENED, UNSIGNED], ids=["first", "loosened", "unsigned"])
def test_a_release_is_read_as_it_was_written(release: Any) -> None:
    """With the whole policy, whose digest anyone can compute."""
    value = encode_release(release)
    assert parse_release(value) == release
    assert form_of(value) == "beholden.policy.v2"
    assert json.loads(value)["digest"] == release.digest


@given(st.integers(0, len(VALUE) - 1), st.integers(1, 255))
def test_any_byte_that_is_another_is_found(at: int, flip: int) -> None:
    """Signed or not: a half-written document never counts for another."""
    for release in (LOOSENED, UNSIGNED):
        value = bytearray(encode_release(release))
        value[at % len(value)] ^= flip
        with pytest.raises(ReleaseRefused):
            parse_release(bytes(value))


@given(st.integers(0, len(VALUE) - 1))
def test_half_a_document_is_none(length: int) -> None:
    """However much is missing."""
    assert reason(VALUE[:length]) is ReleaseReason.MALFORMED


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({"form": "beholden.policy.v3"}, ReleaseReason.MALFORMED),
        ({"another": 1}, ReleaseReason.MALFORMED),
        ({"number": 9}, ReleaseReason.WRONG_DIGEST),
        ({"deployment": "other"}, ReleaseReason.WRONG_DIGEST),
        ({"digest": "0" * 64}, ReleaseReason.WRONG_DIGEST),
        ({"baseline": None}, ReleaseReason.WRONG_DIGEST),
        ({"policy": json.loads(changed(8, threshold(0.53)).canonical)}, ReleaseReason.WRONG_DIGEST),
        ({"policy": {}}, ReleaseReason.POLICY_INVALID),
        ({"policy": []}, ReleaseReason.POLICY_INVALID),
        ({"policy": None}, ReleaseReason.POLICY_INVALID),
        ({"baseline": {"policy": 7}}, ReleaseReason.POLICY_INVALID),
        ({"proposal": {}}, ReleaseReason.MALFORMED),
        ({"proposal": None}, ReleaseReason.MALFORMED),
        ({"signatures": None}, ReleaseReason.MALFORMED),
        ({"signatures": [{}]}, ReleaseReason.MALFORMED),
        ({"signatures": "ab"}, ReleaseReason.MALFORMED),
    ],
)
def test_a_document_that_is_whole_and_says_something_else_is_refused(
    members: dict[str, Any], expected: ReleaseReason
) -> None:
    """The digest of the whole finds damage, not lies."""
    assert reason(damaged(VALUE, **members)) is expected


@pytest.mark.parametrize(
    "members",
    [
        {"at": "2026-01-31T12:00:00Z"},
        {"at": "2026-01-31"},
        {"at": "2026-01-31T12:00:00"},
        {"at": 1769860800},
        {"at": None},
        {"by": ""},
        {"by": 7},
        {"by": None},
        {"why": "two\nlines"},
        {"why": "x" * 1001},
        {"why": 1},
        {"expires_at": 5},
        {"evidence_sha256": False},
        {"evidence_sha256": "trust me"},
        {"evidence_sha256": "A" * 64},
        {"supersedes": "the last one"},
        {"loosens": None},
        {"loosens": "cameras"},
        {"loosens": [1]},
        {"another": 1},
    ],
)
def test_a_proposal_has_one_form(members: dict[str, Any]) -> None:
    """A number is no text, and times are written in one way."""
    proposal = {**json.loads(VALUE)["proposal"], **members}
    assert reason(damaged(VALUE, proposal=proposal)) is ReleaseReason.MALFORMED


@pytest.mark.parametrize("members", [{"role": "king"}, {"signature": "AB" * 64}, {"signature": "0"}, {"another": 1}])
def test_a_signature_has_one_form(members: dict[str, Any]) -> None:
    """In hexadecimal digits, so that no two spellings are one signature."""
    first, *others = json.loads(VALUE)["signatures"]
    assert reason(damaged(VALUE, signatures=[{**first, **members}, *others])) is ReleaseReason.MALFORMED


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b'"text"',
        b"\xff",
        b"[" * 100_000,
        VALUE + b" ",
        VALUE.replace(b'{"', b'{ "', 1),
        VALUE[:-1] + b',"why":1}',
        VALUE.decode().encode("utf-16"),
        b" " * (MAX_BYTES + 1),
        b'{"form":NaN}',
        b'{"form":"\\ud800"}',
        b'{"n":' + b"9" * 5000 + b"}",
    ],
    ids=range(15),
)
def test_what_is_no_release_is_refused(value: bytes) -> None:
    """Without any other error."""
    assert reason(value) is ReleaseReason.MALFORMED
    assert form_of(value) != ORDER_FORM


@given(st.sampled_from([0.2, 0.49, 0.5, 0.51, 1.0]), st.sampled_from([-1.0, 0.3, 0.5, 0.51]), st.booleans())
def test_no_release_has_a_threshold_below_its_floor(value: float, floor: float, is_of_a_camera: bool) -> None:
    """Also if everything else about it is right."""
    policy = json.loads(LOOSENED.in_force.canonical)
    policy["watchlists"]["sought"].update(
        floor=floor, threshold=0.6 if is_of_a_camera else value, cameras={"hall": value} if is_of_a_camera else {}
    )
    digest = hashlib.sha256(rfc8785.dumps(policy)).hexdigest()
    written = damaged(VALUE, policy=policy, digest=digest)
    if value < floor:
        assert reason(written) is ReleaseReason.POLICY_INVALID
    else:
        assert parse_release(written).digest == digest
