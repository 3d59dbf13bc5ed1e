import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from operators.nms import nms
from operators.types import Faces, Float32


def _plain_nms(boxes: Float32, confidence: Float32, overlap: float) -> list[int]:
    """The definition, box by box."""
    kept: list[int] = []
    for row in np.argsort(-confidence, kind="stable"):
        a = boxes[row].astype(np.float64)
        for other in kept:
            b = boxes[other].astype(np.float64)
            wide, high = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
            common = max(wide, 0) * max(high, 0)
            union = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - common
            if common > overlap * union:
                break
        else:
            kept.append(int(row))
    return kept


@given(st.integers(0, 10_000), st.integers(0, 60), st.sampled_from([0.381966, 0.618034]))
def test_suppression_follows_its_definition(seed: int, n: int, overlap: float) -> None:
    """On crowded random boxes the fast form keeps exactly what the definition keeps.

    The overlaps are far from every ratio of two areas here, so that rounding decides nothing.
    """
    rng = np.random.default_rng(seed)
    start = rng.integers(0, 60, (n, 2))
    boxes = np.concatenate([start, start + rng.integers(1, 41, (n, 2))], axis=1).astype(np.float32)
    confidence = rng.integers(1, 20, n).astype(np.float32) / np.float32(20)
    assert nms(boxes, confidence, overlap).tolist() == _plain_nms(boxes, confidence, overlap)


def test_suppression_looks_at_the_most_confident_only() -> None:
    """A graph that fires everywhere costs a bounded time: 5000 boxes are looked at, the best ones."""
    start = np.arange(6000, dtype=np.float32)[:, None] * 100
    boxes = np.concatenate([start, start, start + 10, start + 10], axis=1)
    kept = nms(boxes, np.linspace(0.1, 0.9, 6000, dtype=np.float32), 0.3)
    assert len(kept) == 5000
    assert kept[0] == 5999


def test_no_boxes() -> None:
    """Nothing to suppress gives rows that can still be used as an index."""
    none = Faces.none()
    assert len(none.take(nms(none.boxes, none.confidence, 0.3))) == 0
