from datetime import timedelta
from typing import Any

import pytest

from cluster.account import Shed
from cluster.wire.ledger import LedgerInvalid
from cluster.wire.list_events import parse_event
from cluster.wire.shed import SHED_TYPE, ShedInterval, parse_shed, shed_body
from tests.builders import NOW, ledger_value
from tests.cluster.wire.test_list_events import event, event_value

INTERVAL = ShedInterval(
    cameras=("gate",),
    topic="frames",
    partition=3,
    reason=Shed.SUPERSEDED,
    frames=17,
    first=4,
    last=30,
    begin=NOW - timedelta(seconds=2),
    end=NOW,
)


def test_an_interval_is_read_back() -> None:
    """As it was."""
    assert parse_shed(ledger_value(SHED_TYPE, shed_body(INTERVAL))) == INTERVAL


def test_the_ledgers_records_are_told_apart() -> None:
    """Changes of lists are no intervals, and intervals are no changes."""
    assert parse_shed(event_value(event())) is None
    assert parse_event(ledger_value(SHED_TYPE, shed_body(INTERVAL))) is None


@pytest.mark.parametrize(
    "changes",
    [
        {"frames": 0},
        {"frames": "1"},
        {"reason": "bored"},
        {"cameras": "gate"},
        {"cameras": [1]},
        {"partition": None},
        {"first": None},
        {"begin": "yesterday"},
        {"end": 5},
        {"topic": 5},
    ],
)
def test_what_is_no_interval_is_refused(changes: dict[str, Any]) -> None:
    """Every member is of its kind."""
    with pytest.raises(LedgerInvalid):
        parse_shed(ledger_value(SHED_TYPE, {**shed_body(INTERVAL), **changes}))
