"""Records of the ledger topic that say what was deleted, how, on whose word, and what is left of it nevertheless."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from cluster.wire.text import format_time

BEGUN, DONE = "deletion.begun", "deletion.done"


class DataClass(StrEnum):
    """What was deleted. Faces that match nobody are in `nonmatch.dropped`, as counts alone."""

    ALERT_EVIDENCE = "alert_evidence"
    LIST_SNAPSHOT = "list_snapshot"


class Trigger(StrEnum):
    """Why: a closed vocabulary, because free text may name people."""

    POLICY = "policy"
    DEPLOYMENT_END = "deployment_end"
    SUBJECT_REQUEST = "subject_request"
    AUTH_REFUSED = "auth_refused"
    KEY_LOST = "key_lost"
    LAYOUT = "layout"  # whoever held it is not started any more


class Method(StrEnum):
    """How."""

    CRYPTO_SHRED = "crypto_shred"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class Residual:
    """What is left although it was deleted.

    Attributes:
        where: The place.
        until: How long, as the retention profile says; None: not known here.
        why: Why it is there and what it is good for.
    """

    where: str
    until: str | None
    why: str


@dataclass(frozen=True, slots=True)
class Deletion:
    """One deletion.

    Attributes:
        of: What.
        scope: Which of it, for example a key's id.
        by: Who did it.
        trigger: Why.
        method: How.
        profile: Name of the retention profile in force.
        begun_at: UTC-aware.
    """

    of: DataClass
    scope: str
    by: str
    trigger: Trigger
    method: Method
    profile: str
    begun_at: datetime


def begun_body(deletion: Deletion) -> dict[str, Any]:
    """Body of the record that is there before anything is deleted."""
    return {
        "data_class": str(deletion.of),
        "scope": deletion.scope,
        "by": deletion.by,
        "trigger": str(deletion.trigger),
        "method": str(deletion.method),
        "profile": deletion.profile,
        "begun_at": format_time(deletion.begun_at),
    }


def done_body(
    deletion: Deletion, at: datetime, count: int, verified: str, residuals: Sequence[Residual]
) -> dict[str, Any]:
    """Body of the record that is written once it is gone.

    Args:
        deletion: What was done.
        at: When it was over, UTC-aware.
        count: How many documents nobody can read any more, or copies of the list are gone.
        verified: How that was made sure of, and what came out.
        residuals: What is left.
    """
    left = [{"where": each.where, "until": each.until, "why": each.why} for each in residuals]
    return {
        **begun_body(deletion),
        "done_at": format_time(at),
        "count": count,
        "verified": verified,
        "residuals": left,
    }
