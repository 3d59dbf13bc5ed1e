"""Pixels to network input."""

import math
from typing import Generic, Literal, TypeVar

import cv2
import numpy as np
import numpy.typing as npt

from operators.types import Float32

T = TypeVar("T", np.float32, np.uint8)


class Kept(Generic[T]):
    """Memory that is used again and again, grows to the largest array asked for, and can be overwritten.

    Args:
        dtype: Of the arrays.
    """

    def __init__(self, dtype: type[T]) -> None:
        self._buffer: npt.NDArray[T] = np.empty(0, dtype)
        self._used = 0

    def take(self, *shape: int) -> npt.NDArray[T]:
        """A C-contiguous array of this shape, with any content, valid until the next call."""
        size = math.prod(shape)
        if size > self._buffer.size:
            self.forget()
            self._buffer = np.empty(size, self._buffer.dtype)
        self._used = max(self._used, size)
        taken: npt.NDArray[T] = self._buffer[:size].reshape(shape)
        return taken

    def forget(self) -> None:
        """Overwrite everything that was written since it was last forgotten."""
        self._buffer[: self._used] = 0
        self._used = 0


class Canvas:
    """Lays images on black canvases, as bytes, in one buffer that grows to the largest asked for.

    For graphs that make their own numbers of pixels, on a GPU: it prepares itself for 30 ms for each shape of input, so
    there are 1, 2, 4, 8 and so on of them, as many as the images need at least. Not for use by several threads.
    """

    def __init__(self) -> None:
        self._pixels = Kept(np.uint8)

    def fill(self, images: list[npt.NDArray[np.uint8]], height: int, width: int) -> npt.NDArray[np.uint8]:
        """The images at the top left of black canvases, see `Planes.fill`.

        Returns:
            (n, height, width, 3) uint8, BGR, C-contiguous, valid until the next call; n is the number of images,
            rounded up to a power of two. Canvases without an image are black.
        """
        canvases = self._pixels.take(1 << (len(images) - 1).bit_length(), height, width, 3)
        canvases[len(images) :] = 0
        for canvas, image in zip(canvases, images, strict=False):
            rows, columns = image.shape[:2]
            canvas[:rows, :columns] = image
            canvas[rows:] = 0
            canvas[:rows, columns:] = 0
        return canvases

    def forget(self) -> None:
        """Overwrite what the buffer holds of the last images."""
        self._pixels.forget()


class Planes:
    """Fills float32 planes for one network, in one buffer that grows to the largest input asked for.

    Channels are parted as bytes first, which OpenCV does with vector instructions; what a byte becomes is looked up,
    since there are 256 of them. Not for use by several threads: the array given out is valid until the next call.

    Args:
        colour: Channel order the network expects.
        mean: Subtracted from each channel, in that order.
        scale: Divides each channel after that.
        divisor: Divides everything in the end, see `lift_division`.

    Attributes:
        channels: The image's channel that each plane shows.
        factors: (3, 1, 1) float32, what each plane's pixels are multiplied by.
        offsets: (3, 1, 1) float32, what is added to each plane after that.
    """

    def __init__(
        self,
        colour: Literal["bgr", "rgb"],
        mean: tuple[float, float, float],
        scale: tuple[float, float, float],
        divisor: float = 1.0,
    ) -> None:
        self.channels = (0, 1, 2) if colour == "bgr" else (2, 1, 0)
        self.factors = (1 / np.array(scale)).astype(np.float32).reshape(3, 1, 1)
        self.offsets = (-np.array(mean) / np.array(scale)).astype(np.float32).reshape(3, 1, 1)
        levels = np.arange(256, dtype=np.float32) * self.factors + self.offsets
        self._tables: Float32 = levels / np.float32(divisor)  # (3, 1, 256): what each byte becomes in each plane
        self._planes = Kept(np.float32)
        self._parted = Kept(np.uint8)

    def fill(self, images: list[npt.NDArray[np.uint8]], height: int, width: int) -> Float32:
        """The images at the top left of black canvases.

        Args:
            images: (h, w, 3) uint8, BGR, all of one size, at most height x width.
            height: Of the canvas, pixels.
            width: Of the canvas, pixels.

        Returns:
            (n, 3, height, width) float32, C-contiguous, valid until the next call.
        """
        planes, black = self._planes.take(len(images), 3, height, width), self._tables[:, :, :1]
        for canvas, image in zip(planes, images, strict=True):
            rows, columns = image.shape[:2]
            parted = self._parted.take(3, rows, columns)
            cv2.split(image, [parted[channel] for channel in self.channels])
            for plane, pixels, table in zip(canvas[:, :rows, :columns], parted, self._tables, strict=True):
                cv2.LUT(pixels, table, plane)
            canvas[:, rows:] = black
            canvas[:, :rows, columns:] = black
        return planes

    def forget(self) -> None:
        """Overwrite what the buffers hold of the last images."""
        self._planes.forget()
        self._parted.forget()
