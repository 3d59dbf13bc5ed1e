"""Who is in a group, also as long as the broker itself does not know it yet."""

from typing import Any

import pytest
from kafka.errors import CoordinatorLoadInProgressError, CoordinatorNotAvailableError, GroupIdNotFoundError

from cluster.kafka import groups
from cluster.kafka.groups import expel, has_member
from cluster.kafka_settings import KafkaSettings
from operators.errors import BrokerUnavailable

MEMBERS = [{"client_id": "recogniser-0", "member_id": "recogniser-0-1"}]
THERE = {"error": None, "members": MEMBERS}
LOADING = {"error": str(CoordinatorLoadInProgressError("")), "members": []}
UNKNOWN = {"error": str(GroupIdNotFoundError("")), "members": []}


class Client:
    """As `KafkaAdminClient`: answers one after the other, the last one for ever."""

    def __init__(self, answers: list[Any]) -> None:
        self.answers = answers
        self.removed: list[str] = []

    def describe_groups(self, groups: list[str]) -> dict[str, Any]:
        """What kafka-python makes of an answer; the error of a group is text in it."""
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return {groups[0]: answer}

    def remove_group_members(self, _: str, members: list[Any]) -> None:
        """Note them."""
        self.removed += [each.member_id for each in members]

    def close(self) -> None:
        """Nothing."""


def client(monkeypatch: pytest.MonkeyPatch, *answers: Any) -> Client:
    """In the place of every client that is opened."""
    found = Client(list(answers))
    monkeypatch.setattr(groups, "KafkaAdminClient", lambda **_: found)
    monkeypatch.setattr(groups, "COORDINATOR_RETRY_S", 0.0)
    return found


def test_a_coordinator_that_still_reads_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """No members and a text is no answer: whoever was there stays a member for 10 s, and all others wait for them."""
    found = client(monkeypatch, CoordinatorNotAvailableError(), LOADING, LOADING, THERE)
    assert expel(KafkaSettings(), "group", "recogniser-0") == 1
    assert found.removed == ["recogniser-0-1"]


def test_a_group_that_was_never_there_has_no_members(monkeypatch: pytest.MonkeyPatch) -> None:
    """At the first start."""
    client(monkeypatch, UNKNOWN)
    assert expel(KafkaSettings(), "group", "recogniser-0") == 0
    assert not has_member(KafkaSettings(), "group", "recogniser-0")


def test_a_coordinator_that_reads_for_ever_is_a_broker_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not an empty group."""
    client(monkeypatch, LOADING)
    monkeypatch.setattr(groups, "COORDINATOR_S", 0.0)
    with pytest.raises(BrokerUnavailable, match="CoordinatorLoadInProgress"):
        has_member(KafkaSettings(), "group", "recogniser-0")
