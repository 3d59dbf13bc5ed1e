"""Which copy of an alert is explained, and by which policies."""

import json
from dataclasses import replace

import pytest

from cluster.ports import Record
from cluster.privacy.explain import AlertUnreadable
from cluster.privacy.explain_records import choose, policies
from cluster.wire.release import encode_release
from tests.builders import Lane, record
from tests.releases import approved, changed, in_topic


def _alerts(*lanes: Lane) -> list[Record]:
    return [
        record(message.value, n, headers=dict(message.headers))
        for n, message in enumerate(each for lane in lanes for each in lane.alerts.messages)
    ]


def test_of_two_copies_the_one_whose_evidence_is_there_is_explained() -> None:
    """A process that was killed leaves an alert twice, each with evidence of its own."""
    first, second = Lane(), Lane()
    first.run([record(b"anna")])
    second.run([record(b"anna")])
    found = _alerts(first, second)
    name = json.loads(found[0].value)["alert_id"]
    assert json.loads(found[1].value)["alert_id"] == name
    for lane, alert in zip((first, second), found, strict=True):
        assert choose(name, found, [each.value for each in lane.evidence.messages]) == alert.value
    assert choose(name, found, []) == found[1].value
    broken = replace(found[0], value=b"not an alert")
    assert choose(name, [broken, found[1]], [each.value for each in second.evidence.messages]) == found[1].value


def test_an_alert_that_is_not_there_is_told_of() -> None:
    """With what it may be."""
    with pytest.raises(AlertUnreadable, match="no alert 0123 in topic alerts: is the id right"):
        choose("0123", [], [])


def test_every_policy_that_was_released_is_found_by_its_digest() -> None:
    """Also one that another has followed."""
    first, second = approved(changed(7)), approved(changed(8))
    found = policies([in_topic(encode_release(first)), in_topic(encode_release(second), 1)])
    assert found == {first.digest: first.in_force, second.digest: second.in_force}


def test_what_is_no_release_gives_no_policy() -> None:
    """Orders stand in the same topic."""
    assert policies([record(b"{}"), record(b"")]) == {}
