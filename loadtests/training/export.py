"""Networks to ONNX files that hold weights and nothing about the machine that trained them."""

import copy
import io
import warnings
from typing import Any

import onnx
import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from loadtests.training.networks import COLUMNS, STRIDES, DetectionNetwork, EmbeddingNetwork, Unit
from operators.align import SIZE_PX

_OPSET, _IR = 17, 9
_EXAMPLE_PX = 64


def export_embedder(network: EmbeddingNetwork) -> bytes:
    """A graph from `input` (batch, 3, 112, 112), normalised, to `embedding` (batch, dimension), of any length.

    How crops are normalised stands in the model's manifest: COLOUR, MEAN and SCALE of embedder.py.
    """
    example = torch.zeros(2, 3, SIZE_PX, SIZE_PX)
    return _export(network, example, ["embedding"], {0: "batch"})


def export_detector(network: DetectionNetwork) -> bytes:
    """A graph from `input` (batch, 3, height, width), BGR, 0 to 255, sides multiples of 32, to YuNet's outputs."""
    example = torch.zeros(2, 3, _EXAMPLE_PX, _EXAMPLE_PX)
    names = [f"{kind}_{stride}" for kind in COLUMNS for stride in STRIDES]
    return _export(_Answers(network), example, names, {0: "batch", 2: "height", 3: "width"})


class _Answers(nn.Module):
    """A detector whose `cls` and `obj` lie between 0 and 1."""

    def __init__(self, network: DetectionNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        outputs = self.network(images)
        return tuple(v.sigmoid() if name[:3] in ("cls", "obj") else v for name, v in outputs.items())


def _export(network: nn.Module, example: Tensor, names: list[str], free: dict[int, str]) -> bytes:
    file = io.BytesIO()
    axes = {"input": free, **{name: {0: "batch"} for name in names}}
    with warnings.catch_warnings():
        # The older exporter: the newer one writes the paths of this source into the graph.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            _fold(network),
            (example,),
            file,
            dynamo=False,
            opset_version=_OPSET,
            input_names=["input"],
            output_names=names,
            dynamic_axes=axes,
        )
    return _bare(onnx.load_from_string(file.getvalue()))


def _fold(network: nn.Module) -> nn.Module:
    """A copy in float32 whose units have their normalisation within the convolution."""
    folded = copy.deepcopy(network).float().cpu().to(memory_format=torch.contiguous_format).eval()
    for module in folded.modules():
        if isinstance(module, Unit):
            module.conv = fuse_conv_bn_eval(module.conv, module.norm)
            module.norm = nn.Identity()
    return folded


def _bare(model: Any) -> bytes:
    """Without names of files, modules and programs."""
    model.ir_version = _IR
    model.producer_name = model.producer_version = model.doc_string = ""
    model.graph.name = "graph"
    renamed: dict[str, str] = {port.name: port.name for port in [*model.graph.input, *model.graph.output]}
    for number, constant in enumerate(model.graph.initializer):
        constant.name = renamed.setdefault(constant.name, f"constant_{number}")
    for number, node in enumerate(model.graph.node):
        node.name = node.doc_string = ""
        del node.metadata_props[:]
        node.input[:] = [renamed[name] if name else "" for name in node.input]
        node.output[:] = [renamed.setdefault(name, f"value_{number}_{place}") for place, name in enumerate(node.output)]
    del model.graph.value_info[:], model.metadata_props[:]
    onnx.checker.check_model(model)
    data: bytes = model.SerializeToString(deterministic=True)
    return data
