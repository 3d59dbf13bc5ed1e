"""The evidence of an alert: sealed, acknowledged before the alert, and of the one face that it is about."""

import hashlib
import json

import numpy as np
import pytest

from cluster.account import Shed
from cluster.policies.standing import Halt
from cluster.wire.evidence import parse_evidence
from operators.errors import BrokerUnavailable
from tests.builders import EVIDENCE_KEY, Lane, outcomes, record


def test_an_alert_names_evidence_that_opens_with_the_key_and_its_own_id() -> None:
    """Both digests hold; another alert's id opens nothing."""
    lane = Lane()
    lane.run([record(b"blurred stranger anna bert")])
    alerts = [json.loads(message.value) for message in lane.alerts.messages]
    assert [message.key for message in lane.evidence.messages] == [alert["alert_id"] for alert in alerts]
    for alert, message in zip(alerts, lane.evidence.messages, strict=True):
        named = alert["evidence"]
        assert named["sha256"] == hashlib.sha256(message.value).hexdigest()
        assert dict(message.headers)["key_id"].decode() == named["key_id"] == EVIDENCE_KEY.id
        opened = EVIDENCE_KEY.open(message.value, alert["alert_id"])
        assert opened is not None
        evidence = parse_evidence(opened, alert["alert_id"])
        assert named["crop_sha256"] == evidence.crop_sha256
        np.testing.assert_array_equal(evidence.face.boxes[0], np.float32(alert["face"]["box_px"]))
        assert EVIDENCE_KEY.open(message.value, "another") is None


def test_nobody_else_leaves_evidence() -> None:
    """A stranger, a face below the gates, one who has been alerted about already."""
    lane = Lane()
    lane.run([record(b"blurred stranger", 0), record(b"anna", 1), record(b"anna", 2)])
    assert len(lane.evidence.messages) == len(lane.alerts.messages) == 1


def test_no_alert_is_written_before_its_evidence_is_there() -> None:
    """Evidence that is not acknowledged ends the process: no alert, no commit."""
    lane = Lane()
    lane.evidence.acknowledges = False
    with pytest.raises(BrokerUnavailable):
        lane.run([record(b"anna")])
    assert not lane.alerts.messages
    assert not lane.source.stored


def test_what_another_process_has_alerted_about_is_not_sealed_again() -> None:
    """Its evidence was there before its alert was."""
    first, second = Lane(), Lane()
    first.run([record(b"anna")])
    second.source.records.append(record(b"anna"))
    pipeline = second.pipeline()
    pipeline.recall([message.value for message in first.alerts.messages])
    pipeline.step(0)
    assert not second.evidence.messages


def test_a_stop_that_comes_while_evidence_is_on_its_way_stops_the_alert() -> None:
    """What is ordered while a broker takes its time holds for what has not been written."""
    lane = Lane(halting=lambda _: Halt(Shed.STOPPED, "the test") if lane.evidence.messages else None)
    lane.run([record(b"anna", 0), record(b"bert", 1)])
    assert len(lane.evidence.messages) == 1
    assert not lane.alerts.messages
    assert outcomes(lane.account) == {("shed", "stopped"): 2}
    assert lane.source.stored == {("frames", 0): 2}
