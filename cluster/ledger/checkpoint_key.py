"""The key that signs checkpoints of the ledger: a file of the deployment's key folder."""

from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cluster.secret_files import make_secret, read_secret

CHECKPOINT_KEY_FILE = "checkpoints.key"


def make_checkpoint_key(folder: Path) -> bool:
    """Make the key if it is missing in `folder`; whether it was."""
    return make_secret(folder / CHECKPOINT_KEY_FILE)


def read_checkpoint_key(folder: Path) -> Ed25519PrivateKey:
    """The key in `folder`.

    Raises:
        SettingsRefused: It is missing, is no key, or may be read by others.
    """
    return Ed25519PrivateKey.from_private_bytes(read_secret(folder / CHECKPOINT_KEY_FILE, "beholden up"))
