"""Records of the ledger topic about documents of the policy topic: which are followed, and which are not."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from cluster.wire.text import format_time

REFUSED = "policy.refused"
FOLLOWED = "order.followed"
SPREAD = "policy.spread"


def refused_body(offset: int, reason: str, number: int | None) -> dict[str, Any]:
    """Body of the record that a document is not followed. What it says stays out of it.

    Args:
        offset: Where it stands in the policy topic.
        reason: Member of a closed vocabulary.
        number: Of the policy, where that can be read.
    """
    return {"offset": offset, "reason": reason, "number": number}


def followed_body(action: str, digest: str, since: datetime) -> dict[str, Any]:
    """Body of the record that an order to stop or to resume is followed.

    Args:
        action: What is ordered.
        digest: Which order.
        since: From when on, UTC-aware.
    """
    return {"action": action, "digest": digest, "since": format_time(since)}


def spread_body(number: int, digest: str, late: Collection[str], seconds: float) -> dict[str, Any]:
    """Body of the record that recognisers went by different policies for too long.

    Args:
        number: Of the newest policy.
        digest: Its digest.
        late: Names of those that did not go by it.
        seconds: For how long, as far as was known.
    """
    return {"number": number, "digest": digest, "late": sorted(late), "ms": round(seconds * 1000)}
