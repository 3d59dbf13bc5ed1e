"""Where every drawn number comes from, and which seeds are for training alone."""

import numpy as np

Draw = np.random.Generator
TRAINING_FROM = 1_000_000
"""People and streets from here on train the networks, all others are for tests, demonstrations and evaluation."""


def draw_of(*seeds: int) -> Draw:
    """Draws that depend on these numbers alone: PCG64, whose uniform draws are the same on every machine."""
    return np.random.Generator(np.random.PCG64(list(seeds)))
