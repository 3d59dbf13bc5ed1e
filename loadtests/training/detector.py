"""Train a face detector on drawn pictures that never come twice."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from loadtests.training.assignment import Truth, cells_of
from loadtests.training.batches import prepare, to_planes
from loadtests.training.learning import Pace, learn
from loadtests.training.losses import detector_loss
from loadtests.training.networks import DetectionNetwork
from loadtests.training.schedule import Budget
from operators.types import Faces

_LONGEST = 10.0
_Batch = tuple[npt.NDArray[np.uint8], list[Faces]]
Sample = Callable[[np.random.Generator, int], _Batch]
"""Draws `count` pictures (count, side, side, 3) uint8, BGR, side a multiple of 32, with all faces in them; a pure
function of the generator, called from several threads."""


@dataclass(frozen=True, slots=True)
class DetectorSettings:
    """How a detector learns.

    Attributes:
        batch: Pictures a step.
        rate: Highest learning rate, at the batch given.
        decay: Weight decay.
        threads: Threads that draw pictures.
        report_every: Steps between two lines of the report.
    """

    batch: int = 16
    rate: float = 3e-3
    decay: float = 0.01
    threads: int = 1
    report_every: int = 100


def train(
    sample: Sample,
    settings: DetectorSettings,
    budget: Budget,
    seed: int,
    device: str,
    report: Callable[[str], None],
) -> DetectionNetwork:
    """Learn to find the faces in these pictures.

    The same model comes out of the same seed, number of steps, device and number of torch's threads.

    Args:
        sample: Draws pictures; light, blur, noise and JPEG are its business.
        settings: How it learns.
        budget: How long.
        seed: Of everything that is drawn.
        device: `cpu` or `cuda`.
        report: Takes a line now and then.

    Returns:
        The network in evaluation mode, on the CPU.
    """
    torch.manual_seed(seed)
    on = torch.device(device)
    network = DetectionNetwork()
    network.to(on, memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(network.parameters(), weight_decay=settings.decay)

    def losses(batch: _Batch, _: float) -> dict[str, Tensor]:
        images, faces = batch
        height, width = images.shape[1:3]
        with torch.autocast(on.type, torch.bfloat16):
            outputs = network(to_planes(images, on))
        loss = detector_loss(outputs, truth_of(faces, on), cells_of(height, width, on))
        parts = {"face": loss.face, "fit": loss.fit, "box": loss.box, "landmarks": loss.landmarks}
        return {"total": loss.total, **parts}

    batches = prepare(lambda step: sample(np.random.default_rng([seed, step]), settings.batch), settings.threads)
    learn(optimizer, batches, losses, Pace(budget, settings.rate, _LONGEST, settings.report_every), report)
    network.cpu().eval()
    return network


def truth_of(faces: list[Faces], device: torch.device) -> Truth:
    """The faces of several pictures as one value, padded to the most in a picture, at least one."""
    most = max([1, *map(len, faces)])
    boxes = np.zeros((len(faces), most, 4), np.float32)
    landmarks = np.zeros((len(faces), most, 5, 2), np.float32)
    real = np.zeros((len(faces), most), np.bool_)
    for row, own in enumerate(faces):
        boxes[row, : len(own)], landmarks[row, : len(own)], real[row, : len(own)] = own.boxes, own.landmarks, True
    return Truth(*(torch.from_numpy(values).to(device) for values in (boxes, landmarks, real)))
