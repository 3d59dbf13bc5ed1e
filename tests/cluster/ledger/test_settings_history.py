"""What was in force when is told by the ledger alone."""

import hashlib
from datetime import datetime, timedelta
from typing import Any

import pytest
import rfc8785

from cluster.clocks import HandClock
from cluster.ledger.settings_history import SettingsHistory
from cluster.ledger.writer import LedgerWriter
from cluster.memory_io import MemorySink
from cluster.wire.ledger import LedgerInvalid, parse_record
from cluster.wire.policy_records import FOLLOWED, followed_body
from cluster.wire.settings import APPLIED, IN_FORCE
from cluster.wire.text import format_time
from operators.errors import SettingsRefused
from tests.builders import NOW, policy_document


def minutes(count: float) -> datetime:
    """So many after the beginning."""
    return NOW + timedelta(minutes=count)


class Told:
    """A ledger that is told of policies."""

    def __init__(self) -> None:
        self.clock = HandClock(NOW)
        self.topic = MemorySink()
        self.writers: dict[str, LedgerWriter] = {}

    def write(self, minute: float, writer: str, kind: str, body: dict[str, Any]) -> None:
        """A record of that minute."""
        self.clock.time = minutes(minute)
        if writer not in self.writers:
            self.writers[writer] = LedgerWriter(self.topic, "test", writer, "d" * 64, self.clock)
        self.writers[writer].write(kind, body)

    def apply(self, minute: float, number: int, expires_at: str | None = None, **changes: Any) -> str:
        """A policy is put in force; its digest."""
        document = {**policy_document(), "policy": number, **changes}
        digest = hashlib.sha256(rfc8785.dumps(document)).hexdigest()
        signatures = [{"by": name, "role": "approve", "key_id": "k", "signature": "s"} for name in ("anna", "bert")]
        proposal = {"by": "anna", "why": f"because {number}", "expires_at": expires_at}
        body = {"number": number, "digest": digest, "document": document, "proposal": proposal}
        self.write(minute, "policy-desk", APPLIED, {**body, "signatures": signatures})
        return digest

    def goes_by(self, minute: float, writer: str, number: int, digest: str, since: float | None = None) -> None:
        """A recogniser says what it goes by."""
        begin = format_time(minutes(minute if since is None else since))
        self.write(minute, writer, IN_FORCE, {"number": number, "digest": digest, "since": begin})

    def ends(self, minute: float, writer: str) -> None:
        """In order."""
        self.clock.time = minutes(minute)
        self.writers.pop(writer).end()

    def history(self) -> SettingsHistory:
        """What can be known of it."""
        return SettingsHistory.of(parse_record(message.value) for message in self.topic.messages)


def numbers(history: SettingsHistory, minute: float) -> list[tuple[str, int]]:
    """Who went by which policy."""
    return [(span.writer, span.number) for span in history.at(minutes(minute))]


def test_a_camera_has_the_thresholds_of_the_policy_that_was_in_force() -> None:
    """Its own where it has one; with gates, confirmation, and whose word it was."""
    told = Told()
    seven = told.apply(0, 7)
    told.goes_by(1, "recogniser-0", 7, seven)
    lists = {"sought": {**policy_document()["watchlists"]["sought"], "threshold": 0.8, "cameras": {"hall": 0.9}}}
    eight = told.apply(10, 8, watchlists=lists)
    told.goes_by(11, "recogniser-0", 8, eight)
    history = told.history()
    assert [
        (each.number, each.digest, dict(each.thresholds))
        for camera, minute in (("gate", 5), ("hall", 5), ("gate", 12), ("hall", 12))
        for each in history.of_camera(camera, minutes(minute))
    ] == [
        (7, seven, {"sought": 0.6}),
        (7, seven, {"sought": 0.7}),
        (8, eight, {"sought": 0.8}),
        (8, eight, {"sought": 0.9}),
    ]
    [found] = history.of_camera("gate", minutes(5))
    assert (found.floors, found.confidence, found.quality.min_face_width_px) == ({"sought": 0.5}, 0.7, 40)
    assert (found.confirm_frames, found.of_frames, found.cool_down_s, found.writers) == (1, 1, 60, ("recogniser-0",))
    assert found.applied.signers == ("anna", "bert")
    assert (found.applied.proposal["by"], found.applied.at) == ("anna", NOW)


def test_a_policy_is_in_force_when_a_recogniser_goes_by_it_and_not_when_it_was_decided() -> None:
    """From the moment of the change, which is told of a moment later, to the next."""
    told = Told()
    seven, eight = told.apply(0, 7), told.apply(10, 8)
    told.goes_by(1, "recogniser-0", 7, seven)
    told.goes_by(11, "recogniser-0", 8, eight, since=10.5)
    history = told.history()
    assert [numbers(history, minute) for minute in (0.9, 1, 10.4, 10.5, 99)] == [
        [],
        [("recogniser-0", 7)],
        [("recogniser-0", 7)],
        [("recogniser-0", 8)],
        [("recogniser-0", 8)],
    ]


def test_two_policies_are_told_of_while_recognisers_change_over() -> None:
    """Whoever has not changed over yet decides by the former."""
    told = Told()
    seven, eight = told.apply(0, 7), told.apply(10, 8)
    for name in ("recogniser-0", "recogniser-1"):
        told.goes_by(1, name, 7, seven)
    told.goes_by(11, "recogniser-0", 8, eight)
    told.goes_by(12, "recogniser-1", 8, eight)
    history = told.history()
    assert [(each.number, each.writers) for each in history.of_camera("gate", minutes(11.5))] == [
        (7, ("recogniser-1",)),
        (8, ("recogniser-0",)),
    ]
    assert [each.number for each in history.of_camera("gate", minutes(12))] == [8]


def test_saying_it_again_changes_nothing() -> None:
    """Every minute; memory grows with changes."""
    told = Told()
    seven = told.apply(0, 7)
    for minute in range(1, 30):
        told.goes_by(minute, "recogniser-0", 7, seven, since=1)
    history = told.history()
    assert len(history.spans) == 1
    assert numbers(history, 15) == [("recogniser-0", 7)]


def test_a_recogniser_that_ended_goes_by_nothing() -> None:
    """In order, at that moment; one that was killed, at the latest when it begins anew."""
    told = Told()
    seven = told.apply(0, 7)
    told.goes_by(1, "recogniser-0", 7, seven)
    told.ends(5, "recogniser-0")
    told.goes_by(1, "recogniser-1", 7, seven)
    del told.writers["recogniser-1"]
    told.goes_by(20, "recogniser-1", 7, seven)
    history = told.history()
    assert [numbers(history, minute) for minute in (4, 5, 25)] == [
        [("recogniser-0", 7), ("recogniser-1", 7)],
        [("recogniser-1", 7)],
        [("recogniser-1", 7)],
    ]
    assert next(span for span in history.spans if span.writer == "recogniser-1").until == minutes(20)


def test_outside_its_scope_a_policy_lets_nobody_be_searched_for() -> None:
    """Another camera, or a time before its start."""
    told = Told()
    digest = told.apply(0, 7, start="2026-01-31T12:05:00Z")
    told.goes_by(1, "recogniser-0", 7, digest)
    history = told.history()
    found = [
        history.of_camera(camera, minutes(at))[0].in_scope for camera, at in (("gate", 6), ("gate", 4), ("roof", 6))
    ]
    assert found == [True, False, False]


def test_a_policy_that_the_ledger_does_not_hold_is_not_guessed() -> None:
    """Nor one that is another than its record says."""
    told = Told()
    told.goes_by(1, "recogniser-0", 7, "f" * 64)
    with pytest.raises(LedgerInvalid, match="does not hold policy 7"):
        told.history().of_camera("gate", minutes(2))
    body = {"number": 7, "digest": "f" * 64, "document": policy_document(), "proposal": {}, "signatures": []}
    told.write(2, "policy-desk", APPLIED, body)
    with pytest.raises(LedgerInvalid, match="does not hold policy 7"):
        told.history().of_camera("gate", minutes(3))


def test_a_policy_of_another_version_is_told_of_only_when_it_is_asked_for() -> None:
    """What came before and after it can be known nevertheless."""
    told = Told()
    old, seven = told.apply(0, 6, more=1), told.apply(1, 7)
    told.goes_by(1, "recogniser-0", 6, old)
    told.goes_by(5, "recogniser-0", 7, seven)
    history = told.history()
    assert [each.number for each in history.of_camera("gate", minutes(6))] == [7]
    with pytest.raises(SettingsRefused, match="more"):
        history.of_camera("gate", minutes(2))


def test_after_a_stop_nobody_is_searched_for_by_those_who_follow_it() -> None:
    """Each stops and resumes when it says so; one that begins meanwhile has never looked."""
    told = Told()
    seven = told.apply(0, 7)
    for name in ("recogniser-0", "recogniser-1"):
        told.goes_by(1, name, 7, seven)
    about = {"by": "dan", "why": "wrong person"}
    told.write(2, "policy-desk", "order.stop", about)
    told.write(3, "recogniser-0", FOLLOWED, followed_body("stop", "0" * 64, minutes(2.5)))
    told.write(4, "recogniser-1", FOLLOWED, followed_body("stop", "0" * 64, minutes(4)))
    told.goes_by(5, "recogniser-2", 7, seven)
    told.write(6, "policy-desk", "order.resume", about)
    told.write(7, "recogniser-1", FOLLOWED, followed_body("resume", "1" * 64, minutes(7)))
    history = told.history()
    one, two, three = (tuple(f"recogniser-{number}" for number in range(count)) for count in (1, 2, 3))
    for minute, in_scope, is_ordered, stopped in (
        (1.9, True, False, ()),
        (2, True, True, ()),
        (2.5, True, True, one),
        (4, False, True, two),
        (5, False, True, three),
        (6, True, False, two),
        (7, True, False, one),
    ):
        [found] = history.of_camera("gate", minutes(minute))
        assert (found.in_scope, found.stopped, found.stopped_by is not None) == (in_scope, stopped, is_ordered), minute
    stop = history.stopped_by(minutes(3))
    assert stop
    assert (stop.by, stop.why, stop.at) == ("dan", "wrong person", minutes(2))


def test_once_a_loosening_has_expired_nobody_is_searched_for() -> None:
    """From that moment on; what is no time is told of."""
    told = Told()
    seven = told.apply(0, 7, expires_at=format_time(minutes(10)))
    told.goes_by(1, "recogniser-0", 7, seven)
    history = told.history()
    for minute, in_scope in ((9.9, True), (10, False)):
        [found] = history.of_camera("gate", minutes(minute))
        assert (found.in_scope, found.expires_at) == (in_scope, minutes(10))
    told.apply(11, 7, expires_at="soon")
    with pytest.raises(LedgerInvalid, match="when it expires"):
        told.history().of_camera("gate", minutes(5))
