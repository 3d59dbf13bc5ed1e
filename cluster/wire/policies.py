"""The policy topic: every policy that came into force, whole, keyed by deployment, with what makes it provable."""

from datetime import datetime

from cluster.wire.alerts import AlertContext
from cluster.wire.text import Headers, format_time


def policy_headers(context: AlertContext, at: datetime) -> Headers:
    """What stands beside the canonical document, which is the record's value.

    Args:
        context: The settings in force, as alerts name them.
        at: When they came into force, UTC-aware.
    """
    named = {
        "policy": str(context.policy),
        "digest": context.policy_digest,
        "detector": context.detector,
        "embedder": context.embedder,
        "contract": context.contract,
        "software": context.software,
        "in_force_at": format_time(at),
    }
    return [(name, text.encode()) for name, text in named.items()]
