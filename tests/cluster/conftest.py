"""Policies, cluster files, manifests and a whole deployment on disk."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cluster.plan import Plan, read_plan
from tests.drawn import indexed, write_deployment

Write = Callable[..., Path]


@pytest.fixture
def write_document(tmp_path: Path) -> Write:
    """Writes a document as YAML (JSON is YAML) and gives its path."""

    def build(document: Any, name: str = "document.yaml") -> Path:
        path = tmp_path / name
        path.write_text(json.dumps(document, ensure_ascii=False, indent=1))
        return path

    return build


@pytest.fixture(scope="session")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    """A deployment of drawn people, with files of its own; shared, so not to be changed."""
    folder = tmp_path_factory.mktemp("deployment")
    file: Path = folder / "cluster.yaml"
    file.write_text(json.dumps({"cluster": "drawn", **write_deployment(folder)}))
    return read_plan(file)


@pytest.fixture(scope="session")
def sharded(drawn: Plan) -> Plan:
    """The same over two shards with two replicas each."""
    return indexed(drawn, replicas=2)
