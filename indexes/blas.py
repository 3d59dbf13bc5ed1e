"""Which kernels the OpenBLAS inside FAISS's wheel takes.

FAISS 1.15's wheel brings OpenBLAS 0.3.15 of 2021. Processors made since are strangers to it, and a stranger gets its
oldest kernels ("Prescott", without AVX): three times slower. It is told instead what the processor can do.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_ASKED = "OPENBLAS_CORETYPE"
_KERNELS = (
    ("SkylakeX", {"avx512f", "avx512cd", "avx512bw", "avx512dq", "avx512vl"}),
    ("Haswell", {"avx2", "fma"}),
)


@contextmanager
def fitting_kernels() -> Iterator[None]:
    """While FAISS is imported: have its OpenBLAS take the kernels that this processor can run.

    What the environment says of it does not count: cosines differ between kernels as they do between processors, in the
    last bits. It is put back afterwards, for NumPy's OpenBLAS is younger and knows better.
    """
    before = os.environ.pop(_ASKED, None)
    if (kernels := kernels_for(_flags())) is not None:
        os.environ[_ASKED] = kernels
    try:
        yield
    finally:
        os.environ.pop(_ASKED, None)
        if before is not None:
            os.environ[_ASKED] = before


def kernels_for(flags: set[str]) -> str | None:
    """The fastest kernels of OpenBLAS 0.3.15 for an x86 processor with these flags; None: its own choice."""
    return next((kernels for kernels, needed in _KERNELS if needed <= flags), None)


def _flags() -> set[str]:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return set()
    return next((set(line.split()) for line in lines if line.startswith("flags")), set())
