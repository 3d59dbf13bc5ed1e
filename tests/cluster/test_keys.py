import os
import pickle
from pathlib import Path

import pytest

from cluster.keys import (
    destroy_evidence_key,
    make_evidence_key,
    make_keys,
    new_evidence_key,
    new_keys,
    read_evidence_key,
    read_keys,
)
from operators.errors import SettingsRefused


def test_keys_are_made_once_and_read_by_their_owner_alone(tmp_path: Path) -> None:
    """What was sealed and named yesterday is opened and named the same today."""
    folder = tmp_path / "keys"
    assert make_keys(folder)
    first = read_keys(folder)
    assert not make_keys(folder)
    assert read_keys(folder) == first
    assert {file.stat().st_mode & 0o777 for file in folder.iterdir()} == {0o600}
    assert folder.stat().st_mode & 0o777 == 0o700


def test_no_two_deployments_name_a_person_alike() -> None:
    """Nobody who has two ledgers and one key can tell who was on both lists."""
    one, other = new_keys(), new_keys()
    assert one.member("case-7") == one.member("case-7")
    assert len({one.member("case-7"), one.member("case-8"), other.member("case-7")}) == 3
    assert one.members_id != other.members_id


def test_a_sealed_picture_opens_with_its_own_key_and_reference_alone() -> None:
    """Another deployment, another entry, a changed or shortened byte: it stays shut."""
    keys = new_keys()
    sealed = keys.seal(b"a picture", "case-7")
    assert b"picture" not in sealed
    assert keys.seal(b"a picture", "case-7") != sealed
    assert keys.open(sealed, "case-7") == b"a picture"
    changed = sealed[:-1] + bytes([sealed[-1] ^ 1])
    for wrong, ref, with_keys in (
        (sealed, "case-8", keys),
        (sealed, "case-7", new_keys()),
        (changed, "case-7", keys),
        (sealed[:5], "case-7", keys),
        (b"", "case-7", keys),
    ):
        with pytest.raises(SettingsRefused, match="does not open"):
            with_keys.open(wrong, ref)


def test_a_key_does_not_show_itself() -> None:
    """Not in a log line or a traceback."""
    keys = new_keys()
    assert keys.members.hex() not in repr(keys)
    assert repr(keys.pictures) not in repr(keys)
    assert keys.members.hex()[:16] not in keys.members_id


@pytest.mark.parametrize(
    ("harm", "match"),
    [("missing", "is missing"), ("open", "chmod 600"), ("short", "64 hexadecimal"), ("no text", "64 hexadecimal")],
)
def test_what_is_no_key_is_refused(tmp_path: Path, harm: str, match: str) -> None:
    """With the file and what to do."""
    make_keys(tmp_path)
    file = tmp_path / "members.key"
    if harm == "missing":
        file.unlink()
    elif harm == "open":
        file.chmod(0o644)
    else:
        file.write_text("abcd" if harm == "short" else "no key at all")
    with pytest.raises(SettingsRefused, match=match) as refused:
        read_keys(tmp_path)
    assert str(file) in str(refused.value)


def test_the_key_of_evidence_is_made_once_and_opens_its_own_alone(tmp_path: Path) -> None:
    """Another key, another alert, a changed byte: nothing."""
    assert make_evidence_key(tmp_path)
    assert not make_evidence_key(tmp_path)
    assert (tmp_path / "evidence.key").stat().st_mode & 0o777 == 0o600
    key = read_evidence_key(tmp_path)
    sealed = key.seal(b"a document", "alert-1")
    assert b"document" not in sealed
    assert key.open(sealed, "alert-1") == b"a document"
    assert key.open(sealed, "alert-2") is None
    assert new_evidence_key().open(sealed, "alert-1") is None
    assert key.open(sealed[:-1], "alert-1") is None
    assert key.open(b"", "alert-1") is None


def test_the_key_of_evidence_neither_shows_itself_nor_travels() -> None:
    """Ray keeps what it is given, with Redis on a disk: there no key could be destroyed."""
    key = new_evidence_key()
    assert key.secret.hex() not in repr(key)
    assert repr(key.secret) not in repr(key)
    assert key.id not in key.secret.hex()
    for pickled in (pickle.dumps, lambda it: pickle.dumps({"in": [it]}, 5)):
        with pytest.raises(TypeError, match="does not travel"):
            pickled(key)


def test_a_destroyed_key_is_gone_from_its_file_before_the_file_is(tmp_path: Path) -> None:
    """A link that somebody else holds finds zeros; who reads it next is told that this may be on purpose."""
    make_evidence_key(tmp_path)
    key = read_evidence_key(tmp_path)
    (tmp_path / "other-name").hardlink_to(tmp_path / "evidence.key")
    assert destroy_evidence_key(tmp_path) == key.id
    assert set((tmp_path / "other-name").read_text()) == {"0"}
    with pytest.raises(SettingsRefused, match=r"evidence\.key is missing.*destroyed on purpose"):
        read_evidence_key(tmp_path)
    with pytest.raises(SettingsRefused, match="is missing"):
        destroy_evidence_key(tmp_path)


def test_a_key_that_lies_there_for_reading_only_is_destroyed_where_it_comes_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It stays: the ledger must not say that a key is gone while the store of secrets gives it out again."""
    make_evidence_key(tmp_path)
    monkeypatch.setattr(os, "access", lambda path, mode: path != tmp_path / "evidence.key")
    with pytest.raises(SettingsRefused, match=r"evidence\.key is for reading only.*store of secrets"):
        destroy_evidence_key(tmp_path)
    assert read_evidence_key(tmp_path).secret != bytes(32)
