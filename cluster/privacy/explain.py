"""Decide an alert again from its records, and say step by step what comes out as it was written down.

Cosines are computed as the index computes them (docs/decisions/0005): the crop is embedded anew, alone, and compared in
float64 with each vector of the entry. What is gone, because its time is over or a key was destroyed, is called so; it
is no difference, nor is a policy of a former form. Evidence that is not there before its time is over is one, and so is
a policy by which nobody went when the alert was written, or that does not cover it.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import numpy.typing as npt

from cluster.keys import EvidenceKey
from cluster.privacy.explain_settings import UNREAD, Settings, settings_steps
from cluster.privacy.explain_steps import Step, Verdict, gone, same
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


@dataclass(frozen=True, slots=True, eq=False)
class Records:
    """What is there to decide again from.

    Attributes:
        sealed: Evidence of this alert, as it stands in the topic: usually one, more where a process was killed.
        key: The deployment's; None when it is not there any more.
        settings: What there is to know of the settings in force.
        entries: By reference, as they stand on the list now.
        contract: What the vectors of `embed` are; None when the models are not there as the alert's policy pins them.
        provider: What `embed` runs on.
        embed: (n, 112, 112, 3) uint8 to (n, d) float32; None as `contract`.
        age: Of the alert.
        kept: How long evidence is kept at least; None: the policy is not known, or cannot be read.
    """

    sealed: Sequence[bytes]
    key: EvidenceKey | None
    settings: Settings
    entries: Mapping[str, EntryRecord]
    contract: EmbeddingContract | None
    provider: str
    embed: Callable[[npt.NDArray[Any]], Float32] | None
    age: timedelta
    kept: timedelta | None


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
            same("id", alert["alert_id"], alert_id_of(alert)),
            *steps,
            *_models(alert, evidence, records),
            *settings_steps(alert, records.settings),
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
        return None, [same("evidence", named.sha256, ", ".join(sorted(by_digest)))]
    steps = [same("evidence", named.sha256, named.sha256)]
    if records.key is None or records.key.id != named.key_id:
        why = "the key is not here" if records.key is None else f"the key here is {records.key.id}"
        return None, [*steps, gone("key", named.key_id, f"{why}: destroyed, or on another machine")]
    opened = records.key.open(by_digest[named.sha256], alert["alert_id"])
    if opened is None:
        return None, [*steps, same("key", named.key_id, "does not open it")]
    steps.append(same("key", named.key_id, records.key.id))
    try:
        evidence = parse_evidence(opened, alert["alert_id"])
    except EvidenceInvalid as invalid:
        return None, [*steps, same("crop", named.crop_sha256, str(invalid))]
    return evidence, [*steps, same("crop", named.crop_sha256, evidence.crop_sha256)]


def _missing(digest: str, policy: str, records: Records) -> Step:
    """No evidence is there: it must have been, unless its time is over."""
    if records.kept is None and policy in records.settings.unread:
        return gone("evidence", digest, f"not in the topic; its policy is {UNREAD}: perhaps its time is over")
    if records.kept is None:
        why = "not in the topic, and its policy is not known that says whether its time is over"
        return Step("evidence", digest, why, Verdict.DIFFERS)
    if records.age < records.kept - CLOCKS:
        why = f"not in the topic, though it is kept for {records.kept} and the alert is {records.age} old"
        return Step("evidence", digest, why, Verdict.DIFFERS)
    return gone("evidence", digest, "not in the topic: its time is over")


def _models(alert: Mapping[str, Any], evidence: Evidence | None, records: Records) -> Iterator[Step]:
    named, contract = alert["models"], records.contract
    if contract is None:
        why = "not here as the policy pins them: a file is missing, or its manifest has been changed since"
        yield gone("models", named["contract"], why)
        return
    yield same("detector", named["detector"], contract.detector_sha256)
    yield same("embedder", named["embedder"], contract.model_sha256)
    yield same("contract", named["contract"], contract.digest)
    if evidence is not None and evidence.provider != records.provider:
        # Not a difference by itself, and it explains one in the last digits.
        yield Step("run on", evidence.provider, records.provider, Verdict.EQUAL)


def _gates(alert: Mapping[str, Any], evidence: Evidence | None, records: Records) -> Iterator[Step]:
    """Whether the face was to be compared at all, by the policy that the alert names."""
    in_force = records.settings.policies.get(alert["policy"]["digest"])
    if evidence is None or in_force is None:
        return
    yield same("confidence", repr(alert["face"]["confidence"]), repr(float(evidence.face.confidence[0])))
    [geometry] = gate_geometry(evidence.face, evidence.shape, in_force.policy.quality)
    [sharpness] = gate_sharpness(evidence.crop[None], in_force.policy.quality)
    yield same("gates", "passed", str(geometry or sharpness or "passed"))


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
    yield same("as recorded", _MATCH, _MATCH if is_match else f"not at or above {least} in order")
    for number, candidate in enumerate(alert["candidates"], 1):
        record = records.entries.get(candidate["entry"])
        name, recorded = f"cosine {number}", repr(candidate["cosine"])
        if record is None:
            yield gone(name, recorded, "the entry has been withdrawn")
        elif record.entry.digest != candidate["entry_digest"]:
            yield gone(name, recorded, "the entry has been replaced by another record")
        elif vector is None:
            yield gone(name, recorded, "there is nothing to compute it from")
        else:
            cosine = max(cosine_of(vector, row) for row in record.entry.vectors)
            found.append(cosine)
            yield same(name, recorded, repr(cosine))
    if len(found) == len(alert["candidates"]):
        yield same("decision", _MATCH, _MATCH if _match(found, least) else f"not at or above {least} in order")


def _match(cosines: Sequence[float], least: float) -> bool:
    return list(cosines) == sorted(cosines, reverse=True) and min(cosines) >= least
