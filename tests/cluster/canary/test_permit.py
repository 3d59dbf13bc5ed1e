"""Whether a canary may walk now, over a policy topic in memory."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from cluster.canary import permit as canary_permit
from cluster.canary.permit import Permit
from cluster.canary.probe import Place
from cluster.policies.book import PolicyBook
from cluster.wire.order import Action
from cluster.wire.release import Release
from operators.errors import SettingsRefused
from operators.hours import WEEKDAYS
from tests.builders import NOW, policy_document
from tests.releases import SIGNERS, approved, changed, order

SOUGHT = policy_document()["watchlists"]["sought"]
LATER = NOW + timedelta(days=3)


def release(number: int = 7, camera: str = "gate", **fields: Any) -> Release:
    """With a canary."""
    lists = {"sought": SOUGHT, "test": {**SOUGHT, "cameras": {}, "canary": camera}}
    return approved(changed(number, **{"watchlists": lists, **fields}))


@dataclass
class World:
    """The topic, and the canary's entry, which ends after a day whenever it is made."""

    book: PolicyBook = field(default_factory=lambda: PolicyBook("test", SIGNERS, {0: release()}))
    listed: list[datetime] = field(default_factory=list)
    contract: str = "c"
    now: datetime = NOW

    def plan(self, _: object = None, of: Release | None = None) -> Any:
        """Under a release."""
        contract = SimpleNamespace(digest=self.contract)
        return SimpleNamespace(settings=None, in_force=(of or release()).in_force, contract=contract)

    def be_listed(self, *_: object) -> datetime:
        """As `be_listed`."""
        self.listed.append(self.now)
        return self.now + timedelta(days=1)

    def permit(self, every_s: float | None = 120.0) -> Permit:
        """Of passages of ten seconds."""
        return Permit(self.plan(), None, b"", "ada", 10.0, every_s, self.now)

    def ask(self, permit: Permit, at: datetime = NOW) -> str | None:
        """Then."""
        self.now = at
        return permit.ask(at)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    """In the place of Kafka."""
    found = World()
    monkeypatch.setattr(canary_permit, "read_book", lambda *_: found.book)
    monkeypatch.setattr(canary_permit, "with_release", found.plan)
    monkeypatch.setattr(canary_permit, "be_listed", found.be_listed)
    return found


def test_it_walks_where_the_policy_in_force_says(world: World) -> None:
    """Not where the cluster file's says, which may be an old one."""
    world.book.releases[1] = release(8, camera="hall", watchlists={"test": {**SOUGHT, "cameras": {}, "canary": "hall"}})
    permit = world.permit()
    assert permit.place == Place("test", "hall", "test")
    assert world.ask(permit) is None


def test_it_does_not_walk_while_it_is_stopped(world: World) -> None:
    """Its frames would be shed, and somebody woken since nobody is alerted about; a stop may come at any time."""
    permit = world.permit()
    assert world.ask(permit) is None
    world.book.stopped_by = order(Action.STOP, "dan")
    assert world.ask(permit) == permit.halted == "stopped by dan: the test"
    world.book.stopped_by = None
    assert world.ask(permit) is None


def test_what_was_stopped_during_a_passage_is_told_afterwards(world: World) -> None:
    """Also when somebody has resumed by then, and when the policy is gone; that its hours end soon stopped nothing."""
    at_noon = {"zone": "Europe/London", "windows": {day: ["08:00-12:01"] for day in WEEKDAYS}}
    world.book.releases[1] = release(8, hours=at_noon)
    permit = world.permit()
    assert world.ask(permit) is None
    assert permit.ask_again(NOW + timedelta(seconds=59)) is None
    assert permit.ask_again(NOW + timedelta(seconds=61)) == "outside the hours of policy 8"
    stop, resume = order(Action.STOP, "dan"), order(Action.RESUME, "eve")
    world.book.stopped_by = world.book.last_order = stop
    assert permit.ask_again(NOW) == "stopped by dan: the test"
    assert world.ask(permit) is not None
    world.book.stopped_by, world.book.last_order = None, resume
    assert permit.ask_again(NOW) == "resume by eve: the test"
    assert world.ask(permit) is None
    assert permit.ask_again(NOW) is None
    world.book.releases.clear()
    assert "no policy of test is in force" in str(permit.ask_again(NOW))


def test_it_does_not_walk_where_there_is_no_time_for_a_passage(world: World) -> None:
    """Before the end of the policy's hours as after it, and without any policy."""
    at_noon = {"zone": "Europe/London", "windows": {day: ["08:00-12:01"] for day in WEEKDAYS}}
    world.book.releases[1] = release(8, hours=at_noon)
    permit = world.permit()
    assert world.ask(permit, NOW + timedelta(seconds=49)) is None
    assert world.ask(permit, NOW + timedelta(seconds=51)) == "outside the hours of policy 8"
    assert world.ask(permit, NOW + timedelta(seconds=61)) == "outside the hours of policy 8"
    world.book.releases.clear()
    assert "no policy of test is in force" in str(world.ask(permit))


def test_its_entry_is_made_anew_when_it_ends(world: World) -> None:
    """Or when other models are in force; not at each passage, for it takes reading the whole list."""
    permit = world.permit()
    for minutes in range(3):
        world.ask(permit, NOW + timedelta(minutes=minutes))
    assert len(world.listed) == 1
    world.ask(permit, NOW + timedelta(days=1, seconds=-5))
    assert len(world.listed) == 2
    world.contract = "d"
    world.book.releases[1] = release(8)
    world.ask(permit, NOW + timedelta(days=1))
    assert len(world.listed) == 3


def test_a_policy_without_a_canary_says_how_to_get_one(world: World) -> None:
    """Which camera and which list, the policy must say."""
    world.book.releases[0] = release(7, watchlists={"sought": SOUGHT})
    with pytest.raises(SettingsRefused, match=r"policy 7 does not say .*'canary: CAMERA'"):
        world.permit()


def test_a_canary_that_is_elsewhere_from_now_on_is_started_anew(world: World) -> None:
    """What is counted is of one camera and one list."""
    permit = world.permit()
    world.book.releases[1] = release(8, watchlists={"test": {**SOUGHT, "cameras": {}, "canary": "hall"}})
    with pytest.raises(SettingsRefused, match="policy 8 has the canary elsewhere"):
        world.ask(permit)


def test_a_canary_cannot_walk_more_often_than_it_is_alerted_about(world: World) -> None:
    """It is said how often it can, also when a policy is quiet for longer from now on; one passage is no matter."""
    with pytest.raises(SettingsRefused, match="it takes 72 s or more"):
        world.permit(71.0)
    world.permit(None)
    permit = world.permit(72.0)
    world.book.releases[1] = release(8, sightings={**policy_document()["sightings"], "cool_down_s": 61})
    with pytest.raises(SettingsRefused, match="it takes 73 s or more"):
        world.ask(permit)
