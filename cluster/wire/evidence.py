"""The evidence topic: what an alert was decided from, sealed, keyed by the alert's id. Nothing of it is readable here.

A sealed document holds the aligned crop exactly as the embedder was given it, without loss, so that the decision can be
computed again to the bit; the detector's numbers, so that the gates can; and a small picture of that face alone, for
people.
"""

import base64
import hashlib
import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from cluster.wire.text import dump
from operators.align import SIZE_PX
from operators.errors import BeholdenError
from operators.types import Faces

EVIDENCE_FORM = "beholden.evidence.v1"
_CROP = (SIZE_PX, SIZE_PX, 3)
_CROP_BYTES = SIZE_PX * SIZE_PX * 3


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """What one alert was decided from.

    Attributes:
        alert_id: Which alert.
        crop: (112, 112, 3) uint8, BGR, as the embedder was given it.
        face: One face as the detector gave it, pixels of the decoded image.
        shape: Of the decoded image, (h, w).
        provider: What the models ran on, as ONNX Runtime says: other devices add in another order.
        context: JPEG of that face and a little around it, other faces painted over.
    """

    alert_id: str
    crop: npt.NDArray[np.uint8]
    face: Faces
    shape: tuple[int, int]
    provider: str
    context: bytes

    def __post_init__(self) -> None:
        if self.crop.shape != _CROP or self.crop.dtype != np.uint8 or len(self.face) != 1:
            raise ValueError(f"Evidence: expected a crop {_CROP} uint8 of one face, found {self.crop.shape}")

    @property
    def crop_sha256(self) -> str:
        """Digest (hex) of the crop's pixels, row by row."""
        return hashlib.sha256(self.crop.tobytes()).hexdigest()


@dataclass(frozen=True, slots=True)
class EvidenceName:
    """How an alert names its evidence.

    Attributes:
        sha256: Digest (hex) of the sealed document.
        key_id: Which key it is sealed with.
        crop_sha256: Digest (hex) of the pixels that were embedded.
    """

    sha256: str
    key_id: str
    crop_sha256: str


class EvidenceInvalid(BeholdenError):
    """A document that is no evidence of this alert."""


def encode_evidence(evidence: Evidence) -> bytes:
    """The document, not sealed yet."""
    face = evidence.face
    return dump(
        {
            "form": EVIDENCE_FORM,
            "alert_id": evidence.alert_id,
            "crop": base64.b64encode(zlib.compress(evidence.crop.tobytes())).decode(),
            "box_px": face.boxes[0].tolist(),
            "confidence": float(face.confidence[0]),
            "landmarks_px": face.landmarks[0].tolist(),
            "decoded_px": list(evidence.shape),
            "provider": evidence.provider,
            "context": base64.b64encode(evidence.context).decode(),
        }
    )


def parse_evidence(document: bytes, alert_id: str) -> Evidence:
    """What an opened document holds.

    Raises:
        EvidenceInvalid: It is of another form or another alert.
    """
    try:
        body: Mapping[str, Any] = json.loads(document)
        if body["form"] != EVIDENCE_FORM or body["alert_id"] != alert_id:
            raise EvidenceInvalid("not the evidence of this alert, or of another form")
        height, width = (int(side) for side in body["decoded_px"])
        return Evidence(
            alert_id=alert_id,
            crop=_crop(base64.b64decode(body["crop"], validate=True)),
            face=Faces(
                np.array([body["box_px"]], np.float32),
                np.array([body["confidence"]], np.float32),
                np.array([body["landmarks_px"]], np.float32),
            ),
            shape=(height, width),
            provider=str(body["provider"]),
            context=base64.b64decode(body["context"], validate=True),
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, zlib.error) as error:
        # Its text may repeat parts of the document.
        raise EvidenceInvalid(f"not evidence: {type(error).__name__}") from None


def _crop(packed: bytes) -> npt.NDArray[np.uint8]:
    pixels = zlib.decompressobj().decompress(packed, _CROP_BYTES + 1)
    return np.frombuffer(pixels, np.uint8).reshape(_CROP)
