import json
from datetime import timedelta
from typing import Any

import pytest

from cluster.account import Shed
from cluster.wire.ledger import LedgerInvalid, encode_event, parse_event
from cluster.wire.shed import ShedInterval, encode_shed, parse_shed
from tests.builders import NOW
from tests.cluster.wire.test_ledger import event

INTERVAL = ShedInterval(
    at=NOW,
    deployment="test",
    policy_digest="d" * 64,
    writer="recogniser-0",
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
    """In one line of canonical JSON with the ledger's envelope."""
    value = encode_shed(INTERVAL)
    assert parse_shed(value) == INTERVAL
    body = json.loads(value)
    assert (body["form"], body["type"]) == ("beholden.ledger.v1", "frames.shed")
    assert list(body) == sorted(body)


def test_the_ledgers_records_are_told_apart() -> None:
    """Changes of lists are no intervals, and intervals are no changes."""
    assert parse_shed(encode_event(event())) is None
    assert parse_event(encode_shed(INTERVAL)) is None


@pytest.mark.parametrize(
    "changes",
    [
        {"form": "x"},
        {"frames": 0},
        {"frames": "1"},
        {"reason": "bored"},
        {"cameras": "gate"},
        {"cameras": [1]},
        {"partition": None},
        {"first": None},
        {"begin": "yesterday"},
        {"at": 5},
        {"writer": 5},
    ],
)
def test_what_is_no_record_of_the_ledger_is_refused(changes: dict[str, Any]) -> None:
    """Every member is of its kind."""
    with pytest.raises(LedgerInvalid):
        parse_shed(json.dumps({**json.loads(encode_shed(INTERVAL)), **changes}).encode())
