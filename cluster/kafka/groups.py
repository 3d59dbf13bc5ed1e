"""Questions and changes to a consumer group, from outside."""

import time
from contextlib import closing
from typing import Any

from kafka import KafkaAdminClient
from kafka.admin import MemberToRemove
from kafka.errors import CoordinatorLoadInProgressError, GroupIdNotFoundError, RetriableError

from cluster.kafka.client import client_settings, translated
from cluster.kafka_settings import KafkaSettings

COORDINATOR_S = 10.0
COORDINATOR_RETRY_S = 0.1


def expel(kafka: KafkaSettings, group: str, member: str) -> int:
    """Take a member of a consumer group out of it, dead or alive; how many of that name there were.

    Its partitions are shared anew at once, not when its session has run out; if it lives, its commits are refused.

    Args:
        kafka: Which Kafka.
        group: The group.
        member: The name it gave itself (`client.id`).

    Raises:
        BrokerUnavailable: Kafka does not answer.
    """
    with (
        translated(kafka, f"taking {member} out of {group}"),
        closing(KafkaAdminClient(**client_settings(kafka))) as it,
    ):
        members = _members(it, group)
        found = [MemberToRemove(member_id=one["member_id"]) for one in members if one["client_id"] == member]
        if found:
            it.remove_group_members(group, found)
    return len(found)


def has_member(kafka: KafkaSettings, group: str, member: str) -> bool:
    """Whether a consumer group has a member that gave itself this name (`client.id`).

    Raises:
        BrokerUnavailable: Kafka does not answer.
    """
    with (
        translated(kafka, f"looking for {member} in {group}"),
        closing(KafkaAdminClient(**client_settings(kafka))) as it,
    ):
        return any(one["client_id"] == member for one in _members(it, group))


def members_of(kafka: KafkaSettings, group: str) -> list[str]:
    """The names that members of a consumer group have given themselves (`client.id`).

    Raises:
        BrokerUnavailable: Kafka does not answer.
    """
    with translated(kafka, f"looking into {group}"), closing(KafkaAdminClient(**client_settings(kafka))) as it:
        return sorted(one["client_id"] for one in _members(it, group))


def _members(admin: KafkaAdminClient, group: str) -> list[dict[str, Any]]:
    """Members of a group.

    A broker that has just started has no coordinator yet and makes one when it is asked; that one then reads for a
    moment who the members are. kafka-python 3.0.12 raises the one and hides the other: no members, and a text.
    """
    deadline = time.monotonic() + COORDINATOR_S
    while True:
        try:
            found = admin.describe_groups([group])[group]
            if not found["error"] or GroupIdNotFoundError.__name__ in found["error"]:
                return list(found["members"])
            raise CoordinatorLoadInProgressError(found["error"])
        except RetriableError:
            if time.monotonic() > deadline:
                raise
            time.sleep(COORDINATOR_RETRY_S)
