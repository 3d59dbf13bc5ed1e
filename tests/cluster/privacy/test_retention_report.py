import json
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from click.testing import CliRunner

from cluster import cli
from cluster.cli import retention
from cluster.kafka.reader import Extent
from cluster.kafka.topics import EVIDENCE
from cluster.ports import Record
from cluster.privacy.retention_check import ages
from cluster.privacy.retention_report import NONMATCHES, Line, Told, report, withdrawn_since
from cluster.wire.deletions import DONE, DataClass, Deletion, Method, Trigger, done_body
from cluster.wire.list_events import Change, Withdrawal, event_body
from cluster.wire.nonmatches import DROPPED, LATE, Dropped, dropped_body, late_body
from operators.types import FrameRef
from tests.builders import NOW, ledger_value, policy, profile
from tests.cluster.privacy.test_retention import configs
from tests.cluster.wire.test_list_events import event

HOUR = timedelta(hours=1)
AGES = ages(profile(), configs(profile()))
MINUTE = (NOW - HOUR, NOW - HOUR + timedelta(minutes=1))
SHREDDED = Deletion(
    DataClass.ALERT_EVIDENCE, "key k", "ada", Trigger.SUBJECT_REQUEST, Method.CRYPTO_SHRED, "uk-strict", NOW - HOUR
)


def told(*records: bytes) -> Told:
    """What these records of the ledger say."""
    found = Told("test", "d" * 64)
    for value in records:
        found.take(value)
    return found


def lines(said: Told | None = None, withdrawn_at: datetime | None = None, **extents: Extent) -> dict[str, Line]:
    """The report, by class."""
    named = {name.replace("_", "-"): extent for name, extent in extents.items()}
    return {line.of: line for line in report(policy(), AGES, named, withdrawn_at, said or Told("test", "d" * 64), NOW)}


def test_every_class_has_its_promise_its_age_and_what_is_gone() -> None:
    """What a policy says of, and what is kept for ever."""
    found = lines(alerts=Extent(NOW - 3 * HOUR, 7), withdrawn_at=NOW - 2 * HOUR)
    classes = [NONMATCHES, "frames", "alerts", EVIDENCE, "dead-letters", "ledger", "watchlist"]
    assert list(found) == [*classes, "policy", "ledger-heads"]
    alerts = found["alerts"]
    assert (alerts.promised_ms, alerts.age, alerts.gone, alerts.is_kept) == (24 * 3_600_000, 3 * HOUR, 7, True)
    assert alerts.possible_ms == next(age.total_ms for age in AGES if age.topic == "alerts")
    assert (found[EVIDENCE].oldest_at, found[EVIDENCE].age, found[EVIDENCE].gone) == (None, None, 0)
    assert found["watchlist"].age == 2 * HOUR


def test_what_is_older_than_promised_is_told() -> None:
    """Whatever the settings say; what is withdrawn waits for the next change of its part of the list."""
    assert lines(alerts=Extent(NOW - 24 * HOUR, 0))["alerts"].is_kept
    assert not lines(alerts=Extent(NOW - 25 * HOUR, 0))["alerts"].is_kept
    assert lines(withdrawn_at=NOW - 99 * HOUR)["watchlist"].is_kept
    endless = [replace(age, endless="for ever") for age in AGES]
    found = report(policy(), endless, {}, None, Told("test", "d" * 64), NOW)[1:]
    assert [line.of for line in found if line.is_kept] == ["policy", "ledger-heads"]


def test_what_is_kept_for_ever_is_never_too_old() -> None:
    """Whatever its age."""
    found = lines(policy=Extent(NOW - 99_999 * HOUR, 0))["policy"]
    assert (found.promised_ms, found.possible_ms, found.is_kept) == (None, None, True)
    assert retention._facts(found)["promised_s"] is None
    assert "kept for ever" in [cell for column in retention._report_table([found]).columns for cell in column.cells]


def test_a_clock_that_is_not_kafkas_breaks_no_promise() -> None:
    """Frames have the time of their camera, which may be behind; one that is ahead makes nothing younger than new."""
    behind, ahead = lines(frames=Extent(NOW - 99 * HOUR, 0))["frames"], lines(frames=Extent(NOW + HOUR, 0))["frames"]
    assert (behind.age, behind.is_kept) == (99 * HOUR, True)
    assert (ahead.age, ahead.is_kept) == (timedelta(0), True)
    assert retention._facts(ahead)["oldest_s"] == 0.0


def test_deletions_are_told_from_the_ledger_of_this_deployment() -> None:
    """When, how much, on whose word and why; what cannot be read is another command's to tell."""
    done = done_body(SHREDDED, NOW, 12, "gone", [])
    withdrawn = event_body(event(Change.WITHDRAWN, why=Withdrawal.FOUND))
    said = told(
        ledger_value(DONE, done), ledger_value(Change.WITHDRAWN, withdrawn), b"none", ledger_value(DONE, {}),
        ledger_value(DONE, done, deployment="other"), ledger_value("other", done),
    )  # fmt: skip
    found = lines(said)
    [shredded] = found[EVIDENCE].deletions
    assert (shredded.at, shredded.what) == (NOW, "12 documents: crypto_shred of key k, subject_request, ada")
    assert found["watchlist"].gone == 1
    assert found["watchlist"].deletions[0].what == f"one entry: found, {withdrawn['by']}"


def test_copies_of_the_list_that_were_removed_are_told_with_the_list() -> None:
    """They are no evidence."""
    swept = replace(SHREDDED, of=DataClass.LIST_SNAPSHOT, scope="the snapshot of shard-1", trigger=Trigger.LAYOUT)
    done = done_body(replace(swept, method=Method.REMOVED), NOW, 2, "gone", [])
    found = lines(told(ledger_value(DONE, done)))
    assert found[EVIDENCE].deletions == ()
    [removed] = found["watchlist"].deletions
    assert removed.what == "2 copies on disks: removed of the snapshot of shard-1, layout, ada"


def test_faces_without_a_match_are_counted_and_the_longest_is_told() -> None:
    """One that existed for longer than the policy allows breaks the promise, and says when."""
    dropped = Dropped(*MINUTE, faces=10, alerted=1, gated=2, dropped=7, max_ms=300, p99_ms=200)
    found = lines(told(ledger_value(DROPPED, dropped_body(dropped))))[NONMATCHES]
    assert (found.promised_ms, found.possible_ms, found.gone, found.is_kept) == (2000, 300, 9, True)
    late = lines(told(ledger_value(LATE, late_body(*MINUTE, 1, 3, 2500, 2000))))[NONMATCHES]
    assert not late.is_kept
    assert late.deletions[0].what == "3 faces after up to 2 s: too late"


def test_what_was_too_late_under_another_policy_does_not_break_the_promise_of_this_one() -> None:
    """It is listed, with its time: a ceiling that was lowered or raised since is not held against it."""
    dropped = Dropped(*MINUTE, faces=10, alerted=1, gated=2, dropped=7, max_ms=9000, p99_ms=200)
    before = {"policy_digest": "e" * 64}
    found = lines(
        told(
            ledger_value(DROPPED, dropped_body(dropped), **before),
            ledger_value(LATE, late_body(*MINUTE, 1, 3, 9000, 2000), **before),
        )
    )[NONMATCHES]
    assert (found.possible_ms, found.gone, found.is_kept, len(found.deletions)) == (None, 9, True, 1)


def test_what_was_withdrawn_and_can_still_be_read_is_found() -> None:
    """From the moment at which it was; who is listed is not counted, nor what is gone."""

    def at(hours: int, key: str, value: bytes) -> Record:
        return Record(FrameRef("watchlist", 0, hours), key.encode(), value, {}, hours * 3_600_000)

    def hour(*records: Record) -> float | None:
        found = withdrawn_since(records)
        return None if found is None else found.timestamp() / 3600

    assert hour() is None
    assert hour(at(1, "anna", b"entry"), at(2, "bert", b"entry"), at(3, "cleo", b"")) is None
    assert hour(at(1, "anna", b"entry"), at(2, "bert", b"entry"), at(5, "bert", b""), at(6, "anna", b"")) == 5
    assert hour(at(1, "anna", b"entry"), at(4, "anna", b"other")) == 4
    assert hour(at(3, "cleo", b""), at(5, "cleo", b"entry")) is None


@pytest.mark.parametrize(("hours", "status"), [(3, 0), (25, 1)])
def test_the_report_is_printed_for_people_and_for_machines(
    monkeypatch: pytest.MonkeyPatch, drawn: Any, hours: int, status: int
) -> None:
    """Exit status 1 when a promise is not kept."""
    monkeypatch.setenv("COLUMNS", "160")
    monkeypatch.setattr("cluster.plan.read_plan", lambda file: drawn)
    monkeypatch.setattr("cluster.policies.desk.plan_now", lambda plan: plan)
    said = told(ledger_value(DONE, done_body(SHREDDED, NOW, 12, "gone", [])))
    found = list(lines(said, alerts=Extent(NOW - hours * HOUR, 1234)).values())
    monkeypatch.setattr(retention, "_report", lambda plan, profile: found)
    shown = CliRunner().invoke(cli.beholden, ["retention", "report", "-f", __file__])
    assert shown.exit_code == status, shown.output
    assert "1,234" in shown.output
    assert "evidence: 12 documents: crypto_shred of key k" in shown.output
    assert ("not kept" in shown.output) is bool(status)
    machine = CliRunner().invoke(cli.beholden, ["retention", "report", "-f", __file__, "--json"])
    document = json.loads(machine.output)
    assert (machine.exit_code, document["profile"], document["policy"]) == (status, "uk-strict", 1)
    alerts = next(each for each in document["classes"] if each["class"] == "alerts")
    assert alerts == {
        "class": "alerts",
        "promised_s": 86_400,
        "can_become_s": alerts["can_become_s"],
        "oldest_at": "2026-01-31T09:00:00.000Z" if hours == 3 else "2026-01-30T11:00:00.000Z",
        "oldest_s": hours * 3600,
        "gone_at_most": 1234,
        "kept": not status,
        "deletions": [],
    }
