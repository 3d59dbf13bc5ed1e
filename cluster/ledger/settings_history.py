"""Which settings were in force when, from the ledger alone: what each recogniser said that it went by.

`policy.applied` holds each policy whole and who signed it, `settings.in_force` says who went by it from when on.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import rfc8785

from cluster.policies.in_force import policy_of
from cluster.wire.ledger import CHAIN_BEGUN, CHAIN_ENDED, LedgerInvalid, LedgerRecord, typed
from cluster.wire.settings import APPLIED, IN_FORCE
from cluster.wire.text import parse_time
from operators.policy import Policy
from operators.quality import QualitySettings

FOR_EVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Applied:
    """A policy that was put in force.

    Attributes:
        digest: Its digest, computed anew.
        document: The whole of it, as JSON.
        at: When the ledger was told, UTC-aware.
        proposal: Who wanted it and why, as the record says.
        signers: Whose signatures stand under it, in their order; nobody under one for people who do not exist.
    """

    digest: str
    document: Mapping[str, Any]
    at: datetime
    proposal: Mapping[str, Any]
    signers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Span:
    """A time in which one writer went by one policy.

    Attributes:
        writer: Who, for example `recogniser-0`.
        chain: Of the ledger.
        number: The policy's.
        digest: Its digest.
        since: UTC-aware.
        until: UTC-aware; the policy is another, or the writer has ended, at this moment. Of a writer that was killed,
            when it began anew.
    """

    writer: str
    chain: str
    number: int
    digest: str
    since: datetime
    until: datetime = FOR_EVER


@dataclass(frozen=True, slots=True)
class CameraSettings:
    """What decided about people before one camera.

    Attributes:
        number: The policy's.
        digest: Its digest.
        writers: Who went by it.
        in_scope: Whether the policy let anyone be searched for before this camera at that moment.
        thresholds: By list, the cosine from which a face was a candidate here.
        floors: By list, what no threshold may be below.
        confidence: From which the detector took something for a face.
        quality: Which faces were good enough to be compared.
        confirm_frames: So many frames had to agree,
        of_frames: out of so many.
        cool_down_s: For so long the same person was not alerted again.
        applied: The whole policy, and whose word it was.
    """

    number: int
    digest: str
    writers: tuple[str, ...]
    in_scope: bool
    thresholds: Mapping[str, float]
    floors: Mapping[str, float]
    confidence: float
    quality: QualitySettings
    confirm_frames: int
    of_frames: int
    cool_down_s: float
    applied: Applied


@dataclass(slots=True)
class SettingsHistory:
    """Takes the records of one deployment's ledger in their order.

    Attributes:
        applied: Policies by digest; of one that was put in force again, the last time.
        spans: Who went by what, in the order in which it was told.
    """

    applied: dict[str, Applied] = field(default_factory=dict)
    spans: list[Span] = field(default_factory=list)
    _open: dict[str, int] = field(default_factory=dict)  # each writer's last span

    @classmethod
    def of(cls, records: Iterable[LedgerRecord]) -> "SettingsHistory":
        """All of a ledger."""
        history = cls()
        for record in records:
            history.take(record)
        return history

    def take(self, record: LedgerRecord) -> None:
        """The next record; what it says of other matters is passed over.

        Raises:
            LedgerInvalid: It does not say which policy is in force.
        """
        if record.kind == APPLIED:
            self._apply(record)
        elif record.kind == IN_FORCE:
            self._goes_by(record)
        elif record.kind in (CHAIN_BEGUN, CHAIN_ENDED):
            self._end(record.writer, record.at)

    def at(self, moment: datetime) -> list[Span]:
        """Who went by what at a moment, UTC-aware; more than one policy only while they changed over."""
        return [span for span in self.spans if span.since <= moment < span.until]

    def of_camera(self, camera: str, moment: datetime) -> list[CameraSettings]:
        """What decided about people before one camera at a moment, one for each policy that anyone went by.

        Raises:
            LedgerInvalid: The ledger does not hold the policy.
            SettingsRefused: The policy is none that this version can read.
        """
        found: dict[str, list[Span]] = {}
        for span in self.at(moment):
            found.setdefault(span.digest, []).append(span)
        return [self._camera(camera, moment, spans) for spans in found.values()]

    def _camera(self, camera: str, moment: datetime, spans: list[Span]) -> CameraSettings:
        applied = self.applied.get(spans[0].digest)
        if applied is None:
            raise LedgerInvalid(
                f"the ledger does not hold policy {spans[0].number} ({spans[0].digest}), by which {spans[0].writer} "
                "went: 'beholden ledger verify' says whether something was taken out"
            )
        policy = policy_of(dict(applied.document)).policy
        return CameraSettings(
            number=spans[0].number,
            digest=spans[0].digest,
            writers=tuple(sorted({span.writer for span in spans})),
            in_scope=policy.in_scope(camera, moment),
            thresholds=_thresholds(policy, camera),
            floors={name: rule.floor for name, rule in policy.watchlists.items()},
            confidence=policy.detect.confidence,
            quality=policy.quality,
            confirm_frames=policy.sightings.confirm_frames,
            of_frames=policy.sightings.of_frames,
            cool_down_s=policy.sightings.cool_down_s,
            applied=applied,
        )

    def _apply(self, record: LedgerRecord) -> None:
        document, proposal, signatures = (record.body.get(name) for name in ("document", "proposal", "signatures"))
        digest = hashlib.sha256(rfc8785.dumps(document)).hexdigest()
        signers = tuple(str(each["by"]) for each in signatures or ())
        self.applied[digest] = Applied(digest, document or {}, record.at, proposal or {}, signers)

    def _goes_by(self, record: LedgerRecord) -> None:
        number, digest = typed(record.body, "number", int), typed(record.body, "digest", str)
        last = self.spans[self._open[record.writer]] if record.writer in self._open else None
        if last and (last.chain, last.digest, last.until) == (record.chain, digest, FOR_EVER):
            return  # it says so every minute
        since = _since(record)
        self._end(record.writer, since)
        self._open[record.writer] = len(self.spans)
        self.spans.append(Span(record.writer, record.chain, number, digest, since))

    def _end(self, writer: str, at: datetime) -> None:
        """A writer goes by its last policy no longer, at the latest from this moment on."""
        number = self._open.get(writer)
        if number is not None and self.spans[number].until > at:
            self.spans[number] = replace(self.spans[number], until=max(at, self.spans[number].since))


def _thresholds(policy: Policy, camera: str) -> dict[str, float]:
    return {name: rule.cameras.get(camera, rule.threshold) for name, rule in policy.watchlists.items()}


def _since(record: LedgerRecord) -> datetime:
    """From when on it says that it went by it: a change is told of a moment later."""
    try:
        return min(parse_time(record.body["since"]), record.at)
    except (KeyError, ValueError, TypeError):
        return record.at
