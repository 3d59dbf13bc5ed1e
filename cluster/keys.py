"""The secret keys of a deployment: files of one line each that only their owner may read.

Three keys: one under which the ledger names people who are or were listed, so that nobody without it can tell from the
ledger who that was; one that seals pictures of listed people; one that seals the evidence of alerts. Whoever destroys
them ends what they open.
"""

import hashlib
import hmac
import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from cluster.secret_files import KEY_BYTES, make_secret, read_secret
from operators.errors import SettingsRefused

_NONCE_BYTES = 12
_EVIDENCE_ELSEWHERE = (
    "for one that exists, copy evidence.key to the same folder of every machine that runs recognisers (mode 600, from "
    "a store of secrets, never into the cluster file). If it was destroyed on purpose, what it sealed is gone"
)
KEY_FILES = _MEMBERS, _PICTURES, EVIDENCE_KEY_FILE = "members.key", "pictures.key", "evidence.key"


@dataclass(frozen=True, slots=True)
class DeploymentKeys:
    """The keys of lists.

    Attributes:
        members: Names listed people in the ledger.
        pictures: Seals pictures.
    """

    members: bytes = field(repr=False)
    pictures: bytes = field(repr=False)

    @property
    def members_id(self) -> str:
        """Tells this key of members from others without giving it away."""
        return hashlib.sha256(b"beholden.members.v1" + self.members).hexdigest()[:16]

    def member(self, ref: str) -> str:
        """What the ledger calls the person of this reference: HMAC-SHA256, hex."""
        return hmac.new(self.members, ref.encode(), hashlib.sha256).hexdigest()

    def seal(self, picture: bytes, of: str) -> bytes:
        """A picture that only this deployment can open, as that of the same reference: AES-256-GCM, nonce first."""
        return _seal(self.pictures, picture, of)

    def open(self, sealed: bytes, of: str) -> bytes:
        """The picture in `sealed`.

        Raises:
            SettingsRefused: It was sealed with another key or for another reference, or has been changed.
        """
        opened = _open(self.pictures, sealed, of)
        if opened is None:
            raise SettingsRefused("a picture does not open with this deployment's key: use the one it was made with")
        return opened


@dataclass(frozen=True, slots=True)
class EvidenceKey:
    """Seals the evidence of alerts. It cannot be pickled: Ray keeps what actors are made with, out of anyone's reach.

    Attributes:
        secret: The key itself.
    """

    secret: bytes = field(repr=False)

    @property
    def id(self) -> str:
        """Tells this key from others without giving it away."""
        return hashlib.sha256(b"beholden.evidence.v1" + self.secret).hexdigest()[:16]

    def seal(self, document: bytes, alert: str) -> bytes:
        """A document that only this key can open, as that of the same alert: AES-256-GCM, nonce first."""
        return _seal(self.secret, document, alert)

    def open(self, sealed: bytes, alert: str) -> bytes | None:
        """The document in `sealed`; None when it is of another key or another alert, or has been changed."""
        return _open(self.secret, sealed, alert)

    def __reduce__(self) -> NoReturn:
        """Refused."""
        raise TypeError("a key does not travel: read it from its file where it is needed")


def new_keys() -> DeploymentKeys:
    """Keys that nobody else has; nothing that they seal outlives the process unless they are written down."""
    return DeploymentKeys(secrets.token_bytes(KEY_BYTES), secrets.token_bytes(KEY_BYTES))


def make_keys(folder: Path) -> bool:
    """Make the keys that are missing in `folder`; whether there were any."""
    made = [make_secret(folder / name) for name in KEY_FILES]
    return any(made)


def read_keys(folder: Path) -> DeploymentKeys:
    """The keys in `folder`.

    Raises:
        SettingsRefused: One is missing, is no key, or may be read by others.
    """
    made_by = "beholden watchlist create"
    return DeploymentKeys(read_secret(folder / _MEMBERS, made_by), read_secret(folder / _PICTURES, made_by))


def new_evidence_key() -> EvidenceKey:
    """A key that nobody else has; nothing that it seals outlives the process."""
    return EvidenceKey(secrets.token_bytes(KEY_BYTES))


def make_evidence_key(folder: Path) -> bool:
    """Make the key that seals evidence, if it is missing in `folder`; whether it was."""
    return make_secret(folder / EVIDENCE_KEY_FILE)


def read_evidence_key(folder: Path) -> EvidenceKey:
    """The key in `folder` that seals evidence.

    Raises:
        SettingsRefused: It is missing, is no key, or may be read by others.
    """
    return EvidenceKey(read_secret(folder / EVIDENCE_KEY_FILE, "beholden up", _EVIDENCE_ELSEWHERE))


def check_may_destroy(folder: Path) -> EvidenceKey:
    """The key that seals evidence, if it lies where it can be destroyed.

    Raises:
        SettingsRefused: There is none, or it lies here for reading only.
    """
    key, file = read_evidence_key(folder), folder / EVIDENCE_KEY_FILE
    if not (os.access(file, os.W_OK) and os.access(folder, os.W_OK)):
        raise SettingsRefused(
            f"{file} is for reading only, so it can be destroyed only where it comes from: copy it to a folder of your "
            "own, name that as 'keys' in a cluster file, destroy it there, so that the ledger knows, and then in the "
            "store of secrets as well"
        )
    return key


def destroy_evidence_key(folder: Path) -> str:
    """Overwrite and remove the key that seals evidence; its id.

    Copies of the file elsewhere, and what a disk keeps of an overwritten block, are out of reach.

    Raises:
        SettingsRefused: See `check_may_destroy`.
    """
    key, file = check_may_destroy(folder), folder / EVIDENCE_KEY_FILE
    with file.open("r+b") as opened:
        opened.write(b"0" * file.stat().st_size)
        opened.flush()
        os.fsync(opened.fileno())
    file.unlink()
    at = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(at)
    finally:
        os.close(at)
    return key.id


def _seal(key: bytes, plain: bytes, of: str) -> bytes:
    nonce = secrets.token_bytes(_NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, plain, of.encode())


def _open(key: bytes, sealed: bytes, of: str) -> bytes | None:
    try:
        return AESGCM(key).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], of.encode())
    except (InvalidTag, ValueError):
        return None
