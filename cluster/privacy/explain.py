"""Decide an alert again from its records, and say step by step what comes out as it was written down.

Cosines are computed as the index computes them (docs/decisions/0005): the crop is embedded anew, alone, and compared in
float64 with each vector of the entry. What is gone, because its time is over or a key was destroyed, is called so; it
is no difference, nor is a policy of a former form. Evidence that is not there before its time is over is one, and so is
a policy that never came into force.
"""

import hashlib
import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any

import numpy.typing as npt

from cluster.keys import EvidenceKey
from cluster.policies.in_force import PolicyInForce
from cluster.wire.alerts import alert_id_of
from cluster.wire.entries import EntryRecord
from cluster.wire.evidence import Evidence, EvidenceInvalid, EvidenceName, parse_evidence
from indexes.entry import cosine_of
from operators.errors import BeholdenError
from operators.models import EmbeddingContract
from operators.quality import gate_geometry, gate_sharpness
from operators.types import Float32

CLOCKS = timedelta(minutes=10)  # evidence is written just before its alert, and Kafka's clock is another than this one
_MATCH = "possible match"
_UNREAD = "of a former form, cannot be read"


class Verdict(StrEnum):
    """What becomes of one step."""

    EQUAL = "equal"
    DIFFERS = "differs"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that an alert says, and what it is when it is computed again.

    Attributes:
        what: In words.
        recorded: What the alert says.
        recomputed: What comes out now; why nothing does, when it is gone.
        verdict: Whether these are equal, to the last bit.
    """

    what: str
    recorded: str
    recomputed: str
    verdict: Verdict


@dataclass(frozen=True, slots=True, eq=False)
class Records:
    """What is there to decide again from.

    Attributes:
        sealed: Evidence of this alert, as it stands in the topic: usually one, more where a process was killed.
        key: The deployment's; None when it is not there any more.
        policies: By digest; only those that came into force.
        entries: By reference, as they stand on the list now.
        contract: What the vectors of `embed` are; None when the models are not there as the alert's policy pins them.
        provider: What `embed` runs on.
        embed: (n, 112, 112, 3) uint8 to (n, d) float32; None as `contract`.
        age: Of the alert.
        kept: How long evidence is kept at least; None: the policy is not known, or cannot be read.
        unread: Digests of policies that came into force and are of a former form, which this version cannot read.
    """

    sealed: Sequence[bytes]
    key: EvidenceKey | None
    policies: Mapping[str, PolicyInForce]
    entries: Mapping[str, EntryRecord]
    contract: EmbeddingContract | None
    provider: str
    embed: Callable[[npt.NDArray[Any]], Float32] | None
    age: timedelta
    kept: timedelta | None
    unread: Collection[str] = ()


class AlertUnreadable(BeholdenError):
    """What is to be explained is no alert that this version can read."""


def explain(value: bytes, records: Records) -> list[Step]:
    """Every step of the decision behind an alert.

    Args:
        value: The alert, as it stands in its topic.
        records: What else is there.

    Raises:
        AlertUnreadable: It is no alert.
    """
    try:
        alert: Mapping[str, Any] = json.loads(value)
        evidence, steps = _opened(alert, records)
        return [
            _same("id", alert["alert_id"], alert_id_of(alert)),
            *steps,
            *_models(alert, evidence, records),
            *_gates(alert, evidence, records),
            *_candidates(alert, _vector(evidence, records), records),
        ]
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError) as error:
        raise AlertUnreadable(f"not an alert that this version can read: {type(error).__name__}") from None


def differs(steps: Sequence[Step]) -> bool:
    """Whether anything has come out otherwise than it was written down."""
    return any(step.verdict is Verdict.DIFFERS for step in steps)


def _opened(alert: Mapping[str, Any], records: Records) -> tuple[Evidence | None, list[Step]]:
    """The evidence, if it is there and opens, and what is to be said of that."""
    named = EvidenceName(**alert["evidence"])
    by_digest = {hashlib.sha256(sealed).hexdigest(): sealed for sealed in records.sealed}
    if not by_digest:
        return None, [_missing(named.sha256, alert["policy"]["digest"], records)]
    if named.sha256 not in by_digest:
        return None, [_same("evidence", named.sha256, ", ".join(sorted(by_digest)))]
    steps = [_same("evidence", named.sha256, named.sha256)]
    if records.key is None or records.key.id != named.key_id:
        why = "the key is not here" if records.key is None else f"the key here is {records.key.id}"
        return None, [*steps, _gone("key", named.key_id, f"{why}: destroyed, or on another machine")]
    opened = records.key.open(by_digest[named.sha256], alert["alert_id"])
    if opened is None:
        return None, [*steps, _same("key", named.key_id, "does not open it")]
    steps.append(_same("key", named.key_id, records.key.id))
    try:
        evidence = parse_evidence(opened, alert["alert_id"])
    except EvidenceInvalid as invalid:
        return None, [*steps, _same("crop", named.crop_sha256, str(invalid))]
    return evidence, [*steps, _same("crop", named.crop_sha256, evidence.crop_sha256)]


def _missing(digest: str, policy: str, records: Records) -> Step:
    """No evidence is there: it must have been, unless its time is over."""
    if records.kept is None and policy in records.unread:
        return _gone("evidence", digest, f"not in the topic; its policy is {_UNREAD}: perhaps its time is over")
    if records.kept is None:
        why = "not in the topic, and its policy is not known that says whether its time is over"
        return Step("evidence", digest, why, Verdict.DIFFERS)
    if records.age < records.kept - CLOCKS:
        why = f"not in the topic, though it is kept for {records.kept} and the alert is {records.age} old"
        return Step("evidence", digest, why, Verdict.DIFFERS)
    return _gone("evidence", digest, "not in the topic: its time is over")


def _models(alert: Mapping[str, Any], evidence: Evidence | None, records: Records) -> Iterator[Step]:
    named, contract = alert["models"], records.contract
    if contract is None:
        why = "not here as the policy pins them: a file is missing, or its manifest has been changed since"
        yield _gone("models", named["contract"], why)
        return
    yield _same("detector", named["detector"], contract.detector_sha256)
    yield _same("embedder", named["embedder"], contract.model_sha256)
    yield _same("contract", named["contract"], contract.digest)
    if evidence is not None and evidence.provider != records.provider:
        # Not a difference by itself, and it explains one in the last digits.
        yield Step("run on", evidence.provider, records.provider, Verdict.EQUAL)


def _gates(alert: Mapping[str, Any], evidence: Evidence | None, records: Records) -> Iterator[Step]:
    """The policy, the threshold that it gives, and whether the face was to be compared at all."""
    named = alert["policy"]["digest"]
    in_force = records.policies.get(named)
    if in_force is None and named in records.unread:
        yield _gone("policy", f"{alert['policy']['number']}, {named}", _UNREAD)
        return
    if in_force is None:
        yield Step("policy", named, "no policy of this digest has come into force", Verdict.DIFFERS)
        return
    policy = in_force.policy
    yield _same("policy", f"{alert['policy']['number']}, {named}", f"{policy.policy}, {in_force.digest}")
    rule = policy.watchlists.get(alert["watchlist"])
    threshold = None if rule is None else rule.cameras.get(alert["camera"], rule.threshold)
    yield _same("threshold", repr(alert["threshold"]), repr(threshold))
    if evidence is None:
        return
    yield _same("confidence", repr(alert["face"]["confidence"]), repr(float(evidence.face.confidence[0])))
    [geometry] = gate_geometry(evidence.face, evidence.shape, policy.quality)
    [sharpness] = gate_sharpness(evidence.crop[None], policy.quality)
    yield _same("gates", "passed", str(geometry or sharpness or "passed"))


def _vector(evidence: Evidence | None, records: Records) -> Float32 | None:
    if evidence is None or records.embed is None:
        return None
    vector: Float32 = records.embed(evidence.crop[None])[0]
    return vector


def _candidates(alert: Mapping[str, Any], vector: Float32 | None, records: Records) -> Iterator[Step]:
    """The cosine of each candidate, whether it reaches the threshold, and their order."""
    found: list[float] = []
    least = alert["threshold"]
    said = [candidate["cosine"] for candidate in alert["candidates"]]
    is_match = said[0] == alert["cosine"] and _match(said, least)
    yield _same("as recorded", _MATCH, _MATCH if is_match else f"not at or above {least} in order")
    for number, candidate in enumerate(alert["candidates"], 1):
        record = records.entries.get(candidate["entry"])
        name, recorded = f"cosine {number}", repr(candidate["cosine"])
        if record is None:
            yield _gone(name, recorded, "the entry has been withdrawn")
        elif record.entry.digest != candidate["entry_digest"]:
            yield _gone(name, recorded, "the entry has been replaced by another record")
        elif vector is None:
            yield _gone(name, recorded, "there is nothing to compute it from")
        else:
            cosine = max(cosine_of(vector, row) for row in record.entry.vectors)
            found.append(cosine)
            yield _same(name, recorded, repr(cosine))
    if len(found) == len(alert["candidates"]):
        yield _same("decision", _MATCH, _MATCH if _match(found, least) else f"not at or above {least} in order")


def _match(cosines: Sequence[float], least: float) -> bool:
    return list(cosines) == sorted(cosines, reverse=True) and min(cosines) >= least


def _same(what: str, recorded: str, recomputed: str) -> Step:
    return Step(what, recorded, recomputed, Verdict.EQUAL if recorded == recomputed else Verdict.DIFFERS)


def _gone(what: str, recorded: str, why: str) -> Step:
    return Step(what, recorded, why, Verdict.GONE)
