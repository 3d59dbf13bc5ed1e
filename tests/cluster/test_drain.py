"""Whom an operator means."""

import pytest

from cluster.account import Account
from cluster.recogniser_status import RecogniserStatus
from cluster.status import DRAINED, WATCHING, Member
from operators.errors import DeploymentFailed
from tests.untold import drain


def lane(slot: int, node: str) -> Member:
    """A recogniser at work on a machine."""
    status = RecogniserStatus(slot, 7, node, WATCHING, {}, 0.0, 1, "d" * 64, "CPU", 0, None, Account().summary())
    return Member(f"recogniser-{slot}", WATCHING, status)


MEMBERS = [
    Member("shard-0-of-1-r0", "ready"),
    lane(0, "left"),
    lane(1, "right"),
    lane(2, "left"),
    Member("recogniser-3", DRAINED),
]


def test_recognisers_are_chosen_by_name_and_by_machine() -> None:
    """In the order of the status, whatever the order of the names."""
    assert drain.chosen(MEMBERS, ["recogniser-3", "recogniser-1"], None) == ["recogniser-1", "recogniser-3"]
    assert drain.chosen(MEMBERS, [], "left") == ["recogniser-0", "recogniser-2"]
    assert drain.chosen(MEMBERS, ["recogniser-1"], "left") == ["recogniser-0", "recogniser-1", "recogniser-2"]
    assert drain.chosen(MEMBERS, [], None) == []


@pytest.mark.parametrize(
    ("names", "node", "words"),
    [
        (["recogniser-9"], None, "there is no recogniser-9: there are recogniser-0, recogniser-1, recogniser-2, rec"),
        (["shard-0-of-1-r0"], None, "there is no shard-0-of-1-r0"),
        ([], "middle", "no recogniser is on middle: they are on left, right"),
    ],
)
def test_one_that_is_not_there_is_refused_with_those_that_are(names: list[str], node: str | None, words: str) -> None:
    """Nothing is done to the others that were named."""
    with pytest.raises(DeploymentFailed, match=words):
        drain.chosen(MEMBERS, names, node)


def test_a_machine_cannot_be_chosen_while_it_is_not_known_who_is_there() -> None:
    """One that says nothing might be; a name is enough for the others."""
    members = [*MEMBERS, Member("recogniser-4", "restarting")]
    with pytest.raises(DeploymentFailed, match="not known where recogniser-4 is: try again"):
        drain.chosen(members, [], "left")
    assert drain.chosen(members, ["recogniser-0"], None) == ["recogniser-0"]
