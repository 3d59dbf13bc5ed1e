"""Every object of every example against the schemas of those who read it, closed: a field too many is an error.

Kubernetes' own kinds are held against the schemas that kubernetes-validate carries, others against definitions
generated from their operators' types.
"""

import importlib.util
from pathlib import Path

import pytest

from helm.tools.examples import EXAMPLES, names, template
from tests.helm.needed import needed, needed_definitions, ran, refused
from tests.helm.schemas import LAYOUT, STRIMZI, write_schemas

pytestmark = pytest.mark.chart

KUBERNETES = ("1.30.0", "1.33.0", "1.37.0")
KUBERAY = ("1.5", "1.6")
OTHERS = ("monitoring",)


def built_in() -> str:
    """Where the schemas of Kubernetes' own kinds are, as kubeconform is told."""
    found = importlib.util.find_spec("kubernetes_validate")
    if found is None or found.origin is None:
        pytest.skip("kubernetes-validate is not installed: it is one of the dev packages")
    folder = Path(found.origin).parent / "kubernetes-json-schema"
    return f"{folder}/" + "{{ .NormalizedKubernetesVersion }}-local-strict/{{ .ResourceKind }}{{ .KindSuffix }}.json"


@pytest.fixture(scope="module", params=KUBERAY)
def schemas(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Schemas of the operators' kinds, with one of KubeRay's versions."""
    folder = tmp_path_factory.mktemp("schemas")
    write_schemas([STRIMZI, *(needed_definitions(each) for each in (f"kuberay-{request.param}", *OTHERS))], folder)
    return f"{folder}/{LAYOUT}"


def kubeconform(schemas: str, version: str) -> list[str | Path]:
    """The command that holds manifests against closed schemas, and skips no kind."""
    where = ["-schema-location", built_in(), "-schema-location", schemas]
    return [needed("charts", "kubeconform"), "-strict", "-summary", "-kubernetes-version", version, *where]


@pytest.mark.parametrize("version", KUBERNETES)
@pytest.mark.parametrize("example", names())
def test_every_object_is_one_that_its_reader_knows(example: str, version: str, schemas: str) -> None:
    """For the oldest KubeRay, too: what it does not know it would leave out in silence."""
    said = ran([*kubeconform(schemas, version), EXAMPLES / example / "rendered"])
    assert "Skipped: 0" in said


def test_a_field_that_no_operator_knows_is_found(schemas: str, tmp_path: Path) -> None:
    """In the pod of a RayCluster, where a security context could be lost."""
    rendered = ran(template(needed("charts", "helm4"), EXAMPLES / "minimal-cpu" / "values.yaml"))
    spoilt = rendered.replace("readOnlyRootFilesystem", "readOnlyRootFileSystem")
    assert spoilt != rendered
    (tmp_path / "spoilt.yaml").write_text(spoilt)
    assert "RayCluster" in refused([*kubeconform(schemas, KUBERNETES[-1]), tmp_path / "spoilt.yaml"])
