"""Which cells of a detector are to see which face."""

from dataclasses import dataclass

import torch
from torch import Tensor

from loadtests.training.networks import STRIDES

# Sides (square root of the area, pixels) from which, and below which, each stride may see and is to see a face. The
# latter overlap, so that a face between two levels is seen by both; between the two nothing is asked of a cell, so
# that no sharp edge must be learned.
_MAY_SEE_PX = {8: (0.0, 54.0), 16: (21.0, 160.0), 32: (63.0, float("inf"))}
_IS_TO_SEE_PX = {8: (8.0, 40.0), 16: (28.0, 120.0), 32: (84.0, float("inf"))}
# Half the width of the positive and of the undecided part of a box, as parts of its width and height. A cell counts
# by its centre.
_POSITIVE, _UNDECIDED = 0.25, 0.4


@dataclass(frozen=True, slots=True, eq=False)
class Truth:
    """The faces of a batch, padded to one number a picture.

    Attributes:
        boxes: (n, m, 4) float32, pixels, left, top, right, bottom.
        landmarks: (n, m, 5, 2) float32, pixels.
        real: (n, m) bool, false for padding.
    """

    boxes: Tensor
    landmarks: Tensor
    real: Tensor


@dataclass(frozen=True, slots=True, eq=False)
class Cells:
    """All cells of all strides, those of the finest first, row by row.

    Attributes:
        corners: (cells, 2) float32, column and row: what the decoder counts from.
        strides: (cells,) float32, pixels.
    """

    corners: Tensor
    strides: Tensor


def cells_of(height: int, width: int, device: torch.device) -> Cells:
    """The cells of a picture whose sides, in pixels, are multiples of 32."""
    corners, strides = [], []
    for stride in STRIDES:
        rows, columns = torch.meshgrid(
            torch.arange(height // stride, device=device), torch.arange(width // stride, device=device), indexing="ij"
        )
        corners.append(torch.stack([columns.flatten(), rows.flatten()], 1).float())
        strides.append(torch.full((len(corners[-1]),), float(stride), device=device))
    return Cells(torch.cat(corners), torch.cat(strides))


def assign(truth: Truth, cells: Cells) -> tuple[Tensor, Tensor]:
    """The face that each cell is to see.

    Args:
        truth: Of n pictures.
        cells: Of one picture.

    Returns:
        face: (n, cells) int64, index into the m faces, -1 where there is none to see; where several overlap, the
            smallest, which is more often the one in front of a larger box.
        undecided: (n, cells) bool, cells without a face that are not to be held for empty either.
    """
    size = (truth.boxes[..., 2:] - truth.boxes[..., :2]).clamp(min=1e-3)
    side = size.prod(-1).sqrt()
    middle = (truth.boxes[..., :2] + truth.boxes[..., 2:]) / 2
    points = (cells.corners + 0.5) * cells.strides[:, None]
    apart_px = (points - middle[:, :, None]).abs()
    apart = (apart_px / size[:, :, None]).amax(-1)
    # The cell that holds the middle counts for every face, or small ones would fall between the centres.
    near = (apart < _POSITIVE) | (apart_px.amax(-1) <= cells.strides / 2)
    real = truth.real[:, :, None]
    positive = near & _seen(side, cells.strides, _IS_TO_SEE_PX) & real
    areas = torch.where(positive, side[:, :, None], torch.inf)
    smallest, face = areas.min(1)
    undecided = ((apart < _UNDECIDED) | near) & _seen(side, cells.strides, _MAY_SEE_PX) & real
    found = smallest.isfinite()
    return torch.where(found, face, -1), undecided.any(1) & ~found


def _seen(side: Tensor, strides: Tensor, sides_px: dict[int, tuple[float, float]]) -> Tensor:
    """Whether faces of these sides (n, m) lie within what a cell's stride sees: (n, m, cells) bool."""
    level = (strides / min(STRIDES)).log2().long()
    bounds = torch.tensor([sides_px[stride] for stride in STRIDES], device=side.device)[level]
    wide = side[:, :, None]
    return (wide >= bounds[:, 0]) & (wide < bounds[:, 1])
