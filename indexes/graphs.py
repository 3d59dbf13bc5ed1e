"""Graphs that multiply queries with rows. The only file of this package that builds any."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import NodeProto, StringStringEntryProto, TensorProto, helper, numpy_helper

from operators.onnx import Device, Session, open_session

_OPSET, _IR = 17, 9


def open_graph(
    nodes: Sequence[NodeProto],
    rows: npt.NDArray[Any],
    constants: Mapping[str, npt.NDArray[Any]],
    size: int,
    groups: int,
    kind: int,
    device: Device,
    threads: int,
) -> Session:
    """Open a graph from `queries` (q, size) float32 to `largest` (q, groups).

    Args:
        nodes: From the one to the other; they may use `rows` and the constants by name.
        rows: Held outside of the graph, in which they would be copied four times on the way; used where they lie.
        constants: Small arrays by name.
        size: Numbers of a query.
        groups: Of rows.
        kind: Of the output, a `TensorProto` type.
        device: See `open_session`.
        threads: See `open_session`.
    """
    weights = [
        TensorProto(
            name="rows",
            data_type=helper.np_dtype_to_tensor_dtype(rows.dtype),
            dims=rows.shape,
            data_location=TensorProto.EXTERNAL,
            external_data=[StringStringEntryProto(key="location", value="rows")],
        ),
        *(numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()),
    ]
    asked = helper.make_tensor_value_info("queries", TensorProto.FLOAT, ["q", size])
    largest = helper.make_tensor_value_info("largest", kind, ["q", groups])
    graph = helper.make_graph(nodes, "rows", [asked], [largest], weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=_IR)
    return open_session(model.SerializeToString(), device, threads, {"rows": rows})
