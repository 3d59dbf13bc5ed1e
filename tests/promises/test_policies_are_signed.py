"""No number decides about real people without the signatures of those who answer for it, and none below its floor.

What is held against the promise here is the topic's JSON alone, read without the code that reads it in a cluster.
"""

import base64
import hashlib
import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import rfc8785
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import given, settings
from hypothesis import strategies as st

from cluster.policies.book import PolicyBook
from cluster.policies.desk import settle
from cluster.policies.in_force import policy_of, read_policy
from cluster.policies.release import draft
from cluster.policies.signatures import Role
from cluster.wire.release import Release, encode_release
from operators.errors import BeholdenError, SettingsRefused
from tests.builders import NOW, policy_document
from tests.releases import EVIDENCE, SIGNERS, SOON, approved, changed, in_topic, person, signed

CHANGED = ("threshold", "floor", "most_entries", "cameras")
COSINES = st.sampled_from([0.55, 0.55, 0.6, 0.6, 0.5, 0.7, 1.0, -1.0])
ADA, BOB = {"ada": Role.PROPOSE}, {"bob": Role.APPROVE}
TRIES = st.fixed_dictionaries(
    {
        "number": st.sampled_from([None, None, None, 6, 9]),
        "people": st.sampled_from(["real", "real", "real", "synthetic"]),
        "threshold": COSINES,
        "floor": st.sampled_from([0.5, 0.5, 0.5, -1.0, 0.6]),
        "most_entries": st.sampled_from([100, 100, 100, 99, 101]),
        "cameras": st.just({}) | st.dictionaries(st.sampled_from(["gate", "hall"]), COSINES, max_size=2),
        "by": st.sampled_from(["ada", "ada", "ada", "cyd", "bob", "mal"]),
        "roles": st.sampled_from([{}, ADA, ADA | BOB, ADA | BOB])
        | st.dictionaries(st.sampled_from([*SIGNERS, "mal"]), st.sampled_from(Role)),
        "expires_at": st.sampled_from([None, SOON]),
        "evidence_sha256": st.sampled_from([EVIDENCE, EVIDENCE, None]),
        "follows": st.sampled_from([True, True, True, False]),
        "flip": st.sampled_from([None, None, None, None, 40, 400, 2000]),
    }
)
"""Mostly nearly right, since what is all wrong is refused for a reason that is not looked at here."""


def attempt(book: PolicyBook, tried: dict[str, Any]) -> Release:
    """A release as somebody might write it who knows the form.

    Raises:
        SettingsRefused: Its policy could not even be read from a file.
    """
    number = tried["number"] or (book.in_force.number + 1 if book.in_force else 1)
    document = {**policy_document(), "policy": number, "people": tried["people"]}
    document["watchlists"]["sought"].update({name: tried[name] for name in CHANGED})
    former = book.in_force if tried["follows"] else None
    terms = {name: tried[name] for name in ("expires_at", "evidence_sha256")}
    return signed(draft(policy_of(document), former, tried["by"], NOW, "the test", **terms), **tried["roles"])


def thresholds(policy: dict[str, Any]) -> dict[str, float]:
    """What counts before each camera."""
    rule = policy["watchlists"]["sought"]
    return {camera: rule["cameras"].get(camera, rule["threshold"]) for camera in policy["cameras"]}


def longest(policy: dict[str, Any]) -> int:
    """How many people the list may hold."""
    return int(policy["watchlists"]["sought"]["most_entries"])


def who_signed(body: dict[str, Any]) -> dict[str, str]:
    """People whose signatures hold, by the JSON alone, each with a role that is theirs."""
    assert body["digest"] == hashlib.sha256(rfc8785.dumps(body["policy"])).hexdigest()
    said = {name: body[name] for name in ("form", "deployment", "number", "digest", "proposal")}
    found = {}
    for each in body["signatures"]:
        signer = {"by": each["by"], "role": each["role"]}
        key = Ed25519PublicKey.from_public_bytes(base64.b64decode(SIGNERS[each["by"]].public_key))
        key.verify(bytes.fromhex(each["signature"]), rfc8785.dumps({"statement": said, "signer": signer}))
        assert each["role"] in SIGNERS[each["by"]].roles
        found[each["by"]] = each["role"]
    return found


@settings(max_examples=50)
@given(st.lists(TRIES, min_size=1, max_size=4))
def test_whatever_is_written_to_the_topic(tries: list[dict[str, Any]]) -> None:
    """What comes into force is signed by who may, by two where more are shown or listed, above its floors."""
    book = PolicyBook("test", SIGNERS)
    book.take(in_topic(encode_release(approved(changed()))), NOW)
    lasting = json.loads(changed().canonical)
    for offset, tried in enumerate(tries, start=1):
        try:
            value = bytearray(encode_release(attempt(book, tried)))
        except SettingsRefused:
            assert min(tried["threshold"], *tried["cameras"].values(), 1.0) < tried["floor"]
            continue
        if tried["flip"]:
            value[tried["flip"]] ^= 1
        book.take(in_topic(bytes(value), offset), NOW)
        if offset not in book.releases:
            continue
        assert not tried["flip"]
        body = json.loads(value)
        signers = who_signed(body)
        assert signers[body["proposal"]["by"]] == "propose"
        assert min(thresholds(body["policy"]).values()) >= body["policy"]["watchlists"]["sought"]["floor"]
        before, after = thresholds(lasting), thresholds(body["policy"])
        if any(after[camera] < before[camera] for camera in after) or longest(body["policy"]) > longest(lasting):
            assert body["proposal"]["expires_at"]
            assert len(signers) > 1 or _narrows(body, book)
        if not body["proposal"]["expires_at"]:
            lasting = body["policy"]


def _narrows(body: dict[str, Any], book: PolicyBook) -> bool:
    """Whether it takes a part of the loosening before it back, which one person may."""
    *_, before, _ = [json.loads(encode_release(each)) for each in book.releases.values()]
    was, becomes = thresholds(before["policy"]), thresholds(body["policy"])
    is_looser = any(becomes[camera] < was[camera] for camera in was) or longest(body["policy"]) > longest(
        before["policy"]
    )
    return not is_looser and bool(before["proposal"]["expires_at"])


@settings(max_examples=30)
@given(TRIES, st.booleans())
def test_whatever_the_cluster_file_names(tried: dict[str, Any], is_released: bool) -> None:
    """A start goes by what is signed, or by what shows nobody who exists."""
    book = PolicyBook("test", SIGNERS)
    try:
        release = attempt(book, tried)
        found = settle(release if is_released else release.in_force, book, NOW)
    except BeholdenError:
        return
    body = json.loads(encode_release(found))
    assert body["policy"]["people"] == "synthetic" or len(who_signed(body)) > 1
    assert min(thresholds(body["policy"]).values()) >= body["policy"]["watchlists"]["sought"]["floor"]


FILE = json.dumps(policy_document(), ensure_ascii=False, indent=1)
DIGITS = [at for at, character in enumerate(FILE) if character.isdigit()]


@settings(max_examples=40)
@given(at=st.sampled_from(DIGITS), character=st.sampled_from("0123456789.-+eE_ x'"))
def test_whatever_a_slip_of_the_hand_makes_of_a_file(tmp_path: Path, at: int, character: str) -> None:
    """It is refused, or every threshold has its floor."""
    file = tmp_path / "policy.yaml"
    file.write_text(FILE[:at] + character + FILE[at + 1 :])
    with suppress(SettingsRefused):
        policy = json.loads(read_policy(file).canonical)
        assert min(thresholds(policy).values()) >= policy["watchlists"]["sought"]["floor"]


def test_a_list_grows_by_two_people_on_evidence_and_for_a_time() -> None:
    """One more entry is a loosening like a lower threshold; one less takes one person."""
    same = {"number": 8, "people": "real", "threshold": 0.6, "floor": 0.5, "cameras": {"hall": 0.7}, "by": "ada"}
    more = {**same, "follows": True, "most_entries": 101, "expires_at": SOON, "evidence_sha256": EVIDENCE}
    fewer = {**more, "most_entries": 99, "expires_at": None, "evidence_sha256": None, "roles": ADA}
    for tried, comes in (
        ({**more, "roles": ADA | BOB}, True),
        ({**more, "roles": ADA}, False),
        ({**more, "roles": ADA | BOB, "evidence_sha256": None}, False),
        ({**more, "roles": ADA | BOB, "expires_at": None}, False),
        (fewer, True),
    ):
        book = PolicyBook("test", SIGNERS)
        book.take(in_topic(encode_release(approved(changed()))), NOW)
        book.take(in_topic(encode_release(attempt(book, tried)), 1), NOW)
        assert (list(book.releases) == [0, 1]) is comes, tried


def test_the_tries_are_no_straw_men() -> None:
    """One of them does come into force, and with another's key does not."""
    good = {"number": 8, "people": "real", "threshold": 0.55, "floor": 0.5, "cameras": {}, "by": "ada", "follows": True}
    good |= {"most_entries": 101}
    good |= {"expires_at": SOON, "evidence_sha256": EVIDENCE, "roles": {"ada": Role.PROPOSE, "bob": Role.APPROVE}}
    for people, expected in ((SIGNERS, [0, 1]), ({**SIGNERS, "bob": person("eve", Role.APPROVE)}, [0])):
        book = PolicyBook("test", SIGNERS)
        book.take(in_topic(encode_release(approved(changed()))), NOW)
        book.people = people
        book.take(in_topic(encode_release(attempt(book, good)), 1), NOW)
        assert list(book.releases) == expected
