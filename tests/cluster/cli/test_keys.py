from pathlib import Path

from click.testing import CliRunner

from cluster import cli
from cluster.keys import read_evidence_key, read_keys
from cluster.ledger.checkpoint_key import read_checkpoint_key


def _make(folder: Path) -> str:
    done = CliRunner().invoke(cli.beholden, ["keys", "make", str(folder)], catch_exceptions=False)
    assert done.exit_code == 0
    return done.output


def test_all_keys_of_a_deployment_are_made_at_once_for_a_store_of_secrets(tmp_path: Path) -> None:
    """Whoever makes them again keeps those that are there, and is told so; no output holds any of them."""
    folder = tmp_path / "keys"
    first = _make(folder)
    made = (read_keys(folder), read_evidence_key(folder), read_checkpoint_key(folder).private_bytes_raw())
    assert "made the keys" in first
    assert first.splitlines()[1:] == ["checkpoints.key", "evidence.key", "members.key", "pictures.key"]
    again = _make(folder)
    assert "nothing was missing" in again
    assert made == (read_keys(folder), read_evidence_key(folder), read_checkpoint_key(folder).private_bytes_raw())
    assert not any(file.read_text().strip() in first + again for file in folder.iterdir())


def test_of_keys_of_which_some_are_there_none_is_made(tmp_path: Path) -> None:
    """They are a part of those of a deployment that exists, and a new one beside them would name nobody."""
    folder = tmp_path / "keys"
    _make(folder)
    (folder / "members.key").unlink()
    (folder / "pictures.key").unlink()
    refused = CliRunner().invoke(cli.beholden, ["keys", "make", str(folder)])
    assert refused.exit_code
    assert "has checkpoints.key, evidence.key and lacks members.key, pictures.key" in str(refused.exception)
    assert sorted(file.name for file in folder.iterdir()) == ["checkpoints.key", "evidence.key"]
