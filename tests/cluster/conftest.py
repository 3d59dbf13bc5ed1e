"""Policies, cluster files and manifests on disk."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Write = Callable[..., Path]


@pytest.fixture
def write_document(tmp_path: Path) -> Write:
    """Writes a document as YAML (JSON is YAML) and gives its path."""

    def build(document: Any, name: str = "document.yaml") -> Path:
        path = tmp_path / name
        path.write_text(json.dumps(document, ensure_ascii=False, indent=1))
        return path

    return build
