"""The policy topic: every policy that came into force, whole, with who wanted it and why; key = deployment.

Orders to stop and resume stand in the same topic: `cluster/wire/order.py`.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from cluster.policies.in_force import PolicyInForce, policy_of
from cluster.policies.signatures import Signature
from cluster.wire.sealed import (
    form_of,
    line,
    maybe,
    members_of,
    read_signatures,
    seal,
    sha256,
    time,
    unseal,
    write_signatures,
)
from cluster.wire.text import format_time
from operators.errors import ReleaseReason, ReleaseRefused, SettingsRefused
from operators.retention import RetentionProfile

_FORMS = "beholden.policy."
RELEASE_FORM = f"{_FORMS}v2"
_MOST = 2**53  # of a number that RFC 8785 can write


@dataclass(frozen=True, slots=True)
class Proposal:
    """Who wants a policy in force, and on what grounds.

    Attributes:
        by: Who proposes it.
        at: When, UTC.
        why: The reason, in one line.
        evidence_sha256: SHA-256 (hex) of the calibration document that shows what a loosening costs.
        effective_from: It must not be put in force before, UTC.
        expires_at: When a loosening ends, UTC: nothing is searched for after it until another policy is in force.
        supersedes: Digest of the policy that it is to follow; None for a deployment's first.
        loosens: What it loosens against the last policy that was to last, as `cluster.policies.diff` names it.
        baseline: Of a loosening, the digest of that last policy.
    """

    by: str
    at: datetime
    why: str
    evidence_sha256: str | None
    effective_from: datetime
    expires_at: datetime | None
    supersedes: str | None
    loosens: tuple[str, ...]
    baseline: str | None = None


@dataclass(frozen=True, slots=True)
class Release:
    """A policy as it is put in force.

    Attributes:
        in_force: The policy.
        proposal: Who wants it and why.
        signatures: The proposer's and, where it takes two, another person's. None: nobody exists whom it shows.
        baseline: Of a loosening, the last policy that was to last, so that anyone can tell what it loosens.
    """

    in_force: PolicyInForce
    proposal: Proposal
    signatures: tuple[Signature, ...] = ()
    baseline: PolicyInForce | None = None

    @property
    def number(self) -> int:
        """The policy's."""
        return self.in_force.policy.policy

    @property
    def digest(self) -> str:
        """The policy's."""
        return self.in_force.digest

    @property
    def standing(self) -> PolicyInForce:
        """The policy that is to last: itself, or what it loosens for a time."""
        return self.baseline or self.in_force

    def is_expired(self, now: datetime) -> bool:
        """Whether it loosens and its time is over: then nothing may be searched for."""
        return self.proposal.expires_at is not None and now >= self.proposal.expires_at

    def retention(self, now: datetime) -> RetentionProfile:
        """How long things are kept: what was approved for a time only is over with it."""
        return (self.standing if self.is_expired(now) else self.in_force).policy.retention


def statement(release: Release) -> dict[str, Any]:
    """What is signed: document, reasons and place cannot be exchanged one by one."""
    policy, proposal = release.in_force.policy, release.proposal
    return {
        "form": RELEASE_FORM,
        "deployment": policy.deployment,
        "number": policy.policy,
        "digest": release.digest,
        "proposal": {
            "by": proposal.by,
            "at": format_time(proposal.at),
            "why": proposal.why,
            "evidence_sha256": proposal.evidence_sha256,
            "effective_from": format_time(proposal.effective_from),
            "expires_at": proposal.expires_at and format_time(proposal.expires_at),
            "supersedes": proposal.supersedes,
            "loosens": list(proposal.loosens),
            "baseline": proposal.baseline,
        },
    }


def encode_release(release: Release) -> bytes:
    """Value of a record of the policy topic, and content of a NUMBER.release.json."""
    body = {
        **statement(release),
        "policy": json.loads(release.in_force.canonical),
        "baseline": json.loads(release.baseline.canonical) if release.baseline else None,
        "signatures": write_signatures(release.signatures),
    }
    return seal(RELEASE_FORM, body)


def parse_release(value: bytes) -> Release:
    """The release in a record of the policy topic or in a file. It may still not be followed: see `check_release`.

    Raises:
        ReleaseRefused: It is none, is damaged, or holds no policy that could come into force.
    """
    release = unseal(value, RELEASE_FORM, _release)
    if encode_release(release) != value:
        raise ReleaseRefused(ReleaseReason.MALFORMED, "it says more than a release does; have it proposed anew")
    return release


def is_release(value: bytes) -> bool:
    """Whether a document says that it is a release, of this form or another."""
    return form_of(value).startswith(_FORMS)


def number_said(value: bytes) -> int | None:
    """The number of its policy that a release of any form says; None where it says none."""
    number = members_of(value).get("number") if is_release(value) else None
    return number if type(number) is int and 0 < number < _MOST else None


def says_free(value: bytes) -> bool:
    """Whether a release of any form says that nobody has signed it, and that it is for people who do not exist."""
    said = members_of(value)
    policy = said.get("policy")
    return said.get("signatures") == [] and isinstance(policy, dict) and policy.get("people") == "synthetic"


def applied_body(release: Release) -> dict[str, Any]:
    """Body of the ledger's record that a policy comes into force: the whole of it, once."""
    return {
        "number": release.number,
        "digest": release.digest,
        "document": json.loads(release.in_force.canonical),
        "proposal": statement(release)["proposal"],
        "signatures": write_signatures(release.signatures),
    }


def with_signature(release: Release, signature: Signature) -> Release:
    """The same, with one signature more."""
    return replace(release, signatures=(*release.signatures, signature))


def _release(body: Mapping[str, Any]) -> Release:
    try:
        in_force = policy_of(body["policy"])
        baseline = policy_of(body["baseline"]) if body["baseline"] is not None else None
    except SettingsRefused as refused:
        raise ReleaseRefused(ReleaseReason.POLICY_INVALID, str(refused)) from None
    _check_names(body, in_force, baseline)
    found = body["proposal"]
    proposal = Proposal(
        by=line(found, "by"),
        at=time(found, "at"),
        why=line(found, "why"),
        evidence_sha256=maybe(sha256, found, "evidence_sha256"),
        effective_from=time(found, "effective_from"),
        expires_at=maybe(time, found, "expires_at"),
        supersedes=maybe(sha256, found, "supersedes"),
        loosens=tuple(map(str, found["loosens"])),
        baseline=maybe(sha256, found, "baseline"),
    )
    return Release(in_force, proposal, read_signatures(body["signatures"]), baseline)


def _check_names(body: Mapping[str, Any], in_force: PolicyInForce, baseline: PolicyInForce | None) -> None:
    policy = in_force.policy
    named = (body["deployment"], body["number"], body["digest"], body["proposal"]["baseline"])
    if named != (policy.deployment, policy.policy, in_force.digest, baseline and baseline.digest):
        raise ReleaseRefused(
            ReleaseReason.WRONG_DIGEST, "it holds another policy than it names; have it proposed and signed anew"
        )
