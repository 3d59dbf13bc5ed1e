"""Which copy of an alert is explained, and by which policies."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import rfc8785
import yaml

from cluster.clocks import HandClock
from cluster.ledger.writer import LedgerWriter
from cluster.memory_io import MemorySink
from cluster.plan import read_plan
from cluster.policies.book import PolicyBook
from cluster.policies.in_force import PolicyInForce
from cluster.policies.signatures import Person
from cluster.ports import Record
from cluster.privacy.explain import AlertUnreadable
from cluster.privacy.explain_records import choose, kept, manifests_of, settings_known
from cluster.strict_yaml import load
from cluster.wire.release import Release, applied_body, encode_release
from cluster.wire.settings import APPLIED, IN_FORCE
from tests.builders import NOW, RETENTION, Lane, record
from tests.drawn import write_deployment
from tests.releases import SIGNERS, SOON, approved, changed, in_topic, loosening, proposed, threshold


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
        assert choose(name, found, [each.value for each in lane.evidence.messages]) == alert
    assert choose(name, found, []) == found[1]
    broken = replace(found[0], value=b"not an alert")
    assert choose(name, [broken, found[1]], [each.value for each in second.evidence.messages]) == found[1]


def test_an_alert_that_is_not_there_is_told_of() -> None:
    """With what it may be."""
    with pytest.raises(AlertUnreadable, match="no alert 0123 in topic alerts: is the id right"):
        choose("0123", [], [])


def _book(*releases: Release, people: Mapping[str, Person] = SIGNERS) -> PolicyBook:
    book = PolicyBook("test", people)
    for offset, release in enumerate(releases):
        book.take(in_topic(encode_release(release), offset), NOW)
    return book


def _ledger(body: dict[str, Any], deployment: str = "test", kind: str = APPLIED) -> list[Record]:
    topic = MemorySink()
    LedgerWriter(topic, deployment, "policy-desk", "d" * 64, HandClock(NOW)).write(kind, body)
    return [record(message.value, n) for n, message in enumerate(topic.messages)]


def policies(book: PolicyBook, ledger: list[Record]) -> tuple[dict[str, PolicyInForce], set[str]]:
    """Those that are known, and those that cannot be read."""
    known = settings_known(book, ledger)
    return dict(known.policies), set(known.unread)


def test_every_policy_that_came_into_force_is_found_by_its_digest() -> None:
    """Also one that another has followed."""
    first = approved(changed(7))
    second = approved(changed(8), first)
    assert policies(_book(first, second), []) == (
        {first.digest: first.in_force, second.digest: second.in_force},
        set(),
    )


def test_a_policy_that_was_refused_explains_nothing() -> None:
    """It stands in the topic as well as those that came into force; nobody has gone by it."""
    refused = proposed(changed(7))
    book = _book(refused)
    assert book.refused
    assert policies(book, []) == ({}, set())


def test_a_policy_of_somebody_who_has_left_is_found_in_the_ledger() -> None:
    """Signatures are judged by who may sign now; the ledger has what was applied, of this deployment."""
    release = approved(changed(7))
    book = _book(release, people={name: SIGNERS[name] for name in ("cyd", "dan")})
    assert book.refused
    body = applied_body(release)
    assert policies(book, _ledger(body)) == ({release.digest: release.in_force}, set())
    others = [*_ledger(body, deployment="other"), *_ledger(body, kind="other")]
    assert policies(book, [*others, record(b"no record of a ledger")]) == ({}, set())


def test_a_policy_of_a_former_form_came_into_force() -> None:
    """Though it cannot be read: what was decided by it is no forgery."""
    former = {**json.loads(changed(7).canonical), "retention": "uk-strict"}
    digest = hashlib.sha256(rfc8785.dumps(former)).hexdigest()
    assert policies(_book(), _ledger({"document": former})) == ({}, {digest})


def test_when_a_loosening_ends_is_known_from_topic_and_ledger() -> None:
    """Of a policy that is to last there is nothing to know."""
    first = approved(changed(7))
    looser = loosening(changed(8, threshold(0.5)), first)
    assert settings_known(_book(first, looser), []).ends == {looser.digest: SOON}
    assert settings_known(_book(first), _ledger(applied_body(looser))).ends == {looser.digest: SOON}


def test_who_went_by_a_policy_is_told_by_the_ledger_of_its_deployment() -> None:
    """That it was put in force says nothing of that."""
    release = approved(changed(7))
    body = {"number": 7, "digest": release.digest, "since": "2026-01-31T12:00:00.000Z"}
    for deployment, expected in (("test", [release.digest]), ("other", [])):
        ledger = [*_ledger(applied_body(release)), *_ledger(body, deployment, IN_FORCE)]
        assert [span.digest for span in settings_known(_book(release), ledger).history.spans] == expected


def test_how_long_evidence_is_kept_is_told_by_the_policy_of_its_alert() -> None:
    """Whatever another one says by now."""
    for name, time in (("uk-strict", timedelta(hours=22)), ("uk-31d", timedelta(days=30))):
        assert kept(changed(7, retention=load(RETENTION / f"{name}.yaml"))) == time
    assert kept(None) is None


def test_models_are_those_whose_manifests_the_policy_pins(tmp_path: Path) -> None:
    """Whatever their files are called; one that was edited since would give another vector, and is as good as gone."""
    cluster = tmp_path / "cluster.yaml"
    cluster.write_text(json.dumps({"cluster": "drawn", **write_deployment(tmp_path)}))
    plan = read_plan(cluster)
    folder, policy = plan.settings.models.manifests, plan.in_force.policy
    embedder = (folder / f"{policy.embedder.model}.yaml").rename(folder / "approved.yaml")
    assert manifests_of(policy, folder) == (plan.detector, plan.embedder)
    document = yaml.safe_load(embedder.read_text())
    edited = {**document, "mean": [1.0, 2.0, 3.0]}
    (folder / "a-copy.yaml").write_text(yaml.safe_dump(edited))
    assert manifests_of(policy, folder) == (plan.detector, plan.embedder)
    embedder.write_text(yaml.safe_dump(edited))
    assert manifests_of(policy, folder) is None
