"""Which settings were in force when, from the ledger alone: what each recogniser said that it went by.

`policy.applied` holds each policy whole and who signed it, `settings.in_force` says who went by it from when on. Orders
to stop and to resume stand there twice: once as they were given, and once by each recogniser that followed them.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import rfc8785

from cluster.policies.in_force import policy_of
from cluster.wire.ledger import CHAIN_BEGUN, CHAIN_ENDED, LedgerInvalid, LedgerRecord, typed
from cluster.wire.order import Action
from cluster.wire.policy_records import FOLLOWED
from cluster.wire.settings import APPLIED, IN_FORCE
from cluster.wire.text import parse_time
from operators.policy import Policy
from operators.quality import QualitySettings

_ORDERS = {f"order.{action}": action for action in Action}
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

    @property
    def expires_at(self) -> datetime | None:
        """When it ends by itself, UTC-aware, as a loosening does; None when it was to last.

        Raises:
            LedgerInvalid: The record says something that is no time.
        """
        text = self.proposal.get("expires_at")
        try:
            return None if text is None else parse_time(text)
        except (ValueError, TypeError):
            raise LedgerInvalid(f"the proposal of policy {self.digest} does not say when it expires") from None


@dataclass(frozen=True, slots=True)
class Ordered:
    """An order to stop or to resume.

    Attributes:
        action: Which of these.
        by: Who ordered it.
        why: The reason.
        at: When the ledger was told, UTC-aware.
    """

    action: Action
    by: str
    why: str
    at: datetime


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
        in_scope: Whether anyone could be searched for before this camera at that moment: the policy let it, its time as
            a loosening was not over, and at least one of those who went by it had not stopped.
        stopped_by: The stop that was in force, whoever followed it by then.
        stopped: Those who had stopped.
        expires_at: When the policy ends by itself, UTC-aware; None when it was to last.
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
    stopped_by: Ordered | None
    stopped: tuple[str, ...]
    expires_at: datetime | None
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
        orders: To stop and to resume, likewise.
    """

    applied: dict[str, Applied] = field(default_factory=dict)
    spans: list[Span] = field(default_factory=list)
    orders: list[Ordered] = field(default_factory=list)
    _followed: dict[str, list[tuple[datetime, bool]]] = field(default_factory=dict)  # by writer: when, to stop or not
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
        elif record.kind in _ORDERS:
            by, why = (str(record.body.get(name)) for name in ("by", "why"))
            self.orders.append(Ordered(_ORDERS[record.kind], by, why, record.at))
        elif record.kind == FOLLOWED:
            is_stop = record.body.get("action") == Action.STOP
            self._followed.setdefault(record.writer, []).append((_since(record), is_stop))
        elif record.kind in (CHAIN_BEGUN, CHAIN_ENDED):
            self._end(record.writer, record.at)

    def at(self, moment: datetime) -> list[Span]:
        """Who went by what at a moment, UTC-aware; more than one policy only while they changed over."""
        return [span for span in self.spans if span.since <= moment < span.until]

    def stopped_by(self, moment: datetime) -> Ordered | None:
        """The stop in force at a moment, UTC-aware."""
        last = next((each for each in reversed(self.orders) if each.at <= moment), None)
        return last if last and last.action is Action.STOP else None

    def has_stopped(self, span: Span, moment: datetime) -> bool:
        """Whether its writer had stopped at a moment, UTC-aware. One that began under a stop has never looked."""
        stop = self.stopped_by(moment)
        if stop and span.since >= stop.at:
            return True
        told = [is_stop for since, is_stop in self._followed.get(span.writer, ()) if since <= moment]
        return bool(told) and told[-1]

    def of_camera(self, camera: str, moment: datetime) -> list[CameraSettings]:
        """What decided about people before one camera at a moment, one for each policy that anyone went by.

        Raises:
            LedgerInvalid: The ledger does not hold the policy.
            SettingsRefused: The policy is none that this version can read.
        """
        found: dict[str, list[Span]] = {}
        for span in self.at(moment):
            found.setdefault(span.digest, []).append(span)
        return [self.of_spans(camera, moment, spans) for spans in found.values()]

    def of_spans(self, camera: str, moment: datetime, spans: Sequence[Span]) -> CameraSettings:
        """The same for those alone who went by one policy, in these times.

        Raises:
            LedgerInvalid: The ledger does not hold the policy.
            SettingsRefused: The policy is none that this version can read.
        """
        applied = self.applied.get(spans[0].digest)
        if applied is None:
            raise LedgerInvalid(
                f"the ledger does not hold policy {spans[0].number} ({spans[0].digest}), by which {spans[0].writer} "
                "went: 'beholden ledger verify' says whether something was taken out"
            )
        policy, expires_at = policy_of(dict(applied.document)).policy, applied.expires_at
        stopped = tuple(sorted({span.writer for span in spans if self.has_stopped(span, moment)}))
        is_expired = expires_at is not None and moment >= expires_at
        can_search = not is_expired and len(stopped) < len({span.writer for span in spans})
        return CameraSettings(
            number=spans[0].number,
            digest=spans[0].digest,
            writers=tuple(sorted({span.writer for span in spans})),
            in_scope=can_search and policy.in_scope(camera, moment),
            stopped_by=self.stopped_by(moment),
            stopped=stopped,
            expires_at=expires_at,
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
    return {name: rule.threshold_on(camera) for name, rule in policy.watchlists.items()}


def _since(record: LedgerRecord) -> datetime:
    """From when on it says that it went by it: a change is told of a moment later."""
    try:
        return min(parse_time(record.body["since"]), record.at)
    except (KeyError, ValueError, TypeError):
        return record.at
