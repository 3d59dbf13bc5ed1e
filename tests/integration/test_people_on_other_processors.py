"""People are the same to the last byte on processors with and without vector instructions."""

import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.integration

SCRIPT = """
import hashlib
from loadtests.people.camera import Camera
from loadtests.people.scenes import Crowd, plan_walks
from loadtests.people.sheet import sheet

schedule = plan_walks(1, ["only"], 5, 12, Crowd({"x": 1}, [5, 6], 30, 0.5, 5))
frame, truths = Camera(schedule, "only").frame(40)
assert truths
for part in (sheet(1, 4).tobytes(), frame.tobytes(), repr([truth.landmarks.tolist() for truth in truths]).encode()):
    print(hashlib.sha256(part).hexdigest())
"""
WITHOUT = {
    "everything": {},
    "NumPy's vectors": {"NPY_DISABLE_CPU_FEATURES": "AVX512F AVX512CD AVX512_SKX AVX512_ICL AVX2 FMA3 X86_V4 X86_V3"},
    "OpenCV's vectors": {"OPENCV_CPU_DISABLE": "AVX512-SKX,AVX512-ICL,AVX2,FMA3,FP16,AVX,SSE4.2,SSE4.1,SSSE3"},
}


def drawn(change: dict[str, str]) -> str:
    """Digests of a contact sheet, a frame and its truth, drawn by a process of its own."""
    command = [sys.executable, "-W", "ignore", "-c", SCRIPT]
    done = subprocess.run(
        command, env={**os.environ, **change}, capture_output=True, text=True, timeout=300, check=True
    )
    return done.stdout


def test_the_same_bytes_whatever_the_processor_can_do() -> None:
    """With all instructions of this one, and with NumPy and OpenCV each held to those that every x86-64 has."""
    digests = {name: drawn(change) for name, change in WITHOUT.items()}
    assert len(digests["everything"].split()) == 3
    assert len(set(digests.values())) == 1, digests
