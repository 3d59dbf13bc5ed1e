"""Every object of every example against the schemas of those who read it, closed: a field too many is an error.

Kubernetes' own kinds are held against the schemas that kubernetes-validate carries, others against definitions
generated from their operators' types.
"""

import importlib.util
from pathlib import Path

import pytest

from helm.tools.examples import EXAMPLES, committed, names
from tests.helm.needed import needed, needed_definitions, ran, refused
from tests.helm.schemas import LAYOUT, STRIMZI, copy_schemas, write_schemas

pytestmark = pytest.mark.chart

KUBERNETES = ("1.30.0", "1.33.0", "1.37.0")
KUBERAY = ("1.5", "1.6")
OTHERS = ("monitoring",)


@pytest.fixture(scope="module", params=KUBERNETES)
def built_in(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Schemas of Kubernetes' own kinds, of one of its versions."""
    found = importlib.util.find_spec("kubernetes_validate")
    if found is None or found.origin is None:
        pytest.skip("kubernetes-validate is not installed: it is one of the dev packages")
    folder = tmp_path_factory.mktemp("kubernetes") / request.param
    copy_schemas(Path(found.origin).parent, request.param, folder)
    return f"{folder}/{{{{ .ResourceKind }}}}{{{{ .KindSuffix }}}}.json"


@pytest.fixture(scope="module", params=KUBERAY)
def schemas(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Schemas of the operators' kinds, with one of KubeRay's versions."""
    folder = tmp_path_factory.mktemp("schemas")
    write_schemas([STRIMZI, *(needed_definitions(each) for each in (f"kuberay-{request.param}", *OTHERS))], folder)
    return f"{folder}/{LAYOUT}"


def kubeconform(*schemas: str) -> list[str | Path]:
    """The command that holds manifests against closed schemas, and skips no kind."""
    where = [word for each in schemas for word in ("-schema-location", each)]
    return [needed("charts", "kubeconform"), "-strict", "-summary", *where]


@pytest.mark.parametrize("example", names())
def test_every_object_is_one_that_its_reader_knows(example: str, built_in: str, schemas: str) -> None:
    """For the oldest KubeRay, too: what it does not know it would leave out in silence."""
    said = ran([*kubeconform(built_in, schemas), committed(example)])
    assert "Skipped: 0" in said


def test_a_field_that_no_operator_knows_is_found(schemas: str, tmp_path: Path) -> None:
    """In the pod of a RayCluster, where a security context could be lost."""
    ray = (EXAMPLES / "minimal-cpu" / "rendered" / "ray-raycluster.yaml").read_text()
    spoilt = ray.replace("readOnlyRootFilesystem", "readOnlyRootFileSystem")
    assert spoilt != ray
    (tmp_path / "spoilt.yaml").write_text(spoilt)
    assert "readOnlyRootFileSystem" in refused([*kubeconform(schemas), tmp_path / "spoilt.yaml"])
