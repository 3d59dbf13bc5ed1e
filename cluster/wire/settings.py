"""Records of the ledger topic that say which settings were in force."""

from datetime import datetime
from typing import Any

from cluster.policies.in_force import PolicyInForce
from cluster.wire.text import format_time

IN_FORCE = "settings.in_force"
APPLIED = "policy.applied"


def in_force_body(in_force: PolicyInForce, since: datetime) -> dict[str, Any]:
    """Body of the record in which a writer says what it goes by; `policy.applied` of the same digest has it whole.

    Args:
        in_force: The policy.
        since: From when on, UTC-aware.
    """
    return {"number": in_force.policy.policy, "digest": in_force.digest, "since": format_time(since)}
