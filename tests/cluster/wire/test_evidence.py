import base64
import json
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from cluster.wire.evidence import Evidence, EvidenceInvalid, encode_evidence, parse_evidence
from operators.types import Faces

CROP = np.random.default_rng(1).integers(0, 256, (112, 112, 3), np.uint8)
FACE = Faces(
    np.array([[0.1, 0.2, 80.3, 90.7]], np.float32),
    np.array([0.1], np.float32),
    np.arange(10, dtype=np.float32).reshape(1, 5, 2) / 3,
)


def evidence(**changes: Any) -> Evidence:
    """Of alert `a`."""
    fields = {"alert_id": "a", "crop": CROP, "face": FACE, "shape": (360, 640), "provider": "CPU", "context": b"jpeg"}
    return Evidence(**{**fields, **changes})


def test_evidence_comes_back_to_the_bit() -> None:
    """Pixels, and every float32 that the gates were given."""
    found = parse_evidence(encode_evidence(evidence()), "a")
    np.testing.assert_array_equal(found.crop, CROP)
    for name in ("boxes", "confidence", "landmarks"):
        np.testing.assert_array_equal(getattr(found.face, name), getattr(FACE, name))
    assert (found.shape, found.provider, found.context) == ((360, 640), "CPU", b"jpeg")
    assert found.crop_sha256 == evidence().crop_sha256 != evidence(crop=CROP[::-1]).crop_sha256


@pytest.mark.parametrize("crop", [CROP[:100], CROP.astype(np.float32)])
def test_what_was_not_embedded_is_no_evidence(crop: Any) -> None:
    """A crop is 112x112 BGR, as the embedder takes it."""
    with pytest.raises(ValueError, match="expected a crop"):
        evidence(crop=crop)


def _changed(**changes: Any) -> bytes:
    return json.dumps({**json.loads(encode_evidence(evidence())), **changes}).encode()


BOMB = base64.b64encode(zlib.compress(bytes(10**7))).decode()


@pytest.mark.parametrize(
    "document",
    [
        lambda: b"",
        lambda: b"[]",
        lambda: b"[" * 100_000,
        lambda: _changed(form="beholden.evidence.v2"),
        lambda: _changed(alert_id="b"),
        lambda: _changed(crop="bm8="),
        lambda: _changed(crop=BOMB),
        lambda: _changed(box_px=[1, 2, 3]),
        lambda: _changed(decoded_px=[1]),
        lambda: _changed(context=3),
    ],
)
def test_what_is_no_evidence_of_this_alert_is_refused(document: Callable[[], bytes]) -> None:
    """And nothing of it stands in the error."""
    with pytest.raises(EvidenceInvalid) as refused:
        parse_evidence(document(), "a")
    assert len(str(refused.value)) < 80
