"""What the tests of the doctor's checks share."""

import hashlib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from cluster.doctor.findings import Finding, Level
from cluster.settings import ClusterSettings, Models, Recognisers

OK, WARNING, FAULT = Level.OK, Level.WARNING, Level.FAULT


def levels(findings: list[Finding]) -> list[Level]:
    """The levels alone; every finding that is not ok must say what to do."""
    assert all(each.finding and bool(each.advice) == (each.level is not OK) for each in findings)
    return [each.level for each in findings]


def planned(files: Path = Path(), data: bytes = b"model", **changed: Any) -> Any:
    """A plan of two recognisers; its detector and embedder are the file `m.onnx` with these bytes."""
    manifest = SimpleNamespace(
        name="m", file="m.onnx", size_bytes=len(data), sha256=hashlib.sha256(data).hexdigest(), source=None
    )
    values = {"cluster": "demo", "policy": Path("p"), "models": Models(files, files), **changed}
    found = ClusterSettings(**{"recognisers": Recognisers(count=2), **values})
    return SimpleNamespace(settings=found, detector=manifest, embedder=manifest)
