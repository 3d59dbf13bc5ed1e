"""What a family of detection networks has in common: named outputs that become faces."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from operators.types import Faces, Float32

STRIDES = (8, 16, 32)
"""Pixels a cell of each output level, in both families."""


@dataclass(frozen=True, slots=True)
class Heads:
    """How the outputs of one family are recognised and read.

    Attributes:
        expected: The outputs, in words.
        accepts: Whether these output names, in graph order, are the family's, no more and no less.
        shapes: From output names and the pixels of the input: rows and columns of each output, for one image.
        read: From output names, the outputs for one image, the width of the padded input in pixels (a multiple of 32)
            and the lowest confidence to keep, above 0: faces in pixels of the padded input, before suppression, in no
            order.
    """

    expected: str
    accepts: Callable[[Sequence[str]], bool]
    shapes: Callable[[Sequence[str], int], list[tuple[int, int]]]
    read: Callable[[Sequence[str], Sequence[Float32], int, float], Faces]


def join(parts: list[Faces]) -> Faces:
    """The faces of several strides as one value, without those whose geometry is not finite."""
    parts = [part for part in parts if len(part)] or [Faces.none()]
    boxes = np.concatenate([part.boxes for part in parts])
    landmarks = np.concatenate([part.landmarks for part in parts])
    faces = Faces(boxes, np.concatenate([part.confidence for part in parts]), landmarks)
    finite = np.isfinite(boxes).all(axis=1) & np.isfinite(landmarks).all(axis=(1, 2))
    return faces if finite.all() else faces.take(finite)
