"""Exact search at the speed of a GPU's memory: float16 products say who may qualify, and those are compared in full.

A flat index of FAISS writes every product to memory and sorts out the best of each query, which takes over ten times as
long as reading the rows. Here the products of neighbours are reduced to their largest at once, and nothing is sorted.
Whoever reaches a threshold has a coarse product of at least the threshold less what rounding can take away,

    |q . r - q' . r'|  <=  |q| |r - r'|  +  |q - q'| |r'|  +  what summing and rounding the product adds

for the rounded row r' and query q'. Where a group's largest product reaches that, the group is compared in float32.
"""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt
from onnx import TensorProto, helper

from indexes.exact import Rows
from indexes.graphs import open_graph
from indexes.groups import padded, search_groups
from indexes.rescored import rounding
from operators.onnx import Device, Session
from operators.types import Float32

GROUP = 256  # rows whose products are reduced to one
BLOCK_ROWS = 1 << 20  # of one graph: 128 MB of products for 64 queries
_QUERIES = 64  # at once, whatever a crowd asks: 2 MB of products each
_AT_ONCE = 8192
# cuBLAS sums in float32, may part a sum and add the parts in float16, and rounds the product to it: 2**-11 of it each.
# 16 parts are more than it makes of 512 numbers; products are 1 at most.
_SUMMING = 16 * 2.0**-11
_SEED = 0
Float16 = npt.NDArray[np.float16]


class HalfIndex:
    """The same answers as `ExactIndex`, from rows on a GPU and in this process's memory.

    Args:
        rows: (n, d) float32 unit vectors that never change; not copied.
        device: Where the coarse products are made; on a processor they are slow, and the same.

    Raises:
        DeviceUnavailable: It is not there, or has not enough memory.
    """

    def __init__(self, rows: Float32, device: Device = Device.CUDA) -> None:
        self._rows = rows
        groups = -(-len(rows) // GROUP)
        self._lost, self._kept = np.zeros(groups), np.zeros(groups)
        self._sessions = []
        for start in range(0, len(rows), BLOCK_ROWS):
            near = self._rounded(start, rows[start : start + BLOCK_ROWS])
            self._sessions.append(_open(near, device))

    def search(self, queries: Float32, k: int, at_least: float = -np.inf) -> tuple[Float32, Rows]:
        """See `ExactIndex.search`. The higher `at_least`, the fewer rows are compared in full.

        Raises:
            DeviceUnavailable: The device fails.
        """
        parts = [queries[start : start + _QUERIES] for start in range(0, max(1, len(queries)), _QUERIES)]
        found = [search_groups(self._rows, GROUP, self._may_reach, part, k, at_least) for part in parts]
        cosines, rows = (np.concatenate(column) for column in zip(*found, strict=True))
        return cosines, rows

    def _rounded(self, first: int, rows: Float32) -> Float16:
        near = np.zeros((-(-len(rows) // GROUP) * GROUP, rows.shape[1]), np.float16)

        def fill(start: int) -> None:
            part = rows[start : start + _AT_ONCE]
            near[start : start + len(part)] = part
            lost, kept = rounding(padded(part, GROUP), np.float16)
            at = slice((first + start) // GROUP, (first + start) // GROUP + len(lost) // GROUP)
            self._lost[at], self._kept[at] = (each.reshape(-1, GROUP).max(1) for each in (lost, kept))

        with ThreadPoolExecutor() as pool:
            list(pool.map(fill, range(0, len(rows), _AT_ONCE)))
        return near

    def _may_reach(self, queries: Float32, at_least: float) -> tuple[Rows, Rows]:
        """Queries and groups of which a row may have that cosine."""
        largest = np.concatenate([session.run(queries)[0] for session in self._sessions], axis=1)
        lengths = np.linalg.norm(queries.astype(np.float64), axis=1)
        lost, _ = rounding(queries, np.float16)
        # First with the largest slack of all groups.
        summing = _SUMMING * np.maximum(lengths, 1) * max(1.0, self._kept.max())
        most = lengths * self._lost.max() + lost * self._kept.max() + summing
        query, group = np.nonzero(~(largest < (at_least - most)[:, None].astype(np.float32)))
        slack = lengths[query] * self._lost[group] + lost[query] * self._kept[group] + summing[query]
        # What is no number may be anybody: a query too long for float16.
        reach = ~(largest[query, group] < at_least - slack)
        return query[reach], group[reach]


def is_exact_on(device: Device) -> bool:
    """Whether the largest products on this device are within what the search allows for.

    Raises:
        DeviceUnavailable: It is not there.
    """
    draw = np.random.default_rng(_SEED)
    rows, queries = (_units(draw.standard_normal((count, 512))) for count in (2 * GROUP, 64))
    queries[:8] = rows[::64]
    [largest] = _open(rows, device).run(queries.astype(np.float32))
    true = (queries.astype(np.float64) @ rows.astype(np.float64).T).reshape(len(queries), 2, GROUP).max(2)
    return bool((np.abs(largest - true) <= _SUMMING).all())


def _units(vectors: npt.NDArray[np.float64]) -> Float16:
    units: Float16 = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float16)
    return units


def _open(near: Float16, device: Device) -> Session:
    """A graph from queries (q, d) float32 to the largest product with each group, (q, groups) float32."""
    rows, size = near.shape
    constants = {"line": np.array([0, 1, rows], np.int64), "groups": np.array([0, rows // GROUP], np.int64)}
    nodes = [
        helper.make_node("Cast", ["queries"], ["asked"], to=TensorProto.FLOAT16),
        helper.make_node("Gemm", ["asked", "rows"], ["products"], transB=1),
        # 1.0 ms for 64 queries and a million rows on an H100, where ReduceMax takes 1.3 and the product alone 0.5.
        helper.make_node("Reshape", ["products", "line"], ["lines"]),
        helper.make_node("MaxPool", ["lines"], ["pooled"], kernel_shape=[GROUP], strides=[GROUP]),
        helper.make_node("Reshape", ["pooled", "groups"], ["half"]),
        helper.make_node("Cast", ["half"], ["largest"], to=TensorProto.FLOAT),
    ]
    return open_graph(nodes, near, constants, size, rows // GROUP, TensorProto.FLOAT, device, 1)
