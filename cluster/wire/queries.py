"""A search as it travels to an index shard and its answer as it comes back: bytes, never anywhere but in a call.

Ray passes one run of bytes each way faster than arrays, numbers and hits: docs/performance-shards.md.
"""

import pickle
import struct
from collections.abc import Sequence

import numpy as np

from cluster.telemetry.context import TraceContext, parse_traceparent
from operators.types import Float32, Hit

_HEAD = struct.Struct("<qqdQ")
_ANSWER = struct.Struct("<q")


def encode_query(vectors: Float32, k: int, at_least: float, number: int = 0) -> bytes:
    """The arguments of `ports.Index.search`, and by which number the shard is to know this search.

    The frames whose traces are kept are not known before they are decided: the shard is told then, by this number,
    under which spans its own belong. 0: it need not be remembered.
    """
    return _HEAD.pack(vectors.shape[1], k, at_least, number) + vectors.tobytes()


def decode_query(body: bytes) -> tuple[Float32, int, float, int]:
    """What `encode_query` was given; the vectors can only be read."""
    dimension, k, at_least, number = _HEAD.unpack_from(body)
    return np.frombuffer(body, np.float32, offset=_HEAD.size).reshape(-1, dimension), k, at_least, number


def encode_hits(hits: Sequence[Sequence[Hit]], own_ns: int = 0) -> bytes:
    """The hits of each query, and how long the shard has searched, nanoseconds."""
    return _ANSWER.pack(own_ns) + pickle.dumps(hits, pickle.HIGHEST_PROTOCOL)


def decode_hits(body: bytes) -> tuple[list[list[Hit]], int]:
    """What `encode_hits` was given. Only for what an actor of this cluster has answered: it may run code."""
    [own_ns] = _ANSWER.unpack_from(body)
    found: list[list[Hit]] = pickle.loads(body[_ANSWER.size :])  # noqa: S301 - Ray itself unpickles what actors answer
    return found, own_ns


def encode_told(told: Sequence[tuple[int, TraceContext]]) -> bytes:
    """Searches by their numbers, and the spans of which they are parts."""
    return "\n".join(f"{number} {context}" for number, context in told).encode()


def decode_told(body: bytes) -> list[tuple[int, TraceContext]]:
    """What `encode_told` was given."""
    lines = [line.split(" ") for line in body.decode().split("\n") if line]
    return [(int(number), context) for number, text in lines if (context := parse_traceparent(text))]
