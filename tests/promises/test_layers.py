"""Imports point one way, and what is below can be used without what is above."""

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LINT = Path(sys.executable).with_name("lint-imports")

_IMPORT_ALL = """
import importlib, pkgutil, sys
above = {"ray", "kafka", "yaml", "pydantic", "click", "rich", "av", "cluster", "loadtests"}
for package, unwanted in (("operators", above | {"faiss", "indexes"}), ("indexes", above)):
    for found in pkgutil.iter_modules(importlib.import_module(package).__path__):
        importlib.import_module(f"{package}.{found.name}")
    print(package, sorted({name.partition(".")[0] for name in sys.modules} & unwanted))
"""


def test_lower_layers_load_nothing_of_the_upper() -> None:
    """Every module of them, in a process of its own: neither Ray nor Kafka nor any file format."""
    done = subprocess.run([sys.executable, "-c", _IMPORT_ALL], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["operators []", "indexes []"]


def _lint(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [str(LINT), "--no-cache", *options]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60)


def test_the_import_contracts_hold() -> None:
    """The contracts of pyproject.toml, as `make check` runs them."""
    done = _lint(ROOT)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 broken" in done.stdout


def test_each_contract_can_be_broken(tmp_path: Path) -> None:
    """The positive control: over a copy of the tree with wrong imports in four files, every contract is broken."""
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for package in ("operators", "indexes", "cluster", "loadtests"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    wrong = {
        "operators/decide.py": ["ray", "yaml", "cluster.pipeline"],
        "indexes/merge.py": ["onnxruntime", "simplejpeg", "onnx"],
        "cluster/pipeline.py": ["kafka", "faiss", "cluster.asking"],
        "loadtests/sought.py": ["torch", "confluent_kafka", "opentelemetry", "prometheus_client", "pynvml"],
    }
    for name, modules in wrong.items():
        with (tmp_path / name).open("a") as file:
            file.writelines(f"\nimport {module}\n" for module in modules)
    done = _lint(tmp_path)
    assert done.returncode != 0
    assert "Contracts: 0 kept" in done.stdout
    for name, modules in wrong.items():
        for module in modules:
            assert f"{name.replace('/', '.').removesuffix('.py')} -> {module}" in done.stdout, module
