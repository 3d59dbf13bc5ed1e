"""A search as it travels to an index shard and its answer as it comes back: bytes, never anywhere but in a call.

Ray passes one run of bytes each way faster than arrays, numbers and hits: docs/performance-shards.md.
"""

import pickle
import struct
from collections.abc import Sequence

import numpy as np

from operators.types import Float32, Hit

_HEAD = struct.Struct("<qqd")


def encode_query(vectors: Float32, k: int, at_least: float) -> bytes:
    """The arguments of `ports.Index.search`."""
    return _HEAD.pack(vectors.shape[1], k, at_least) + vectors.tobytes()


def decode_query(body: bytes) -> tuple[Float32, int, float]:
    """What `encode_query` was given; the vectors can only be read."""
    dimension, k, at_least = _HEAD.unpack_from(body)
    return np.frombuffer(body, np.float32, offset=_HEAD.size).reshape(-1, dimension), k, at_least


def encode_hits(hits: Sequence[Sequence[Hit]]) -> bytes:
    """The hits of each query."""
    return pickle.dumps(hits, pickle.HIGHEST_PROTOCOL)


def decode_hits(body: bytes) -> list[list[Hit]]:
    """What `encode_hits` was given. Only for what an actor of this cluster has answered: it may run code."""
    found: list[list[Hit]] = pickle.loads(body)  # noqa: S301 - Ray itself unpickles whatever actors answer
    return found
