"""How long each topic keeps things under a policy."""

from cluster.kafka.topics import ALERTS, DEAD_LETTERS, EVIDENCE, FRAMES, LEDGER, LEDGER_HEADS, POLICY
from operators.retention import Kept, RetentionProfile, lasts_ms

FOR_EVER = (POLICY, LEDGER_HEADS)
"""Topics of which nothing is ever deleted: what was in force, and what the ledger is held against."""

DATED_BY_KAFKA = (POLICY, ALERTS)
"""Topics of which the time of a record decides: by which signatures count, and whether evidence must still be there."""


def topics_of(profile: RetentionProfile) -> dict[str, Kept]:
    """How long, by name of the topic, without prefix."""
    return {
        FRAMES: profile.frames,
        ALERTS: profile.alerts,
        EVIDENCE: profile.evidence,
        DEAD_LETTERS: profile.dead_letters,
        LEDGER: profile.ledger,
    }


def kept_settings() -> dict[str, str]:
    """What a topic of `FOR_EVER` is made with. Compaction would keep the last record of each deployment alone."""
    return {"cleanup.policy": "delete", "retention.ms": "-1", "retention.bytes": "-1"}


def topic_settings(kept: Kept) -> dict[str, str]:
    """What a topic is made with. Kafka's own clock counts: a producer's may run ahead, and records would stay."""
    return {
        "cleanup.policy": "delete",
        "retention.ms": str(lasts_ms(kept.keep)),
        "retention.bytes": "-1",
        "segment.ms": str(lasts_ms(kept.roll)),
        "message.timestamp.type": "LogAppendTime",
    }
