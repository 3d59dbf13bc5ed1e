"""Who is called when a process ends, and who is sent back when all are at work."""

import pytest

from cluster.account import Account
from cluster.recogniser_status import STANDING_BY, RecogniserStatus
from cluster.standbys import Standbys
from cluster.status import WATCHING, Member

EVER, LONG_AGO = float("inf"), float("-inf")
GONE = "restarting"


class World:
    """Two recognisers at work and two that stand by, as they were last heard."""

    def __init__(self) -> None:
        self.members = {name: member(name, state) for name, state in zip("abyz", STATES, strict=True)}
        self.told: list[str] = []
        self.standbys = Standbys("yz", self._tell)

    def end(self, name: str) -> None:
        """A process ends; that is how it is heard from now on."""
        self.standbys.replace(name, self.members)
        self.members[name] = Member(name, GONE)

    def hear(self, asked_s: float = EVER, **states: str) -> None:
        """Everybody is heard: those named in another state than before."""
        self.members |= {name: member(name, state) for name, state in states.items()}
        self.standbys.send_back(self.members, asked_s)

    def _tell(self, name: str, is_so: bool) -> None:
        self.told.append(f"{name} {'back' if is_so else 'goes'}")


STATES = (WATCHING, WATCHING, STANDING_BY, STANDING_BY)


def member(name: str, state: str) -> Member:
    """A recogniser that says so."""
    status = RecogniserStatus(0, 7, "here", state, {}, 0.0, 1, "d" * 64, "CPU", 0, None, Account().summary())
    return Member(name, state, status)


@pytest.fixture
def world() -> World:
    """Before anything has happened."""
    return World()


def test_each_that_ends_is_made_up_for_by_another_until_there_is_none(world: World) -> None:
    """Nobody is called twice, not even before it is heard to be at work."""
    world.end("a")
    world.end("b")
    assert world.told == ["y goes", "z goes"]
    world.hear(y=WATCHING, z=WATCHING)
    assert world.told == ["y goes", "z goes"], "those that have ended are not back yet"


def test_one_that_is_called_and_ends_is_made_up_for_as_well(world: World) -> None:
    """Whether it has been heard at work or not."""
    world.end("a")
    world.end("y")
    assert world.told == ["y goes", "z goes"]


def test_one_that_ends_while_it_stands_by_is_missed_by_nobody(world: World) -> None:
    """Ray starts it anew."""
    world.end("z")
    assert world.told == []


def test_one_that_was_not_wanted_any_more_is_not_made_up_for(world: World) -> None:
    """It has left in order."""
    world.standbys.replace("c", world.members)
    assert world.told == []


def test_they_go_back_when_everybody_else_is_at_work(world: World) -> None:
    """And can be called again."""
    world.end("a")
    world.hear(y=WATCHING)
    world.hear(a=WATCHING)
    world.hear(y=STANDING_BY)
    assert world.told == ["y goes", "y back"]
    world.end("b")
    assert world.told == ["y goes", "y back", "y goes"]


def test_what_was_said_before_somebody_ended_sends_nobody_back(world: World) -> None:
    """All seem to be at work then."""
    world.standbys.replace("a", world.members)
    world.hear(asked_s=LONG_AGO, y=WATCHING)
    assert world.told == ["y goes"]
    world.hear()
    assert world.told == ["y goes", "y back"]


def test_the_last_one_at_work_is_not_sent_back(world: World) -> None:
    """All others were drained meanwhile: that nobody else is away does not mean that somebody watches."""
    world.end("a")
    world.members = {name: world.members[name] for name in "yz"}
    world.hear(y=WATCHING)
    assert world.told == ["y goes"]


def test_one_that_another_supervisor_has_called_is_sent_back(world: World) -> None:
    """That one is gone, and with it what it knew."""
    world.hear(z=WATCHING)
    assert world.told == ["z back"]
