"""The names of spans and of what they say. What is not named here never leaves a process.

Names that do not begin with `beholden.` are OpenTelemetry's semantic conventions, 1.44; a test holds them against the
published package. No key is for pixels, vectors, cosines, names or references of people.
"""

from collections.abc import Mapping

Value = str | int | float | bool

LONGEST_BYTES = 256
_BEYOND = 2**63  # whole numbers have 64 bits

SYSTEM = "messaging.system"
OPERATION = "messaging.operation.name"
OPERATION_TYPE = "messaging.operation.type"
TOPIC = "messaging.destination.name"
PARTITION = "messaging.destination.partition.id"
OFFSET = "messaging.kafka.offset"
GROUP = "messaging.consumer.group.name"
BATCH_MESSAGES = "messaging.batch.message_count"
MESSAGE_ID = "messaging.message.id"
ERROR = "error.type"
KAFKA = "kafka"

CAMERA = "beholden.camera"
STAGE = "beholden.stage"
OUTCOME = "beholden.outcome"
REASON = "beholden.reason"
KEPT = "beholden.kept"  # why this trace is kept
AGE_MS = "beholden.frame.age_ms"
FACES = "beholden.faces"
GATED = "beholden.faces.gated"
BATCH = "beholden.batch.frames"
POLICY_DIGEST = "beholden.policy.digest"
POLICY = "beholden.policy.number"
SHARD = "beholden.shard"
REPLICA = "beholden.replica"
ROWS = "beholden.search.rows"
OWN_MS = "beholden.search.own_ms"  # what the shard itself took
FAILED = "beholden.search.failed"

SERVICE = "service.name"
NAMESPACE = "service.namespace"
VERSION = "service.version"
INSTANCE = "service.instance.id"
HOST = "host.name"
PID = "process.pid"
CLUSTER = "beholden.cluster"

OF_SPANS = frozenset(
    (
        *(SYSTEM, OPERATION, OPERATION_TYPE, TOPIC, PARTITION, OFFSET, GROUP, BATCH_MESSAGES, MESSAGE_ID, ERROR),
        *(CAMERA, STAGE, OUTCOME, REASON, KEPT, AGE_MS, FACES, GATED, BATCH, POLICY_DIGEST, POLICY),
        *(SHARD, REPLICA, ROWS, OWN_MS, FAILED),
    )
)
OF_PROCESSES = frozenset((SERVICE, NAMESPACE, VERSION, INSTANCE, HOST, PID, CLUSTER))

SEND, RECEIVE, PROCESS, COMMIT = "send", "receive", "process", "commit"
FOLLOW = "follow frame"  # the root where no camera has begun a trace
IN_TOPIC, FOR_TURN, FOR_BATCH = "wait in topic", "wait for turn", "wait for batch"
DECODE, DETECT, GATE, EMBED, SEARCH = "decode", "detect", "gate and align", "embed", "search"
DECIDE, EVIDENCE = "decide", "seal evidence"
ASK_SHARD, SEARCH_SHARD = "ask shard", "search shard"


def of_topic(operation: str, topic: str) -> str:
    """Name of a span, by the semantic conventions: `send frames`."""
    return f"{operation} {topic}"


def kafka(operation: str, kind: str, topic: str) -> dict[str, Value]:
    """What every span about messages says.

    Args:
        operation: What is done, in Kafka's words.
        kind: The same in those of the conventions: `send`, `receive`, `process` or `settle`.
        topic: Where.
    """
    return {SYSTEM: KAFKA, OPERATION: operation, OPERATION_TYPE: kind, TOPIC: topic}


def allowed(attributes: Mapping[str, object], keys: frozenset[str] = OF_SPANS) -> dict[str, Value]:
    """What of these may leave the process: keys on the list, with a number, a flag or a short text.

    A text that is too long is left out whole: a part of what must not leave must not leave either.
    """
    return {key: value for key, value in attributes.items() if key in keys and _is_short(value)}  # type: ignore[misc]


def _is_short(value: object) -> bool:
    if isinstance(value, str):
        return len(value.encode(errors="surrogateescape")) <= LONGEST_BYTES
    return isinstance(value, float) or (isinstance(value, int) and -_BEYOND <= value < _BEYOND)
