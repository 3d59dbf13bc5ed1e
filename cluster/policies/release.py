"""When a policy may be put in force: the one gate on every path, from a file and from the topic."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from cluster.policies.diff import loosened, taking_two
from cluster.policies.in_force import PolicyInForce
from cluster.policies.signatures import Person, Role, check_signatures
from cluster.wire.release import Proposal, Release, statement
from operators.errors import ReleaseReason, ReleaseRefused
from operators.models import People
from operators.policy import Policy

CLOCK_SKEW = timedelta(seconds=60)
"""How far two machines' clocks may be apart. A later time is a mistake or a trick."""


def draft(
    in_force: PolicyInForce,
    former: Release | None,
    by: str,
    at: datetime,
    why: str,
    evidence_sha256: str | None = None,
    effective_from: datetime | None = None,
    expires_at: datetime | None = None,
) -> Release:
    """A release that nobody has signed yet.

    Args:
        in_force: The policy.
        former: What is in force; None for a deployment's first.
        by: Who proposes it.
        at: When, UTC-aware.
        why: The reason, in one line.
        evidence_sha256: See `Proposal`.
        effective_from: See `Proposal`; None: at once.
        expires_at: See `Proposal`.
    """
    loosens = _loosened(former, in_force)
    baseline = former.standing if former and loosens and expires_at else None
    proposal = Proposal(
        by=by,
        at=at,
        why=why,
        evidence_sha256=evidence_sha256,
        effective_from=effective_from or at,
        expires_at=expires_at,
        supersedes=former.digest if former else None,
        loosens=loosens,
        baseline=baseline.digest if baseline else None,
    )
    return Release(in_force, proposal, (), baseline)


def why_two(
    release: Release, former: Release | None, beside: str | None = None, unread: str | None = None
) -> str | None:
    """Why a second person has to approve it; None: it takes one.

    Args:
        release: What is to come into force.
        former: What is in force; None for a deployment's first.
        beside: Another deployment of which the policy topic has policies.
        unread: What is to be said of the deployment's own releases that cannot be read.
    """
    narrows = _narrows(release, former)
    if release.proposal.loosens and not narrows:
        return f"it loosens {_list(release.proposal.loosens)}"
    if _begins_for_real(former, release):
        return "it is for real people"
    was_signed_for = former is not None and not is_free(former)
    if unread and not was_signed_for:
        return unread
    if beside and not was_signed_for:
        first = "first" if former is None else "first that anybody signs"
        return (
            f"the policy topic has policies of {beside}, and this is another deployment's {first} (a "
            "kafka.topic_prefix of its own would keep them apart)"
        )
    if former is None:
        return None
    against = former.in_force if narrows else former.standing
    changed = taking_two(against.policy, release.in_force.policy)
    return f"it changes {_list(changed)}" if changed else None


def check_release(
    release: Release,
    former: Release | None,
    people: Mapping[str, Person],
    now: datetime,
    beside: str | None = None,
    unread: str | None = None,
) -> None:
    """Check that a release may follow the one in force.

    A policy for people who do not exist may be unsigned, as long as the deployment has had no other and none that
    cannot be read, and no other deployment is there under whose name more would have to be signed.

    Args:
        release: What is to come into force.
        former: What is in force, checked before; None for a deployment's first.
        people: Whose signatures count: the cluster file's.
        now: UTC-aware.
        beside: Another deployment of which the policy topic has policies; None: there is none.
        unread: What is to be said of the deployment's own releases that cannot be read; None: there are none.

    Raises:
        ReleaseRefused: With the first reason against it; then the former stays in force.
    """
    _check_succession(release, former)
    _check_times(release, now)
    _check_grounds(release, former)
    if release.signatures or not _may_be_unsigned(release, former, beside or unread):
        why = why_two(release, former, beside, unread)
        _check_proposer(release, why)
        _check_loosening(release, former)
        _check_people(release, why, people, now)


def check_not_expired(release: Release, now: datetime) -> None:
    """Refuse to put a loosening in force whose time is over.

    A process that finds one in the topic follows it, and searches for nothing: `Release.is_expired`.

    Raises:
        ReleaseRefused: It is over.
    """
    if release.is_expired(now):
        raise ReleaseRefused(
            ReleaseReason.EXPIRED, f"it ended at {release.proposal.expires_at}; propose it anew with another end"
        )


def _check_succession(release: Release, former: Release | None) -> None:
    supersedes = release.proposal.supersedes
    if former is None:
        if supersedes is not None:
            detail = f"it follows {supersedes}, and this deployment has no policy yet; propose it anew"
            raise ReleaseRefused(ReleaseReason.NOT_THE_SUCCESSOR, detail)
        return
    there, its = former.in_force.policy.deployment, release.in_force.policy.deployment
    if its != there:
        raise ReleaseRefused(ReleaseReason.DEPLOYMENT, f"it is for {its}, this is {there}")
    if release.digest == former.digest or release.number < former.number:
        detail = f"number {release.number} is not above the {former.number} in force; going back takes a new number"
        raise ReleaseRefused(ReleaseReason.REPLAYED, detail)
    if release.number == former.number:
        detail = f"{release.number} is the number of the policy in force, which says something else; take the next one"
        raise ReleaseRefused(ReleaseReason.NUMBER_REUSED, detail)
    if supersedes != former.digest:
        detail = f"it was proposed to follow {supersedes}, in force is {former.digest}; propose it anew"
        raise ReleaseRefused(ReleaseReason.NOT_THE_SUCCESSOR, detail)


def _check_times(release: Release, now: datetime) -> None:
    proposal = release.proposal
    if proposal.at > now + CLOCK_SKEW:
        detail = f"proposed at {proposal.at}, and it is {now} here; set the clocks, then propose it anew"
        raise ReleaseRefused(ReleaseReason.CLOCK, detail)
    if proposal.effective_from > now + CLOCK_SKEW:
        detail = f"not before {proposal.effective_from}; apply it then"
        raise ReleaseRefused(ReleaseReason.NOT_YET_EFFECTIVE, detail)


def _check_grounds(release: Release, former: Release | None) -> None:
    proposal = release.proposal
    if not proposal.why.strip():
        raise ReleaseRefused(ReleaseReason.NO_REASON, "say why it is wanted: --why")
    found = _loosened(former, release.in_force)
    if proposal.loosens != found:
        detail = f"it says that it loosens {_list(proposal.loosens)}, and it loosens {_list(found)}; propose it anew"
        raise ReleaseRefused(ReleaseReason.LOOSENS_OTHERWISE, detail)
    expires = proposal.expires_at
    baseline = former.standing if former and expires else None
    if expires and not found:
        raise ReleaseRefused(ReleaseReason.NEEDLESS_EXPIRY, "only a loosening expires, and it loosens nothing")
    if release.baseline != baseline:
        raise ReleaseRefused(ReleaseReason.LOOSENS_OTHERWISE, "it is held against another policy than the last to last")
    if expires and not proposal.effective_from < expires <= release.in_force.policy.end:
        raise ReleaseRefused(ReleaseReason.EXPIRED, "it would end before it begins, or outlive its policy")


def _may_be_unsigned(release: Release, former: Release | None, doubt: str | None) -> bool:
    return doubt is None and is_free(release) and (former is None or is_free(former))


def is_free(release: Release) -> bool:
    """Whether nobody has signed it, and nobody had to: it is for people who do not exist."""
    return not release.signatures and release.in_force.policy.people is People.SYNTHETIC


def _check_loosening(release: Release, former: Release | None) -> None:
    proposal = release.proposal
    if not proposal.loosens:
        return
    if proposal.expires_at is None:
        detail = f"it loosens {_list(proposal.loosens)}, so it must say until when: --expires"
        raise ReleaseRefused(ReleaseReason.NO_EXPIRY, detail)
    if proposal.evidence_sha256 is None and not _narrows(release, former):
        detail = f"it loosens {_list(proposal.loosens)}, so it must name what was measured: --evidence"
        raise ReleaseRefused(ReleaseReason.NO_EVIDENCE, detail)


def _check_proposer(release: Release, why: str | None) -> None:
    by = release.proposal.by
    if not any(each.role is Role.PROPOSE and each.by == by for each in release.signatures):
        detail = f"{by}, who proposes it, has not signed it: 'beholden policy propose' does"
        if why:
            detail += f"; and since {why}, somebody else has to approve it"
        raise ReleaseRefused(ReleaseReason.UNSIGNED, detail)


def _check_people(release: Release, why: str | None, people: Mapping[str, Person], now: datetime) -> None:
    check_signatures(release.signatures, people, (Role.PROPOSE, Role.APPROVE), statement(release), now)
    if why and not any(each.role is Role.APPROVE for each in release.signatures):
        detail = f"{why}, so somebody else has to approve it: 'beholden policy approve'"
        raise ReleaseRefused(ReleaseReason.NOT_APPROVED, detail)


def held_against(former: Release | None, in_force: PolicyInForce) -> Policy | None:
    """The last policy that was to last: else a loosening could be prolonged by one person.

    None for the first policy, and the first for real people, which loosen nothing.
    """
    if former is None or _is_first_for_real(former, in_force):
        return None
    return former.standing.policy


def _loosened(former: Release | None, in_force: PolicyInForce) -> tuple[str, ...]:
    before = held_against(former, in_force)
    return loosened(before, in_force.policy) if before else ()


def _is_first_for_real(former: Release | None, in_force: PolicyInForce) -> bool:
    if in_force.policy.people is not People.REAL:
        return False
    return former is None or former.standing.policy.people is not People.REAL


def _begins_for_real(former: Release | None, release: Release) -> bool:
    """Whether real people are to be looked for where they are not now, be it again."""
    if release.in_force.policy.people is not People.REAL:
        return False
    return former is None or former.in_force.policy.people is not People.REAL


def _narrows(release: Release, former: Release | None) -> bool:
    """Whether it takes back a part of a loosening that is in force: that needs nobody's approval."""
    if former is None or former.proposal.expires_at is None or release.proposal.expires_at is None:
        return False
    if _begins_for_real(former, release):
        return False  # what was good enough for people who do not exist was never weighed for others
    is_looser = bool(loosened(former.in_force.policy, release.in_force.policy))
    return not is_looser and release.proposal.expires_at <= former.proposal.expires_at


def _list(names: tuple[str, ...]) -> str:
    return ", ".join(names) or "nothing"
