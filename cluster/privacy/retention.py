"""How long each topic keeps things under a policy."""

from cluster.kafka.topics import ALERTS, DEAD_LETTERS, EVIDENCE, FRAMES, LEDGER
from operators.retention import Kept, RetentionProfile, lasts_ms


def topics_of(profile: RetentionProfile) -> dict[str, Kept]:
    """How long, by name of the topic, without prefix."""
    return {
        FRAMES: profile.frames,
        ALERTS: profile.alerts,
        EVIDENCE: profile.evidence,
        DEAD_LETTERS: profile.dead_letters,
        LEDGER: profile.ledger,
    }


def topic_settings(kept: Kept) -> dict[str, str]:
    """What a topic is made with. Kafka's own clock counts: a producer's may run ahead, and records would stay."""
    return {
        "cleanup.policy": "delete",
        "retention.ms": str(lasts_ms(kept.keep)),
        "retention.bytes": "-1",
        "segment.ms": str(lasts_ms(kept.roll)),
        "message.timestamp.type": "LogAppendTime",
    }
