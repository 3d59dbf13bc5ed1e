"""Train an embedder on crops of people who do not exist."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from loadtests.training.augment import spoil_crop
from loadtests.training.batches import prepare, rows_of, to_planes
from loadtests.training.learning import Pace, learn
from loadtests.training.losses import CosineMargin, TraitRegression
from loadtests.training.networks import EmbeddingNetwork
from loadtests.training.schedule import Budget, ramp

COLOUR = "bgr"
MEAN = (127.5, 127.5, 127.5)
SCALE = (127.5, 127.5, 127.5)
"""How crops are fed, as in a model manifest."""

_LONGEST = 50.0
_Batch = tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]


@dataclass(frozen=True, slots=True)
class EmbedderSettings:
    """How an embedder learns.

    Attributes:
        dimension: Length of an embedding.
        batch: Crops a step.
        rate: Highest learning rate, at the batch given.
        decay: Weight decay.
        scale: Multiplies cosines before the softmax.
        margin: By which a crop must be closer to its own person, cosine.
        traits: Weight of reading the person's traits off the embedding, beside telling people apart.
        threads: Threads that prepare batches.
        report_every: Steps between two lines of the report.
    """

    dimension: int = 128
    batch: int = 128
    rate: float = 3e-3
    decay: float = 0.05
    scale: float = 32.0
    margin: float = 0.35
    traits: float = 8.0
    threads: int = 1
    report_every: int = 100


def train(
    crops: npt.NDArray[np.uint8],
    people: npt.NDArray[np.int64],
    traits: npt.NDArray[np.float32],
    settings: EmbedderSettings,
    budget: Budget,
    seed: int,
    device: str,
    report: Callable[[str], None],
) -> EmbeddingNetwork:
    """Learn to tell the people of these crops apart.

    The same model comes out of the same seed, number of steps, device and number of threads.

    Args:
        crops: (n, 112, 112, 3) uint8, BGR, from `align`; may be a memory map.
        people: (n,) whole numbers, 0 up to the number of people.
        traits: (people, t), what was drawn about each person, every column of mean 0 and deviation 1.
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
    network = EmbeddingNetwork(settings.dimension)
    network.to(on, memory_format=torch.channels_last)
    loss_of = CosineMargin(settings.dimension, len(traits), settings.scale).to(on)
    traits_of = TraitRegression(settings.dimension, torch.from_numpy(traits)).to(on)
    learned = [*network.parameters(), *loss_of.parameters(), *traits_of.parameters()]
    # After 480 batches of 64 and 500 people: loss 4.0 with AdamW at 0.003, 4.7 with SGD at 0.2, its best rate.
    optimizer = torch.optim.AdamW(learned, weight_decay=settings.decay)

    def losses(batch: _Batch, used: float) -> dict[str, Tensor]:
        images, persons = batch
        with torch.autocast(on.type, torch.bfloat16):
            embeddings = network(normalise(to_planes(images, on)))
        rows = torch.from_numpy(persons).to(on)
        # First what people are like, then who they are, then by a margin: in another order all crops end in one place.
        margin = settings.margin * ramp(used, 0.25, 0.6)
        apart = loss_of(embeddings.float(), rows, margin)
        alike = traits_of(embeddings.float(), rows)
        total = ramp(used, 0.02, 0.15) * apart + settings.traits * alike
        return {"total": total, "people": apart, "traits": alike}

    batches = prepare(lambda step: _batch(crops, people, settings.batch, seed, step), settings.threads)
    learn(optimizer, batches, losses, Pace(budget, settings.rate, _LONGEST, settings.report_every), report)
    network.cpu().eval()
    return network


def normalise(crops: Tensor) -> Tensor:
    """(n, 3, 112, 112), 0 to 255, as the network is fed: by MEAN and SCALE."""
    return (crops - MEAN[0]) / SCALE[0]


def _batch(crops: npt.NDArray[np.uint8], people: npt.NDArray[np.int64], batch: int, seed: int, step: int) -> _Batch:
    rows = rows_of(step, len(crops), min(batch, len(crops)), seed)
    random = np.random.default_rng([seed, step])
    return np.stack([spoil_crop(crop, random) for crop in crops[rows]]), people[rows].astype(np.int64)
