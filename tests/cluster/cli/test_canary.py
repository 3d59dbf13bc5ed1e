"""What `beholden canary` refuses before anything is shown to a camera."""

from contextlib import ExitStack
from dataclasses import replace
from typing import Any
from unittest.mock import Mock

import click
import pytest

from cluster.canary import listed
from cluster.canary.listed import REF, be_listed
from cluster.canary.probe import Place, Probe
from cluster.cli.canary import _check_every, _place, _served
from cluster.watchlists.register import Register
from operators.errors import SettingsRefused
from tests.builders import CONTRACT, NOW, TOMORROW, entry_record, policy

PLACE = Place("test", "gate", "sought")


def test_a_policy_without_a_canary_says_how_to_get_one() -> None:
    """Which camera and which list, the policy must say."""
    with pytest.raises(SettingsRefused, match=r"policy 7 does not say .*'canary: CAMERA'"):
        _place(policy(), None)


def test_a_canary_cannot_walk_more_often_than_it_is_alerted_about() -> None:
    """It is said how often it can."""
    _check_every(72.0, policy(), 10.0)
    with pytest.raises(click.BadParameter, match="it takes 72 s or more"):
        _check_every(71.0, policy(), 10.0)


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
