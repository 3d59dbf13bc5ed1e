import numpy as np
import pytest

from indexes import backends
from indexes.backends import best_backend
from indexes.exact import ExactIndex
from indexes.half import is_exact_on
from operators.errors import DeviceUnavailable
from operators.onnx import Device, providers
from tests.builders import random_units


def test_the_processor_is_asked_for_by_name() -> None:
    """And answers as the reference does."""
    rows = random_units(1, 50)
    cosines, _ = best_backend(1, Device.CPU).block(rows).search(rows[:3], 2, 0.0)
    np.testing.assert_allclose(cosines, ExactIndex(rows).search(rows[:3], 2, 0.0)[0], atol=1e-6)


@pytest.mark.skipif("CUDAExecutionProvider" in providers(), reason="this onnxruntime offers CUDA")
def test_a_gpu_that_is_not_there_is_refused_and_says_what_to_install() -> None:
    """`device: cuda` never searches on the processor without a word."""
    with pytest.raises(DeviceUnavailable, match="install the extra gpu instead of cpu"):
        best_backend(1, Device.CUDA)


def test_where_16_bit_products_are_not_what_they_should_be_faiss_searches(monkeypatch: pytest.MonkeyPatch) -> None:
    """On the GPU as well, and it refuses where it cannot."""
    monkeypatch.setattr(backends, "is_exact_on", lambda device: False)
    monkeypatch.setattr(backends, "faiss_gpu_backend", lambda threads: "faiss")
    assert best_backend(1, Device.CUDA) == "faiss"


def test_what_is_asked_of_products_holds_on_a_processor() -> None:
    """It sums in float32."""
    assert is_exact_on(Device.CPU)
