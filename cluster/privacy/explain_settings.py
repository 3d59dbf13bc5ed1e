"""Whether the policy that an alert names was in force when it was written, and covers what it says.

Who went by it when, and who had stopped, the ledger alone says: whoever alerts by a policy has acknowledged it before.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from cluster.ledger.settings_history import SettingsHistory, Span
from cluster.policies.in_force import PolicyInForce
from cluster.privacy.explain_steps import Step, Verdict, gone, holds, same
from cluster.wire.text import format_time, parse_time
from operators.policy import Policy

UNREAD = "of a former form, cannot be read"
_MS = timedelta(milliseconds=1)  # alerts and switches have their times to the millisecond


@dataclass(frozen=True, slots=True)
class Settings:
    """What there is to know of settings.

    Attributes:
        policies: By digest, those that the policy topic or the ledger has as put in force.
        unread: Digests of those of a former form, which this version cannot read.
        ends: When each of them that loosens for a time ends, UTC-aware, by digest.
        history: Who went by which.
    """

    policies: Mapping[str, PolicyInForce]
    unread: Collection[str] = ()
    ends: Mapping[str, datetime] = field(default_factory=dict)
    history: SettingsHistory = field(default_factory=SettingsHistory)


def settings_steps(alert: Mapping[str, Any], known: Settings) -> Iterator[Step]:
    """What an alert says of the settings in force, and whether it agrees with them."""
    digest, at = alert["policy"]["digest"], parse_time(alert["alerted_at"])
    in_force = known.policies.get(digest)
    yield _policy(alert["policy"], in_force, digest in known.unread)
    if in_force is None and digest not in known.unread:
        return
    yield from _acknowledged(digest, at, known.history)
    if end := known.ends.get(digest):
        why = f"its time was over at {format_time(end)}" if at >= end else None
        yield holds("loosened", alert["alerted_at"], why)
    if in_force is not None:
        yield from _scope(alert, in_force.policy)
        yield _threshold(alert, in_force.policy)
        yield _confirmed(alert["passage"], in_force.policy)


def _policy(named: Mapping[str, Any], in_force: PolicyInForce | None, is_unread: bool) -> Step:
    said = f"{named['number']}, {named['digest']}"
    if in_force is not None:
        return same("policy", said, f"{in_force.policy.policy}, {in_force.digest}")
    if is_unread:
        return gone("policy", said, UNREAD)
    return Step("policy", said, "no policy of this digest has come into force", Verdict.DIFFERS)


def _acknowledged(digest: str, at: datetime, history: SettingsHistory) -> Iterator[Step]:
    """Somebody went by it at that time, and had not stopped."""
    spans = [span for span in history.spans if span.digest == digest and span.since <= at and at - _MS < span.until]
    why = None if spans else "nobody has acknowledged to go by it then"
    yield holds("in force", format_time(at), why)
    if spans:
        yield holds("stop", "none", _stopped(spans, at, history))


def _stopped(spans: Collection[Span], at: datetime, history: SettingsHistory) -> str | None:
    """The stop that all of them had followed by then; None: there was none, or one of them had yet to hear of it."""
    stop = history.stopped_by(at)
    if stop is None or not all(history.has_stopped(span, at) for span in spans):
        return None
    return f"stopped by {stop.by} at {format_time(stop.at)}: {stop.why}"


def _scope(alert: Mapping[str, Any], policy: Policy) -> Iterator[Step]:
    """Its camera, and both when the frame was taken and when somebody was alerted."""
    camera, times = alert["camera"], (alert["captured_at"], alert["alerted_at"])
    yield holds("camera", camera, None if camera in policy.cameras else f"no camera of policy {policy.policy}")
    faults = [fault for fault in (_outside(policy, parse_time(at)) for at in times) if fault]
    yield holds("times", ", ".join(times), faults[0] if faults else None)


def _outside(policy: Policy, at: datetime) -> str | None:
    if not policy.is_valid(at):
        return f"{format_time(at)} is before its start or after its end or review"
    return None if policy.hours.include(at) else f"{format_time(at)} is outside its hours"


def _threshold(alert: Mapping[str, Any], policy: Policy) -> Step:
    rule = policy.watchlists.get(alert["watchlist"])
    threshold = None if rule is None else rule.threshold_on(alert["camera"])
    return same("threshold", repr(alert["threshold"]), repr(threshold))


def _confirmed(passage: Mapping[str, Any], policy: Policy) -> Step:
    """So many frames agreed, of so many."""
    frames, of_frames, asked = passage["frames"], passage["of_frames"], policy.sightings
    is_so = of_frames == asked.of_frames and asked.confirm_frames <= frames <= of_frames
    why = None if is_so else f"{asked.confirm_frames} of {asked.of_frames} are asked for"
    return holds("confirmed", f"{frames} of {of_frames}", why)
