import base64
from pathlib import Path
from typing import Any

import pytest

from cluster.policies.person_keys import cluster_file_line, make_person_key, person_file, read_person_key
from cluster.policies.signatures import Role
from cluster.settings import read_cluster
from operators.errors import SettingsRefused


def test_a_key_is_made_once_and_for_its_owner_alone(tmp_path: Path) -> None:
    """Made again it is the same."""
    file = tmp_path / "people" / "ada.key"
    assert make_person_key(file)
    key = read_person_key(file)
    assert not make_person_key(file)
    assert read_person_key(file).private_bytes_raw() == key.private_bytes_raw()
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o077 == 0


def test_what_is_printed_is_what_the_cluster_file_takes(tmp_path: Path) -> None:
    """Whatever the name is."""
    key_file = tmp_path / "k"
    make_person_key(key_file)
    key = read_person_key(key_file)
    name = 'Ada "L" Süd'
    file = tmp_path / "cluster.yaml"
    head = "cluster: c\npolicy: p\nmodels: {manifests: m, files: f}\npeople:\n"
    file.write_text(head + cluster_file_line(name, key, [Role.PROPOSE, Role.STOP]) + "\n")
    found = read_cluster(file, {}).people[name]
    assert base64.b64decode(found.public_key) == key.public_key().public_bytes_raw()
    assert found.roles == (Role.PROPOSE, Role.STOP)


@pytest.mark.parametrize("name", ["", ".", "../x", "a/b", " a", "a ", "a\n", "x" * 101, ".a"])
def test_a_name_is_no_path(name: str) -> None:
    """Keys lie in one folder."""
    with pytest.raises(SettingsRefused, match="a name has letters"):
        person_file(name)


def test_a_key_that_others_may_read_or_that_is_none_is_refused(tmp_path: Path) -> None:
    """With what to do."""
    file = tmp_path / "k"
    with pytest.raises(SettingsRefused, match="'beholden policy key NAME' makes a key"):
        read_person_key(file)
    make_person_key(file)
    file.chmod(0o640)
    with pytest.raises(SettingsRefused, match="chmod 600"):
        read_person_key(file)
    for text in ("", "zz", "00" * 31):
        file.write_text(text)
        file.chmod(0o600)
        with pytest.raises(SettingsRefused, match="is no key"):
            read_person_key(file)


def test_keys_lie_in_the_users_own_folder(monkeypatch: Any, tmp_path: Path) -> None:
    """Not with the cluster."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert person_file("ada") == tmp_path / "beholden" / "people" / "ada.key"
