"""What the two networks are punished for."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from loadtests.training.assignment import Cells, Truth, assign
from loadtests.training.networks import COLUMNS, STRIDES

# Landmark errors below a hundredth of the face are weighed by their square: alignment needs better, not perfect.
_LANDMARK_KNEE = 0.01
# With 10 for the landmarks, 3,000 steps left them off by 5 % of the face's width, twice what boxes of that size allow.
_BOX_WEIGHT, _LANDMARK_WEIGHT = 2.0, 40.0
# Landmarks of smaller faces count for less: blur and noise decide about them, and policies refuse such faces.
_SHARP_PX = 32.0
# e^6 cells are wider than any picture; the bound keeps a bad first step from overflowing.
_LARGEST_LOG = 6.0


class CosineMargin(nn.Module):
    """CosFace: each person has a direction, and a crop must lie closer to its own than to all others by a margin.

    Args:
        dimension: Length of an embedding.
        people: Number of people in training.
        scale: Multiplies cosines before the softmax.
    """

    def __init__(self, dimension: int, people: int, scale: float) -> None:
        super().__init__()
        self.directions = nn.Parameter(torch.randn(people, dimension))
        self.scale = scale

    def forward(self, embeddings: Tensor, people: Tensor, margin: float) -> Tensor:
        """The mean loss of a batch.

        Args:
            embeddings: (n, dimension), of any length but zero.
            people: (n,) int64, rows of `directions`.
            margin: Taken off the cosine with the own direction, 0 to 0.5.
        """
        cosines = functional.normalize(embeddings) @ functional.normalize(self.directions).T
        own = functional.one_hot(people, len(self.directions)).to(cosines.dtype)
        return functional.cross_entropy(self.scale * (cosines - margin * own), people)


class TraitRegression(nn.Module):
    """How far the traits of a person, as they were drawn, can be read off an embedding in a straight line.

    With 5,000 people and nothing but `CosineMargin`, all crops fell into one place and stayed there: each person comes
    once in forty batches, while traits say something about every crop from the first step on.

    Args:
        dimension: Length of an embedding.
        traits: (people, t) float32, each column of mean 0 and deviation 1.
    """

    def __init__(self, dimension: int, traits: Tensor) -> None:
        super().__init__()
        self.read = nn.Linear(dimension, traits.shape[1])
        self.stretch = dimension**0.5  # components of a unit vector are small
        self.register_buffer("traits", traits)

    def forward(self, embeddings: Tensor, people: Tensor) -> Tensor:
        """The mean squared error, 1 for an embedding that says nothing.

        Args:
            embeddings: (n, dimension), of any length but zero.
            people: (n,) int64, rows of `traits`.
        """
        found = self.read(functional.normalize(embeddings) * self.stretch)
        return functional.mse_loss(found, self.traits[people])


@dataclass(frozen=True, slots=True, eq=False)
class DetectorLoss:
    """The parts of a detector's loss, one number each, and their weighted sum `total`."""

    face: Tensor
    fit: Tensor
    box: Tensor
    landmarks: Tensor

    @property
    def total(self) -> Tensor:
        """What is minimised."""
        return self.face + self.fit + _BOX_WEIGHT * self.box + _LANDMARK_WEIGHT * self.landmarks


def detector_loss(outputs: dict[str, Tensor], truth: Truth, cells: Cells) -> DetectorLoss:
    """How far a detector's outputs are from the truth.

    A cell that is to see a face should answer 1 for `cls`, and for `obj` the overlap of its box with the true one.

    Args:
        outputs: From `DetectionNetwork`, of n pictures.
        truth: Of these pictures.
        cells: Of one picture.
    """
    joined = {kind: torch.cat([outputs[f"{kind}_{s}"] for s in STRIDES], 1).float() for kind in COLUMNS}
    face, undecided = assign(truth, cells)
    picture, cell = torch.nonzero(face >= 0, as_tuple=True)
    which = face[picture, cell]
    corner, stride = cells.corners[cell], cells.strides[cell, None]
    boxes = truth.boxes[picture, which]
    found = decode_boxes(joined["bbox"][picture, cell], corner, stride)
    overlap, box = box_loss(found, boxes)
    points = (joined["kps"][picture, cell].unflatten(1, (5, 2)) + corner[:, None]) * stride[:, None]
    side = (boxes[:, 2:] - boxes[:, :2]).clamp(min=1).prod(1).sqrt()
    apart = (points - truth.landmarks[picture, which]) / side[:, None, None]
    weight = (side / _SHARP_PX).clamp(max=1)[:, None, None]
    off = functional.smooth_l1_loss(apart, torch.zeros_like(apart), reduction="none", beta=_LANDMARK_KNEE)
    landmarks = (off * weight).sum()
    target = torch.zeros_like(joined["obj"][..., 0])
    target[picture, cell] = overlap.detach()
    count = max(len(cell), 1)
    return DetectorLoss(
        _weighed_entropy(joined["cls"][..., 0], (face >= 0).float(), ~undecided) / count,
        _weighed_entropy(joined["obj"][..., 0], target, ~undecided) / count,
        box.sum() / count,
        landmarks / (10 * count),
    )


def decode_boxes(outputs: Tensor, corners: Tensor, strides: Tensor) -> Tensor:
    """(n, 4) `bbox` outputs to left, top, right and bottom in pixels, by the rule of operators/yunet.py."""
    middle = (corners + outputs[:, :2]) * strides
    half = outputs[:, 2:].clamp(max=_LARGEST_LOG).exp() * strides / 2
    return torch.cat([middle - half, middle + half], 1)


def box_loss(found: Tensor, true: Tensor) -> tuple[Tensor, Tensor]:
    """Intersection over union of pairs of boxes, and the EIoU loss: it also counts middles and sides.

    Args:
        found: (n, 4), pixels, left, top, right, bottom.
        true: (n, 4), the same.

    Returns:
        (n,) overlap, 0 to 1; (n,) loss, 0 and above.
    """
    inner = (torch.minimum(found[:, 2:], true[:, 2:]) - torch.maximum(found[:, :2], true[:, :2])).clamp(min=0)
    hull = torch.maximum(found[:, 2:], true[:, 2:]) - torch.minimum(found[:, :2], true[:, :2])
    sizes, true_sizes = found[:, 2:] - found[:, :2], true[:, 2:] - true[:, :2]
    shared = inner.prod(1)
    overlap = shared / (sizes.prod(1) + true_sizes.prod(1) - shared + 1e-6)
    shift = (found[:, :2] + found[:, 2:] - true[:, :2] - true[:, 2:]) / 2
    apart = shift.square().sum(1) / (hull.square().sum(1) + 1e-6)
    stretch = ((sizes - true_sizes).square() / (hull.square() + 1e-6)).sum(1)
    return overlap, 1 - overlap + apart + stretch


def _weighed_entropy(logits: Tensor, target: Tensor, counted: Tensor) -> Tensor:
    """Cross-entropy summed over the counted cells, each weighed by the square of its error, as in focal loss."""
    error = (logits.sigmoid() - target).detach().square()
    entropy = functional.binary_cross_entropy_with_logits(logits, target, reduction="none")
    return (entropy * error * counted).sum()
