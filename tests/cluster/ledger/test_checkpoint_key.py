from pathlib import Path

import pytest

from cluster.ledger.checkpoint_key import make_checkpoint_key, read_checkpoint_key
from operators.errors import SettingsRefused


def test_a_key_is_made_once_and_only_its_owner_may_read_it(tmp_path: Path) -> None:
    """Making it again would make all checkpoints before worthless."""
    folder = tmp_path / "keys"
    assert make_checkpoint_key(folder)
    key = read_checkpoint_key(folder)
    assert not make_checkpoint_key(folder)
    assert read_checkpoint_key(folder).private_bytes_raw() == key.private_bytes_raw()
    assert (folder / "checkpoints.key").stat().st_mode & 0o777 == 0o600
    assert folder.stat().st_mode & 0o777 == 0o700


def test_a_key_that_others_may_read_is_none(tmp_path: Path) -> None:
    """They could sign checkpoints; and what is missing or is no key is refused as well."""
    with pytest.raises(SettingsRefused, match="'beholden up' makes the keys"):
        read_checkpoint_key(tmp_path)
    make_checkpoint_key(tmp_path)
    file = tmp_path / "checkpoints.key"
    file.chmod(0o644)
    with pytest.raises(SettingsRefused, match="chmod 600"):
        read_checkpoint_key(tmp_path)
    file.chmod(0o600)
    file.write_text("abc")
    with pytest.raises(SettingsRefused, match="64 hexadecimal digits"):
        read_checkpoint_key(tmp_path)
