"""How long anything is kept is what was signed: no file beside the policy has a say, one person only shortens it."""

import copy
from collections.abc import Iterator
from typing import Any

import pytest

from cluster.kafka.admin import _topics
from cluster.kafka_settings import KafkaSettings
from cluster.policies.book import PolicyBook, Refused
from cluster.policies.signatures import Role
from cluster.settings import ClusterSettings
from cluster.wire.release import encode_release
from operators.retention import lasts_ms
from tests.builders import NOW, policy_document
from tests.releases import EVIDENCE, SIGNERS, SOON, approved, changed, damaged, in_topic, proposed, signed

FIRST = approved(changed())
KEPT: dict[str, Any] = policy_document()["retention"]
NUMBERS = [(topic, part) for topic, kept in KEPT.items() if isinstance(kept, dict) for part in kept]


def longer(topic: str, part: str) -> dict[str, Any]:
    """The retention with one number longer, and no other that had to follow it."""
    found = copy.deepcopy(KEPT)
    number, unit = found[topic][part].split()
    more = f"{lasts_ms(found[topic][part]) // 1000 + 1} s"
    found[topic][part] = more if topic != "ledger" and part != "at_most" else f"{int(number) + 1} {unit}"
    return found


def followed(values: list[bytes]) -> Iterator[bool]:
    """Which documents of the topic come into force."""
    book = PolicyBook("test", SIGNERS)
    return (not isinstance(book.take(in_topic(value, at), NOW), Refused) for at, value in enumerate(values))


@pytest.mark.parametrize(("topic", "part"), NUMBERS)
def test_nobody_lengthens_it_alone(topic: str, part: str) -> None:
    """Neither by a policy of their own, nor by a change of what was signed; two people do, for a time."""
    retention = longer(topic, part)
    one, two = changed(8, retention=retention), changed(8, retention=retention)
    alone = signed(proposed(one, FIRST, expires_at=SOON, evidence_sha256=EVIDENCE), ada=Role.PROPOSE)
    assert list(followed([encode_release(FIRST), encode_release(alone)])) == [True, False]
    both = approved(two, FIRST, expires_at=SOON, evidence_sha256=EVIDENCE)
    assert list(followed([encode_release(FIRST), encode_release(both)])) == [True, True]
    assert both.proposal.loosens == (f"retention.{topic}.{part}",)
    forged = damaged(encode_release(FIRST), policy={**policy_document(), "people": "real", "retention": retention})
    assert list(followed([forged])) == [False]


def test_no_file_beside_the_policy_says_how_long() -> None:
    """A cluster file names none, and topics are made of the policy alone."""
    assert "retention" not in ClusterSettings.__dataclass_fields__
    policy = changed(8, retention=longer("alerts", "keep")).policy
    assert _topics(KafkaSettings(), policy.retention)["alerts"]["configs"]["retention.ms"] == str(22 * 3_600_000 + 1000)
