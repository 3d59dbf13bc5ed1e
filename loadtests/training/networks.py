"""Two networks small enough to be trained on two CPU cores within two hours: an embedder and a detector."""

import math

from torch import Tensor, nn
from torch.nn import functional

STRIDES = (8, 16, 32)
COLUMNS = {"cls": 1, "obj": 1, "bbox": 4, "kps": 10}
"""Outputs a cell, in the order in which a head's channels stand."""

# Chance of a face that an untrained cell answers: without it the first steps only unlearn 2,100 cells a picture.
_PRIOR = 0.01
# Half a brightness range. Scale only, no shift: padding by zeros is then black, as outside the picture.
_PIXEL_SCALE = 127.5


class Unit(nn.Module):
    """Convolution, batch normalisation and, unless `linear`, a ReLU; `padding` keeps the size unless given."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        side: int = 3,
        stride: int = 1,
        *,
        groups: int = 1,
        padding: int | None = None,
        linear: bool = False,
    ) -> None:
        super().__init__()
        around = side // 2 if padding is None else padding
        self.conv = nn.Conv2d(inputs, outputs, side, stride, around, groups=groups, bias=False)
        self.norm: nn.Module = nn.BatchNorm2d(outputs)
        self.linear = linear

    def forward(self, values: Tensor) -> Tensor:
        """(n, inputs, h, w) to (n, outputs, h / stride, w / stride)."""
        normed = self.norm(self.conv(values))
        return normed if self.linear else functional.relu(normed)


class Residual(nn.Module):
    """A chain of units added to its own input, then a ReLU."""

    def __init__(self, *units: Unit) -> None:
        super().__init__()
        self.units = nn.Sequential(*units)

    def forward(self, values: Tensor) -> Tensor:
        """(n, c, h, w) to the same shape."""
        return functional.relu(values + self.units(values))


class EmbeddingNetwork(nn.Module):
    """An embedder of aligned faces, 0.45 million parameters and 58 million multiplications a crop at 128.

    The last map is weighed by place, channel by channel, instead of being averaged: where an eye lies tells people
    apart. ReLU and not PReLU: a third faster to train.

    Args:
        dimension: Length of an embedding.
    """

    def __init__(self, dimension: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            Unit(3, 24, stride=2),
            Unit(24, 48, stride=2),
            Residual(Unit(48, 48), Unit(48, 48, linear=True)),
            Unit(48, 96, stride=2),
            Residual(Unit(96, 48), Unit(48, 96, linear=True)),
            Residual(Unit(96, 48, 1), Unit(48, 48), Unit(48, 96, 1, linear=True)),
            Unit(96, 128, stride=2),
            Residual(Unit(128, 64, 1), Unit(64, 64), Unit(64, 128, 1, linear=True)),
            Unit(128, 192, 1),
            Unit(192, 192, 7, groups=192, padding=0, linear=True),
            Unit(192, dimension, 1, linear=True),
        )

    def forward(self, crops: Tensor) -> Tensor:
        """Embeddings, not of length 1.

        Args:
            crops: (n, 3, 112, 112) float32, from `align`, normalised.

        Returns:
            (n, dimension).
        """
        return self.layers(crops).flatten(1)


class _Head(nn.Module):
    """Sixteen numbers a cell: face or not, how well the box fits, box, landmarks."""

    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        self.units = nn.Sequential(Unit(width, inner, 1), Unit(inner, inner))
        self.last = nn.Conv2d(inner, sum(COLUMNS.values()), 1)
        nn.init.zeros_(self.last.bias)
        nn.init.constant_(self.last.bias[:2], math.log(_PRIOR / (1 - _PRIOR)))

    def forward(self, values: Tensor) -> Tensor:
        """(n, width, h, w) to (n, 16, h, w)."""
        return self.last(self.units(values))


class DetectionNetwork(nn.Module):
    """A face detector with YuNet's twelve outputs.

    Nothing but one convolution works on more than a sixty-fourth of the pixels, which is what makes it fast.
    """

    def __init__(self) -> None:
        super().__init__()
        self.fine = nn.Sequential(
            Unit(3, 32, 6, 4, padding=1), Unit(32, 48, stride=2), _bottleneck(48, 16), _bottleneck(48, 16)
        )
        self.middle = nn.Sequential(
            Unit(48, 80, stride=2), _bottleneck(80, 40), _bottleneck(80, 40), _bottleneck(80, 40)
        )
        self.coarse = nn.Sequential(
            Unit(80, 112, stride=2), _bottleneck(112, 48), _bottleneck(112, 48), _bottleneck(112, 48)
        )
        self.from_coarse = Unit(112, 80, 1, linear=True)
        self.from_middle = Unit(80, 48, 1, linear=True)
        self.heads = nn.ModuleList([_Head(48, 24), _Head(80, 64), _Head(112, 80)])

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """The outputs by name, before the sigmoid.

        Args:
            images: (n, 3, h, w) float32, BGR, 0 to 255; h and w multiples of 32.

        Returns:
            For stride S in 8, 16 and 32 cls_S (n, cells, 1), obj_S (n, cells, 1), bbox_S (n, cells, 4) and kps_S
            (n, cells, 10), one cell per S x S pixels, row by row. All cls first, then all obj, bbox and kps.
        """
        fine = self.fine(images / _PIXEL_SCALE)
        middle = self.middle(fine)
        coarse = self.coarse(middle)
        middle = middle + _double(self.from_coarse(coarse))
        fine = fine + _double(self.from_middle(middle))
        maps = [head(level) for head, level in zip(self.heads, (fine, middle, coarse), strict=True)]
        cells = [level.flatten(2).transpose(1, 2).split(list(COLUMNS.values()), 2) for level in maps]
        return {
            f"{kind}_{stride}": parts[column]
            for column, kind in enumerate(COLUMNS)
            for stride, parts in zip(STRIDES, cells, strict=True)
        }


def _bottleneck(width: int, inner: int) -> Residual:
    return Residual(Unit(width, inner, 1), Unit(inner, inner), Unit(inner, width, 1, linear=True))


def _double(values: Tensor) -> Tensor:
    return functional.interpolate(values, scale_factor=2.0, mode="nearest")


def count_parameters(network: nn.Module) -> int:
    """Numbers that are learned."""
    return sum(values.numel() for values in network.parameters())
