"""Exact search at the speed of 8-bit products: rounded rows say who may qualify, and only those are compared in full.

How far a rounded product can be from the true one is known, not guessed. A row r is held as s * a with whole numbers a,
a query q as t * b; by Cauchy and Schwarz

    |q . r - (t b) . (s a)|  <=  |q| |r - s a|  +  |q - t b| |s a|

so whoever reaches a threshold has a rounded product of at least the threshold less this slack. Rows are rounded in
groups of neighbours that share a scale, and the network answers with the largest product of each group: where that
reaches the threshold less the group's slack, the group is compared in float32. Nothing is cut off when rounding: a row
with one large number has a coarse scale, which the slack of its group shows.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import TensorProto, helper

from indexes.exact import Rows
from indexes.graphs import open_graph
from indexes.groups import padded, search_groups
from operators.onnx import Device, Session
from operators.types import Float32

# Products of one block and 64 queries are 8 MB, which stay in the cache until the largest are picked.
BLOCK_ROWS = 32_768  # a multiple of a group
_GROUP = 32
_AT_ONCE = 1024  # rows that are rounded at once: 2 MB, a fifth faster than 4
_LEVELS = 127
_ZERO = 128  # of a query's unsigned numbers
# What float32 adds to the slack: scaling and summing numbers of up to 1, and comparing in full.
_ROUNDING = 1e-5
_MOST = 2.0**31 - 1
Float64 = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Rounded:
    """Vectors as whole numbers: vector i of group g is about scales[g] * numbers[i].

    Attributes:
        numbers: (n, d) int8, -127 to 127.
        scales: (groups,) float64.
        lost: (groups,) float64, largest length of what rounding took away from a vector.
        kept: (groups,) float64, largest length of what is left of one.
    """

    numbers: npt.NDArray[np.int8]
    scales: Float64
    lost: Float64
    kept: Float64


def rounded(vectors: Float32, group: int) -> Rounded:
    """Round vectors to 255 levels.

    Args:
        vectors: (n, d) float32, finite; n a multiple of `group`.
        group: So many neighbours share a scale.
    """
    together = vectors.reshape(-1, group, vectors.shape[1])
    numbers = np.empty(together.shape, np.int8)
    scales, lost, kept = (np.zeros(len(together)) for _ in range(3))
    step = max(1, _AT_ONCE // group)
    scratch = np.empty((min(step, len(together)), *together.shape[1:]), np.float32)
    for start in range(0, len(together), step):
        part, here = together[start : start + step], slice(start, start + step)
        scale = np.maximum(part.max((1, 2)), -part.min((1, 2))) / np.float32(_LEVELS)
        near = np.divide(part, np.where(scale > 0, scale, np.float32(1))[:, None, None], out=scratch[: len(part)])
        np.rint(near, out=near)
        numbers[here] = near
        near *= scale[:, None, None]
        scales[here], kept[here] = scale, _longest(near)
        near -= part
        lost[here] = _longest(near)
    return Rounded(numbers.reshape(vectors.shape), scales, lost, kept)


def _longest(groups: Float32) -> Float64:
    """The largest length of a vector of each group, no less than it is: summing in float32 loses up to d * 2**-24."""
    squares = np.einsum("gnd,gnd->gn", groups, groups).max(1).astype(np.float64)
    return np.asarray(np.sqrt(squares * (1 + 2 * groups.shape[2] * 2.0**-24)))


class Int8Index:
    """The same answers as `ExactIndex`, several times faster where the processor multiplies 8-bit numbers.

    Args:
        rows: (n, d) float32 unit vectors; not copied.
        threads: Of a search.
    """

    def __init__(self, rows: Float32, threads: int) -> None:
        self._rows = rows
        none = np.zeros(0)
        sessions, scales, lost, kept = [], [none], [none], [none]
        for start in _starts(rows):
            held = rounded(padded(rows[start : start + BLOCK_ROWS], _GROUP), _GROUP)
            sessions.append(_open(held.numbers, threads))
            scales.append(held.scales)
            lost.append(held.lost)
            kept.append(held.kept)
        self._sessions = sessions
        self._scales, self._lost, self._kept = (np.concatenate(each) for each in (scales, lost, kept))

    def search(self, queries: Float32, k: int, at_least: float = -np.inf) -> tuple[Float32, Rows]:
        """See `ExactIndex.search`. The higher `at_least`, the fewer rows are compared in full."""
        return search_groups(self._rows, _GROUP, self._may_reach, queries, k, at_least)

    def _may_reach(self, queries: Float32, at_least: float) -> tuple[Rows, Rows]:
        """Queries and groups of which a row may have that cosine."""
        asked = rounded(queries, 1)
        unsigned = asked.numbers.astype(np.float32) + _ZERO
        largest = np.concatenate([session.run(unsigned)[0] for session in self._sessions], axis=1)
        lengths = np.linalg.norm(queries.astype(np.float64), axis=1)
        # First with the coarsest scale and the largest slack of all groups: one comparison of whole numbers.
        enough = at_least - lengths * self._lost.max() - asked.lost * self._kept.max() - _ROUNDING
        unit = np.maximum(asked.scales * self._scales.max(), np.finfo(np.float64).tiny)
        floor = np.where(enough > 0, np.minimum(enough / unit, _MOST), -_MOST).astype(np.int32)
        query, group = np.nonzero(largest >= floor[:, None])
        slack = lengths[query] * self._lost[group] + asked.lost[query] * self._kept[group] + _ROUNDING
        near = largest[query, group] * asked.scales[query] * self._scales[group]
        reach = near >= at_least - slack
        return query[reach], group[reach]


def _starts(rows: Float32) -> range:
    return range(0, len(rows), BLOCK_ROWS)


def is_exact_here() -> bool:
    """Whether this processor gives exact products of 8-bit numbers.

    Without VNNI the products of two neighbours are summed in 16 bits and cut off where that is too little.
    """
    numbers = np.full((2 * _GROUP, 64), _LEVELS, np.int8)
    numbers[_GROUP:] = -_LEVELS
    [largest] = _open(numbers, 1).run(np.full((2, 64), _ZERO + _LEVELS, np.float32))
    return bool((largest == np.array([64, -64]) * _LEVELS**2).all())


def _open(numbers: npt.NDArray[np.int8], threads: int) -> Session:
    """A graph from whole numbers of 0 to 255, (q, d) float32, to the largest products: (q, groups) int32."""
    rows, size = numbers.shape
    shape = np.array([0, rows // _GROUP, _GROUP], np.int64)
    constants: dict[str, npt.NDArray[Any]] = {"zero": np.array(_ZERO, np.uint8), "groups": shape}
    nodes = [
        helper.make_node("Cast", ["queries"], ["asked"], to=TensorProto.UINT8),
        helper.make_node("MatMulInteger", ["asked", "rows", "zero"], ["products"]),
        helper.make_node("Reshape", ["products", "groups"], ["grouped"]),
        helper.make_node("ReduceMax", ["grouped"], ["largest"], axes=[2], keepdims=0),
    ]
    turned, kind = _turned(numbers), TensorProto.INT32
    return open_graph(nodes, turned, constants, size, rows // _GROUP, kind, Device.CPU, threads)


def _turned(numbers: npt.NDArray[np.int8]) -> npt.NDArray[np.int8]:
    """(n, d) to (d, n), in parts that fit into a cache: six times as fast as NumPy at once."""
    turned = np.empty(numbers.shape[::-1], np.int8)
    for start in range(0, len(numbers), 256):
        turned[:, start : start + 256] = numbers[start : start + 256].T
    return turned
