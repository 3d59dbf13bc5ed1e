"""Cut faces out so that eyes, nose and mouth lie where the embedder learned them."""

import cv2
import numpy as np
import numpy.typing as npt

from operators.types import Float32, Image

SIZE_PX = 112
TEMPLATE: Float32 = np.array(
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]], np.float32
)
"""(5, 2) float32, pixels of the crop, x then y, in the order of `Faces.landmarks`."""
TEMPLATE.flags.writeable = False
TEMPLATE_NAME = "five-point-112/bilinear-1"
"""Changes with anything here that moves a pixel of a crop; part of the embedding contract."""

# Landmarks closer together than this (mean square, pixels) hold no direction and no size.
_POINT = 1e-6


def similarity(landmarks: Float32) -> npt.NDArray[np.float64]:
    """The rotation, scale and shift that bring landmarks closest to the template, by least squares.

    In the plane a rotation with a scale is one complex factor, so the solution has a closed form and cannot mirror.

    Args:
        landmarks: (n, 5, 2) float32, pixels, x then y.

    Returns:
        (n, 2, 3) float64, from image to crop. Landmarks that are all one point, or not finite, give a crop at scale 1
        around their mean (around the origin), never NaN.
    """
    points = np.nan_to_num(landmarks.astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0)
    source = points[..., 0] + 1j * points[..., 1]
    target = TEMPLATE[:, 0].astype(np.float64) + 1j * TEMPLATE[:, 1]
    centre, middle = source.mean(axis=1), target.mean()
    spread = source - centre[:, None]
    variance = (np.abs(spread) ** 2).mean(axis=1)
    covariance = (np.conj(spread) * (target - middle)).mean(axis=1)
    usable = (variance > _POINT) & (np.abs(covariance) > _POINT)
    factor = np.where(usable, covariance / np.where(usable, variance, 1), 1)
    shift = middle - factor * centre
    rows = [[factor.real, -factor.imag, shift.real], [factor.imag, factor.real, shift.imag]]
    return np.array(rows).transpose(2, 0, 1)


def align(image: Image, landmarks: Float32) -> npt.NDArray[np.uint8]:
    """Crops of faces, upright and of one size. What lies outside the image is black.

    Args:
        image: (h, w, 3) uint8, BGR, sides below 32767.
        landmarks: (n, 5, 2) float32, pixels of `image`.

    Returns:
        (n, 112, 112, 3) uint8, BGR.
    """
    crops = np.empty((len(landmarks), SIZE_PX, SIZE_PX, 3), np.uint8)
    for crop, transform in zip(crops, similarity(landmarks), strict=True):
        cv2.warpAffine(image, transform, (SIZE_PX, SIZE_PX), dst=crop, flags=cv2.INTER_LINEAR)
    return crops
