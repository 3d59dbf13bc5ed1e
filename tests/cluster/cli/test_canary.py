"""What `beholden canary` refuses before anything is shown to a camera, and what it counts."""

from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from typing import Any, cast
from unittest.mock import Mock

import click
import pytest

from cluster.canary import listed
from cluster.canary.listed import REF, be_listed
from cluster.canary.probe import Place, Probe
from cluster.cli import canary as command
from cluster.cli.canary import _round, _served, _walk
from cluster.settings import KafkaSettings
from cluster.watchlists.register import Register
from operators.errors import BrokerUnavailable, SettingsRefused
from tests.builders import CONTRACT, NOW, TOMORROW, entry_record

PLACE = Place("test", "gate", "sought")


def test_an_address_that_is_taken_is_refused() -> None:
    """Whoever asked for it would wait for metrics in vain."""
    probe = Probe(PLACE, b"", lambda: NOW, 1.0)
    with ExitStack() as stack:
        stack.enter_context(_served(None, probe))
        with pytest.raises(click.BadParameter, match="name an address that is free"):
            stack.enter_context(_served("127.0.0.1", probe))


@pytest.mark.parametrize(
    ("there", "is_listed"),
    [
        ({}, False),
        ({"not_after": TOMORROW}, True),
        ({"not_after": NOW}, False),
        ({"not_after": TOMORROW, "watchlist": "other"}, False),
    ],
)
def test_nobody_is_listed_who_has_no_name_behind_it(
    monkeypatch: pytest.MonkeyPatch, there: dict[str, Any], is_listed: bool
) -> None:
    """Somebody answers for every entry; one that is there and in force is left as it is."""
    register = Register({REF: entry_record(REF, **there)} if there else {})
    monkeypatch.setattr(listed, "read_register", lambda _: register)
    monkeypatch.setattr(listed, "datetime", Mock(now=lambda _: NOW))
    plan = Mock(contract=Mock(digest=CONTRACT))
    if is_listed:
        assert be_listed(plan, PLACE, b"", None) == TOMORROW
    else:
        with pytest.raises(SettingsRefused, match="--by NAME"):
            be_listed(plan, PLACE, b"", None)


def test_an_entry_of_other_models_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not searched for."""
    record = entry_record(REF, not_after=TOMORROW)
    foreign = replace(record, entry=replace(record.entry, contract="0" * 64))
    monkeypatch.setattr(listed, "read_register", lambda _: Register({REF: foreign}))
    monkeypatch.setattr(listed, "datetime", Mock(now=lambda _: NOW))
    with pytest.raises(SettingsRefused, match="--by NAME"):
        be_listed(Mock(contract=Mock(digest=CONTRACT)), PLACE, b"", None)


def test_an_entry_that_ends_before_a_passage_is_over_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody would be alerted about."""
    register = Register({REF: entry_record(REF, not_after=TOMORROW)})
    monkeypatch.setattr(listed, "read_register", lambda _: register)
    monkeypatch.setattr(listed, "datetime", Mock(now=lambda _: TOMORROW - timedelta(seconds=5)))
    plan = Mock(contract=Mock(digest=CONTRACT))
    assert be_listed(plan, PLACE, b"", None, 4.0) == TOMORROW
    with pytest.raises(SettingsRefused, match="--by NAME"):
        be_listed(plan, PLACE, b"", None, 10.0)


class Walked:
    """As `Probe`, of which some things fail."""

    def __init__(self, *fails: str) -> None:
        self.fails = fails
        self.done: list[str] = []

    def walk(self, *_: object) -> float:
        """A passage."""
        return self._do("walk")

    def wait(self, *_: object) -> None:
        """Until the next."""
        self._do("wait")

    def expect(self, _: float) -> None:
        """The next."""
        self._do("expect")

    def fail(self) -> None:
        """One that could not be shown."""
        self._do("fail")

    def _do(self, what: str) -> float:
        self.done.append(what)
        if what in self.fails:
            raise BrokerUnavailable("gone")
        return 1.0


@pytest.fixture
def kafka(monkeypatch: pytest.MonkeyPatch) -> None:
    """None is asked."""
    monkeypatch.setattr("cluster.kafka.reader.TopicReader", lambda *_, **__: Mock(poll=lambda _: []))
    monkeypatch.setattr("cluster.frame_publisher.KafkaFramePublisher", lambda *_: Mock())


@pytest.mark.usefixtures("kafka")
@pytest.mark.parametrize(
    ("fails", "done", "took_s"),
    [((), ["walk", "wait"], 1.0), (("walk",), ["walk", "fail"], None), (("wait",), ["walk", "wait"], 1.0)],
)
def test_a_passage_is_counted_once_whatever_fails(fails: tuple[str, ...], done: list[str], took_s: float) -> None:
    """Also when it was over, and Kafka goes away while late alerts are waited for."""
    probe = Walked(*fails)
    assert _walk(cast("Probe", probe), KafkaSettings(), 10.0, 60.0) == took_s
    assert probe.done == done


@pytest.mark.parametrize(
    ("before", "now", "done"),
    [
        (None, None, ["expect", "walked"]),
        (None, "stopped", ["expect"]),
        ("stopped", None, ["expect", "walked"]),
        (None, BrokerUnavailable("gone"), ["expect", "fail"]),
        ("stopped", BrokerUnavailable("gone"), ["expect"]),
    ],
)
def test_there_is_no_passage_and_none_is_missed_while_nothing_is_looked_at(
    monkeypatch: pytest.MonkeyPatch, before: str | None, now: str | Exception | None, done: list[str]
) -> None:
    """Without Kafka nobody is alerted about, unless nobody was to be."""
    probe = Walked()
    monkeypatch.setattr(command, "_walk", lambda *_: probe.done.append("walked"))
    permit = Mock(halted=before, ask=Mock(side_effect=[now]))
    _round(cast("Probe", probe), permit, 10.0, 60.0)
    assert probe.done == done
