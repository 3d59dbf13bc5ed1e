from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.policies.release import CLOCK_SKEW, check_not_expired, check_release, why_two
from cluster.policies.signatures import Role, Signature, sign
from cluster.wire.release import Release, encode_release, parse_release, statement, with_signature
from operators.errors import ReleaseReason, ReleaseRefused
from tests.builders import NOW, policy_document
from tests.releases import (
    EVIDENCE,
    SIGNERS,
    SOON,
    approved,
    changed,
    key_of,
    loosening,
    person,
    proposed,
    signed,
    threshold,
)

PROPOSE, APPROVE = Role.PROPOSE, Role.APPROVE
FIRST = approved(changed())
LOOSER = changed(8, threshold(0.55))
TIGHTER = changed(8, threshold(0.65))
LOOSENED = loosening(LOOSER, FIRST)
SYNTHETIC = proposed(changed(people="synthetic"))


def reason(release: Release, former: Release | None = FIRST, people: Any = SIGNERS, now: Any = NOW) -> ReleaseReason:
    """Why it is refused."""
    with pytest.raises(ReleaseRefused) as refused:
        check_release(release, former, people, now)
    return refused.value.reason


def test_the_first_policy_for_real_people_takes_two() -> None:
    """Whoever proposes it and somebody else."""
    check_release(FIRST, None, SIGNERS, NOW)
    assert reason(signed(proposed(changed()), ada=PROPOSE), None) is ReleaseReason.NOT_APPROVED
    assert reason(proposed(changed()), None) is ReleaseReason.UNSIGNED
    assert reason(signed(proposed(changed()), bob=APPROVE), None) is ReleaseReason.UNSIGNED
    assert reason(signed(proposed(changed(8), SYNTHETIC), ada=PROPOSE), SYNTHETIC) is ReleaseReason.NOT_APPROVED
    check_release(approved(changed(8), SYNTHETIC), SYNTHETIC, SIGNERS, NOW)


def test_tightening_takes_one() -> None:
    """So that nobody waits for a colleague to make it safer."""
    release = signed(proposed(TIGHTER, FIRST), ada=PROPOSE)
    check_release(release, FIRST, SIGNERS, NOW)
    assert release.proposal.loosens == ()
    assert why_two(release, FIRST) is None


def test_loosening_takes_two_people_evidence_a_reason_and_an_end() -> None:
    """Each of them."""
    check_release(LOOSENED, FIRST, SIGNERS, NOW)
    assert LOOSENED.proposal.loosens == ("watchlists.sought.threshold",)
    alone = signed(proposed(LOOSER, FIRST, evidence_sha256=EVIDENCE, expires_at=SOON), ada=PROPOSE)
    assert reason(alone) is ReleaseReason.NOT_APPROVED
    assert reason(loosening(LOOSER, FIRST, evidence_sha256=None)) is ReleaseReason.NO_EVIDENCE
    assert reason(loosening(LOOSER, FIRST, expires_at=None)) is ReleaseReason.NO_EXPIRY
    assert reason(loosening(LOOSER, FIRST, why=" ")) is ReleaseReason.NO_REASON


@pytest.mark.parametrize(
    "expires_at",
    [NOW, NOW - timedelta(days=1), changed().policy.end + timedelta(seconds=1)],
    ids=["now", "past", "late"],
)
def test_a_loosening_ends_after_it_has_begun_and_not_after_its_policy(expires_at: Any) -> None:
    """Or nobody would look at it again."""
    assert reason(loosening(LOOSER, FIRST, expires_at=expires_at)) is ReleaseReason.EXPIRED


def test_what_loosens_nothing_does_not_expire() -> None:
    """Alerting would stop for a reason that nobody remembers."""
    release = signed(proposed(TIGHTER, FIRST, expires_at=SOON), ada=PROPOSE)
    assert reason(release) is ReleaseReason.NEEDLESS_EXPIRY


def test_a_loosening_whose_time_is_over_is_not_applied() -> None:
    """A process that finds one in the topic follows it and searches for nothing, as one does that was there before."""
    assert not LOOSENED.is_expired(SOON - timedelta(seconds=1))
    assert LOOSENED.is_expired(SOON)
    check_not_expired(LOOSENED, NOW)
    with pytest.raises(ReleaseRefused, match="expired: it ended"):
        check_not_expired(LOOSENED, SOON)
    check_release(LOOSENED, FIRST, SIGNERS, SOON)
    check_not_expired(FIRST, SOON)


def test_after_a_loosening_one_person_goes_back() -> None:
    """To what was before or further; the end goes with it."""
    for back in (changed(9), changed(9, threshold(0.7))):
        check_release(signed(proposed(back, LOOSENED), ada=PROPOSE), LOOSENED, SIGNERS, NOW)


def test_one_person_takes_a_part_of_a_loosening_back() -> None:
    """And may not prolong it, nor loosen anything else on the way."""
    half = changed(9, threshold(0.58))
    check_release(signed(proposed(half, LOOSENED, expires_at=SOON), ada=PROPOSE), LOOSENED, SIGNERS, NOW)
    longer = proposed(half, LOOSENED, expires_at=SOON + timedelta(seconds=1), evidence_sha256=EVIDENCE)
    assert reason(signed(longer, ada=PROPOSE), LOOSENED) is ReleaseReason.NOT_APPROVED
    other = changed(9, lambda document: (threshold(0.58)(document), document.update(max_frame_age_ms=2000)))
    wider = proposed(other, LOOSENED, expires_at=SOON, evidence_sha256=EVIDENCE)
    assert reason(signed(wider, ada=PROPOSE), LOOSENED) is ReleaseReason.NOT_APPROVED


def test_what_was_approved_for_people_who_do_not_exist_was_not_for_others() -> None:
    """A week without anybody real before the cameras is no way round evidence and a second person."""
    drill = loosening(changed(8, threshold(0.5), people="synthetic"), FIRST)
    check_release(drill, FIRST, SIGNERS, NOW)
    real = changed(9, threshold(0.5))
    alone = proposed(real, drill, expires_at=SOON, evidence_sha256=EVIDENCE)
    assert alone.proposal.loosens == ("watchlists.sought.threshold",)
    assert reason(signed(alone, ada=PROPOSE), drill) is ReleaseReason.NOT_APPROVED
    assert reason(loosening(real, drill, evidence_sha256=None), drill) is ReleaseReason.NO_EVIDENCE
    check_release(loosening(real, drill), drill, SIGNERS, NOW)
    assert reason(signed(proposed(changed(9), drill), ada=PROPOSE), drill) is ReleaseReason.NOT_APPROVED
    check_release(approved(changed(9), drill), drill, SIGNERS, NOW)


def test_a_loosening_cannot_be_made_to_last_by_one_person() -> None:
    """Though it changes nothing of what is in force: it is held against the last policy that was to last."""
    for_ever = signed(proposed(changed(9, threshold(0.55)), LOOSENED), ada=PROPOSE)
    assert for_ever.proposal.loosens == ("watchlists.sought.threshold",)
    assert reason(for_ever, LOOSENED) is ReleaseReason.NO_EXPIRY
    again = loosening(changed(9, threshold(0.55)), LOOSENED, expires_at=SOON + timedelta(days=9))
    check_release(again, LOOSENED, SIGNERS, SOON + timedelta(days=1))
    assert again.baseline == FIRST.in_force
    lied = replace(again, baseline=LOOSER, proposal=replace(again.proposal, baseline=LOOSER.digest))
    assert reason(_signed_anew(lied), LOOSENED) is ReleaseReason.LOOSENS_OTHERWISE


KEPT = policy_document()["retention"]
LONGER = {**KEPT, "alerts": {"keep": "30 d", "roll": "12 h", "at_most": "31 d"}}
SHORTER = {**KEPT, "alerts": {"keep": "1 h", "roll": "1 h", "at_most": "3 h"}}


def test_keeping_anything_longer_is_a_loosening_and_shorter_a_tightening() -> None:
    """The numbers stand in what is signed, so every process that reads the topic counts them."""
    longer = changed(8, retention=LONGER)
    alone = signed(proposed(longer, FIRST, evidence_sha256=EVIDENCE, expires_at=SOON), ada=PROPOSE)
    assert set(alone.proposal.loosens) == {f"retention.alerts.{part}" for part in ("keep", "roll", "at_most")}
    assert reason(alone) is ReleaseReason.NOT_APPROVED
    check_release(loosening(longer, FIRST), FIRST, SIGNERS, NOW)
    check_release(signed(proposed(changed(8, retention=SHORTER), FIRST), ada=PROPOSE), FIRST, SIGNERS, NOW)


@pytest.mark.parametrize(
    "change",
    [
        *({name: "Another."} for name in ("authority", "legal_basis", "controller", "contact")),
        {"retention": {**KEPT, "ledger": {"keep": "200 d", "roll": "1 d", "at_most": "210 d"}}},
    ],
    ids=lambda change: next(iter(change)),
)
def test_on_whose_word_it_stands_is_for_two_to_change_for_good(change: dict[str, Any]) -> None:
    """It is neither looser nor tighter, so it needs no evidence and no end; so is a ledger that forgets sooner."""
    other = changed(8, **change)
    alone = signed(proposed(other, FIRST), ada=PROPOSE)
    with pytest.raises(ReleaseRefused, match=r"it changes .*, so somebody else has to approve it") as refused:
        check_release(alone, FIRST, SIGNERS, NOW)
    assert refused.value.reason is ReleaseReason.NOT_APPROVED
    both = approved(other, FIRST)
    assert (both.proposal.loosens, both.proposal.expires_at) == ((), None)
    check_release(both, FIRST, SIGNERS, NOW)
    back = signed(proposed(changed(9), both), ada=PROPOSE)
    assert reason(back, both) in (ReleaseReason.NOT_APPROVED, ReleaseReason.NO_EXPIRY)


def test_who_takes_a_loosening_back_need_not_ask_about_what_came_with_it() -> None:
    """Neither on the way back to what was to last, nor in part of it; but what came for a time does not stay by one."""
    looser = loosening(changed(8, threshold(0.55), contact="Another."), FIRST)
    check_release(signed(proposed(changed(9), looser), ada=PROPOSE), looser, SIGNERS, NOW)
    half = changed(9, threshold(0.58), contact="Another.")
    check_release(signed(proposed(half, looser, expires_at=SOON), ada=PROPOSE), looser, SIGNERS, NOW)
    stays = signed(proposed(changed(9, contact="Another."), looser), ada=PROPOSE)
    assert reason(stays, looser) is ReleaseReason.NOT_APPROVED


def test_another_deployment_beside_one_that_is_there_takes_two() -> None:
    """Whoever it is for: else a new name would be the way past every signature."""
    unsigned = proposed(changed(people="synthetic"))
    check_release(unsigned, None, SIGNERS, NOW)
    with pytest.raises(ReleaseRefused, match=r"has policies of street, .* another deployment's first") as refused:
        check_release(unsigned, None, SIGNERS, NOW, "street")
    assert refused.value.reason is ReleaseReason.UNSIGNED
    with pytest.raises(ReleaseRefused) as refused:
        check_release(signed(unsigned, ada=PROPOSE), None, SIGNERS, NOW, "street")
    assert refused.value.reason is ReleaseReason.NOT_APPROVED
    first = signed(unsigned, ada=PROPOSE, bob=APPROVE)
    check_release(first, None, SIGNERS, NOW, "street")
    check_release(signed(proposed(changed(8, people="synthetic"), first), ada=PROPOSE), first, SIGNERS, NOW, "street")


def _signed_anew(release: Release) -> Release:
    return signed(replace(release, signatures=()), ada=PROPOSE, bob=APPROVE)


def test_what_it_loosens_is_counted_not_believed() -> None:
    """Those who sign see what it says there."""
    for said in ((), ("cameras",), ("watchlists.sought.threshold", "cameras")):
        lied = _signed_anew(replace(LOOSENED, proposal=replace(LOOSENED.proposal, loosens=said)))
        assert reason(lied) is ReleaseReason.LOOSENS_OTHERWISE


@pytest.mark.parametrize(
    ("release", "former", "expected"),
    [
        (FIRST, FIRST, ReleaseReason.REPLAYED),
        (FIRST, LOOSENED, ReleaseReason.REPLAYED),
        (approved(changed(6), FIRST), FIRST, ReleaseReason.REPLAYED),
        (approved(changed(7, threshold(0.65)), FIRST), FIRST, ReleaseReason.NUMBER_REUSED),
        (approved(changed(9), FIRST), LOOSENED, ReleaseReason.NOT_THE_SUCCESSOR),
        (approved(changed(9)), LOOSENED, ReleaseReason.NOT_THE_SUCCESSOR),
        (LOOSENED, None, ReleaseReason.NOT_THE_SUCCESSOR),
        (approved(changed(8, deployment="other"), FIRST), FIRST, ReleaseReason.DEPLOYMENT),
    ],
)
def test_a_release_follows_the_one_it_was_proposed_to_follow(
    release: Release, former: Release, expected: ReleaseReason
) -> None:
    """Nothing old comes back, no number is used twice, and nothing comes in between."""
    assert reason(release, former) is expected


def test_clocks_may_be_a_minute_apart() -> None:
    """What is proposed or to begin later than that is not followed; nothing waits in the topic."""
    check_release(approved(TIGHTER, FIRST, at=NOW + CLOCK_SKEW), FIRST, SIGNERS, NOW)
    late = NOW + CLOCK_SKEW + timedelta(milliseconds=1)
    assert reason(approved(TIGHTER, FIRST, at=late)) is ReleaseReason.CLOCK
    waiting = approved(TIGHTER, FIRST, effective_from=late)
    assert reason(waiting) is ReleaseReason.NOT_YET_EFFECTIVE
    check_release(waiting, FIRST, SIGNERS, late)


MALLORY = {**SIGNERS, "mal": person("mal", PROPOSE, APPROVE)}


@pytest.mark.parametrize(
    ("release", "expected"),
    [
        (signed(proposed(TIGHTER, FIRST, "bob"), bob=PROPOSE), ReleaseReason.WRONG_ROLE),
        (signed(proposed(TIGHTER, FIRST), ada=PROPOSE, dan=APPROVE), ReleaseReason.WRONG_ROLE),
        (signed(proposed(TIGHTER, FIRST), ada=PROPOSE, dan=Role.STOP), ReleaseReason.WRONG_ROLE),
        (signed(proposed(TIGHTER, FIRST), ada=PROPOSE, mal=APPROVE), ReleaseReason.UNKNOWN_SIGNER),
        (signed(proposed(TIGHTER, FIRST, "mal"), mal=PROPOSE), ReleaseReason.UNKNOWN_SIGNER),
        (signed(proposed(TIGHTER, FIRST, "cyd"), cyd=PROPOSE, ada=PROPOSE), None),
        (
            signed(signed(proposed(TIGHTER, FIRST, "cyd"), cyd=PROPOSE), cyd=APPROVE),
            ReleaseReason.SAME_PERSON,
        ),
        (signed(signed(proposed(TIGHTER, FIRST), ada=PROPOSE), ada=PROPOSE), ReleaseReason.SAME_PERSON),
        (signed(proposed(TIGHTER, FIRST), cyd=PROPOSE, bob=APPROVE), ReleaseReason.UNSIGNED),
    ],
)
def test_only_people_of_the_cluster_file_sign_each_in_a_role_of_theirs(
    release: Release, expected: ReleaseReason | None
) -> None:
    """Two signatures of one person are one; a proposal has its proposer's."""
    if expected is None:
        check_release(release, FIRST, SIGNERS, NOW)
    else:
        assert reason(release) is expected


def test_a_name_stands_for_one_key() -> None:
    """Whose key has changed signs anew."""
    release = signed(proposed(changed()), ada=PROPOSE)
    other = with_signature(release, sign(key_of("eve"), "bob", APPROVE, statement(release)))
    assert reason(other, None) is ReleaseReason.UNKNOWN_SIGNER


def test_two_names_with_one_key_are_one_person() -> None:
    """Also if somebody has put both into the cluster file."""
    people = {"ada": person("ada", PROPOSE), "eve": person("ada", APPROVE)}
    release = with_signature(
        signed(proposed(changed()), ada=PROPOSE), sign(key_of("ada"), "eve", APPROVE, statement(proposed(changed())))
    )
    assert reason(release, None, people) is ReleaseReason.SAME_PERSON


def _as_cyd(signature: Signature) -> Signature:
    return replace(signature, by="cyd", key_id=SIGNERS["cyd"].key_id)


CHANGES: dict[str, Callable[[Release], Release]] = {
    "document": lambda release: replace(release, in_force=changed(8, threshold(0.53))),
    "number": lambda release: replace(release, in_force=changed(9, threshold(0.55))),
    "reason": lambda release: replace(release, proposal=replace(release.proposal, why="another")),
    "evidence": lambda release: replace(release, proposal=replace(release.proposal, evidence_sha256="0" * 64)),
    "end": lambda release: replace(release, proposal=replace(release.proposal, expires_at=SOON + timedelta(1))),
    "time": lambda release: replace(release, proposal=replace(release.proposal, at=NOW - timedelta(1))),
    "role": lambda release: replace(
        release,
        signatures=(release.signatures[0], replace(release.signatures[1], by="cyd", key_id=SIGNERS["cyd"].key_id)),
    ),
    "signature": lambda release: replace(
        release, signatures=tuple(replace(each, signature="0" * 128) for each in release.signatures)
    ),
    "signatures of another": lambda release: replace(
        release, signatures=loosening(changed(8, threshold(0.56)), FIRST).signatures
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_was_signed_cannot_be_changed(change: str) -> None:
    """Neither document nor reasons, nor who signed and as what."""
    assert reason(CHANGES[change](LOOSENED)) is ReleaseReason.BAD_SIGNATURE


def test_an_unsigned_policy_is_for_people_who_do_not_exist_and_for_a_deployment_that_never_had_another() -> None:
    """Else it would be the way past every signature."""
    check_release(SYNTHETIC, None, SIGNERS, NOW)
    after = proposed(changed(8, threshold(0.5), people="synthetic"), SYNTHETIC)
    check_release(after, SYNTHETIC, SIGNERS, NOW)
    assert after.proposal.loosens == ("watchlists.sought.threshold",)
    was_signed = signed(SYNTHETIC, ada=PROPOSE)
    check_release(was_signed, None, SIGNERS, NOW)
    assert reason(proposed(changed(8, people="synthetic"), was_signed), was_signed) is ReleaseReason.UNSIGNED
    for terms in ({}, {"expires_at": SOON, "evidence_sha256": EVIDENCE}):
        assert reason(proposed(changed(8, people="synthetic"), FIRST, **terms)) is ReleaseReason.UNSIGNED
    assert proposed(changed(8, people="synthetic"), FIRST).proposal.loosens == ("people",)


ROLES = st.dictionaries(st.sampled_from(sorted(MALLORY)), st.sampled_from(sorted(Role)), max_size=4)


@given(
    roles=ROLES,
    value=st.sampled_from([0.5, 0.55, 0.6, 0.65]),
    by=st.sampled_from(sorted(MALLORY)),
    former=st.sampled_from([None, FIRST, LOOSENED]),
    number=st.integers(6, 9),
    terms=st.sampled_from([{}, {"expires_at": SOON}, {"expires_at": SOON, "evidence_sha256": EVIDENCE}]),
)
def test_nothing_for_real_people_is_followed_without_its_signatures(
    roles: dict[str, Role], value: float, by: str, former: Release | None, number: int, terms: dict[str, Any]
) -> None:
    """Whatever is tried: the proposer's always; another person's for the first and for what is looser than ever."""
    release = signed(proposed(changed(number, threshold(value)), former, by, **terms), **roles)
    try:
        check_release(parse_release(encode_release(release)), former, SIGNERS, NOW)
    except ReleaseRefused:
        return
    assert by in ("ada", "cyd")
    assert roles[by] is PROPOSE
    in_force = former.in_force.policy.watchlists["sought"].threshold if former else 1.0
    if former is None or value < in_force:
        assert "bob" in roles or {"ada", "cyd"} <= set(roles)
        assert APPROVE in roles.values()
    if former and value < 0.6:
        assert release.proposal.expires_at
    assert number > (former.number if former else 0)
