"""Nothing is reported to the makers of the libraries: ONNX Runtime does so unless it is told not to."""

import os
import subprocess
import sys
from pathlib import Path

from tests.graphs import build_embedder

RUN = """
import sys
from operators.onnx import Device, open_session
session = open_session(open(sys.argv[1], "rb").read(), Device.CPU, 1)
print(session.provider)
"""


def left_behind(home: Path, model: Path, code: str) -> list[Path]:
    """Files below a fresh home folder after `code` has run a model."""
    home.mkdir()
    # Nothing else of the environment: the library keeps quiet by itself where CI is set.
    alone = {"HOME": str(home), "PATH": os.environ["PATH"]}
    subprocess.run([sys.executable, "-c", code, str(model)], env=alone, check=True, timeout=60)
    return [path for path in home.rglob("*") if path.is_file()]


def test_running_a_model_leaves_no_telemetry_behind(tmp_path: Path) -> None:
    """Reports start as a data base in the home folder: there is none; without our precaution there is (the control)."""
    model = tmp_path / "model.onnx"
    model.write_bytes(build_embedder())
    assert left_behind(tmp_path / "ours", model, RUN) == []
    control = "import onnxruntime, sys; onnxruntime.InferenceSession(sys.argv[1], providers=['CPUExecutionProvider'])"
    assert any("onnxruntime" in str(path) for path in left_behind(tmp_path / "control", model, control))
