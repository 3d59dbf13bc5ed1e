"""FAISS on a GPU: refusals without one, and answers where there is one."""

import faiss
import numpy as np
import pytest

from indexes.backends import faiss_gpu_backend
from indexes.exact import ExactIndex
from indexes.faiss_gpu import gpu_flat
from operators.errors import DeviceUnavailable
from tests.builders import random_units

HAS_GPU = hasattr(faiss, "StandardGpuResources") and faiss.get_num_gpus() > 0


@pytest.mark.skipif(hasattr(faiss, "StandardGpuResources"), reason="this FAISS knows GPUs")
def test_faiss_for_processors_is_refused_and_says_what_to_install() -> None:
    """`device: cuda` never searches on the processor without a word."""
    with pytest.raises(DeviceUnavailable, match="install the extra gpu instead of cpu"):
        faiss_gpu_backend(1)


def test_a_machine_without_a_gpu_is_refused_and_says_what_to_check(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where cards are there and hidden from this process."""
    monkeypatch.setattr(faiss, "StandardGpuResources", object, raising=False)
    monkeypatch.setattr(faiss, "get_num_gpus", lambda: 0)
    with pytest.raises(DeviceUnavailable, match="nvidia-smi"):
        faiss_gpu_backend(1)
    with pytest.raises(DeviceUnavailable, match="nvidia-smi"):
        gpu_flat(random_units(1, 3), half=True)


@pytest.mark.gpu
@pytest.mark.skipif(not HAS_GPU, reason="needs FAISS for GPUs and a GPU")
@pytest.mark.parametrize("half", [True, False])
@pytest.mark.parametrize("at_least", [-1.0, 0.2, 0.9])
def test_a_gpu_answers_as_the_reference_does(half: bool, at_least: float) -> None:
    """In float16 and in float32, by value."""
    rows, queries = random_units(2, 20_000, 512), random_units(3, 40, 512)
    queries[::2] = rows[:20]
    cosines, _ = faiss_gpu_backend(1, half).block(rows).search(queries, 5, at_least)
    expected, _ = ExactIndex(rows).search(queries, 5, at_least)
    certain = np.isfinite(expected) & (expected > at_least + 1e-6)
    np.testing.assert_allclose(cosines[certain], expected[certain], atol=1e-6)
