"""FAISS's OpenBLAS takes kernels that fit the processor."""

import ctypes
import os
from pathlib import Path

import pytest

from indexes import faiss_flat
from indexes.blas import fitting_kernels, kernels_for

_AVX512 = {"avx512f", "avx512cd", "avx512bw", "avx512dq", "avx512vl"}


@pytest.mark.parametrize(
    ("flags", "kernels"),
    [
        (_AVX512 | {"avx2", "fma", "sse2"}, "SkylakeX"),
        ({"avx512f", "avx512cd", "avx2", "fma"}, "Haswell"),
        ({"avx2", "fma"}, "Haswell"),
        ({"avx", "sse4_2"}, None),
        (set(), None),
    ],
)
def test_kernels_follow_what_the_processor_can_do(flags: set[str], kernels: str | None) -> None:
    """AVX-512 alone is not enough: the kernels want five parts of it."""
    assert kernels_for(flags) == kernels


@pytest.mark.parametrize("before", [None, "Nehalem"])
@pytest.mark.parametrize(("flags", "inside"), [({"avx2", "fma"}, "Haswell"), ({"sse2"}, None)])
def test_the_environment_does_not_choose_and_is_left_as_it_was(
    monkeypatch: pytest.MonkeyPatch, before: str | None, flags: set[str], inside: str | None
) -> None:
    """NumPy's OpenBLAS, and processes started later, choose for themselves."""
    monkeypatch.delenv("OPENBLAS_CORETYPE", raising=False)
    if before is not None:
        monkeypatch.setenv("OPENBLAS_CORETYPE", before)
    monkeypatch.setattr("indexes.blas._flags", lambda: flags)
    with fitting_kernels():
        assert os.environ.get("OPENBLAS_CORETYPE") == inside
    assert os.environ.get("OPENBLAS_CORETYPE") == before


def test_faiss_does_not_run_on_kernels_of_2004() -> None:
    """Which it did on every processor that is younger than its OpenBLAS."""
    assert faiss_flat.FaissFlat
    maps, flags = Path("/proc/self/maps"), Path("/proc/cpuinfo")
    loaded = (
        {line.split()[-1] for line in maps.read_text().splitlines() if "openblaso" in line} if maps.exists() else ()
    )
    if not loaded or " avx2 " not in flags.read_text():
        pytest.skip("no OpenBLAS of FAISS's own, or an old processor")
    for library in loaded:
        name = ctypes.CDLL(library).openblas_get_corename
        name.restype = ctypes.c_char_p
        assert name() != b"Prescott"
