"""The key of evidence is destroyed, and the ledger says so before and after."""

from pathlib import Path

import pytest

from cluster.clocks import HandClock
from cluster.keys import make_evidence_key, read_evidence_key
from cluster.memory_io import MemorySink
from cluster.privacy.shred import shred_evidence
from cluster.wire.deletions import Trigger
from cluster.wire.ledger import parse_record
from operators.errors import BrokerUnavailable, SettingsRefused
from tests.builders import EVIDENCE_KEY, NOW, chain, profile, record


def test_a_deletion_is_told_of_before_and_after(tmp_path: Path) -> None:
    """With what is left of it nevertheless, and for how long."""
    make_evidence_key(tmp_path)
    key = read_evidence_key(tmp_path)
    sealed = [
        record(b"x", n, headers={"key_id": each.encode()}) for n, each in enumerate((key.id, EVIDENCE_KEY.id, key.id))
    ]
    sink = MemorySink()
    done = shred_evidence(
        tmp_path, sealed, profile(), chain(sink), HandClock(NOW), "inspector 7", Trigger.DEPLOYMENT_END
    )
    assert (done.key_id, done.documents) == (key.id, 2)
    assert not (tmp_path / "evidence.key").exists()
    told = {found.kind: found.body for message in sink.messages if (found := parse_record(message.value))}
    begun, after = told["deletion.begun"], told["deletion.done"]
    assert begun["scope"] == after["scope"] == f"key {key.id}"
    assert (begun["by"], begun["trigger"], begun["method"]) == ("inspector 7", "deployment_end", "crypto_shred")
    assert after["count"] == 2
    assert after["profile"] == "uk-strict"
    assert after["residuals"][0] == {
        "where": "topic evidence",
        "until": "24 h",
        "why": "sealed documents that no key opens",
    }


def test_without_the_ledger_nothing_is_destroyed(tmp_path: Path) -> None:
    """A deletion that nobody could prove."""
    make_evidence_key(tmp_path)
    sink = MemorySink()
    ledger = chain(sink)
    sink.acknowledges = False
    with pytest.raises(BrokerUnavailable):
        shred_evidence(tmp_path, [], profile(), ledger, HandClock(NOW), "a", Trigger.POLICY)
    assert read_evidence_key(tmp_path)


def test_a_key_that_is_not_there_is_told_of_and_the_ledger_is_not(tmp_path: Path) -> None:
    """It may have been destroyed before."""
    sink = MemorySink()
    with pytest.raises(SettingsRefused, match="is missing"):
        shred_evidence(tmp_path, [], profile(), chain(sink), HandClock(NOW), "a", Trigger.POLICY)
    assert all(parse_record(message.value).kind != "deletion.begun" for message in sink.messages)
