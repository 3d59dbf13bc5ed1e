"""Every object of every example against the schemas of those who read it, closed: a field too many is an error.

Kubernetes' own kinds are held against the schemas that kubernetes-validate carries, others against definitions
generated from their operators' types.
"""

import importlib.util
from pathlib import Path

import pytest

from helm.tools.examples import EXAMPLES, committed, names
from tests.helm.manifests import manifests
from tests.helm.needed import needed, needed_definitions, ran, refused
from tests.helm.schemas import LAYOUT, STRIMZI, copy_schemas, write_schemas

pytestmark = pytest.mark.chart

OLDEST, NEWEST = ("1.30.0", "kuberay-1.5"), ("1.37.0", "kuberay-1.6")


@pytest.fixture(scope="module", params=[OLDEST, NEWEST], ids=["the oldest", "the newest"])
def schemas(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Where schemas are, as kubeconform is told: of Kubernetes' own kinds, and of the operators'."""
    kubernetes, kuberay = request.param
    found = importlib.util.find_spec("kubernetes_validate")
    if found is None or found.origin is None:
        pytest.skip("kubernetes-validate is not installed: it is one of the dev packages")
    folder = tmp_path_factory.mktemp("schemas")
    copy_schemas(Path(found.origin).parent, kubernetes, folder / "built-in")
    definitions = [STRIMZI, needed_definitions(kuberay), needed_definitions("monitoring")]
    write_schemas(definitions, folder / "others")
    return [f"{folder}/built-in/{{{{ .ResourceKind }}}}{{{{ .KindSuffix }}}}.json", f"{folder}/others/{LAYOUT}"]


def kubeconform(schemas: list[str], *paths: Path) -> list[str | Path]:
    """The command that holds manifests against closed schemas, and skips no kind."""
    where = [word for each in schemas for word in ("-schema-location", each)]
    return [needed("charts", "kubeconform"), "-strict", "-summary", *where, *paths]


def test_every_object_is_one_that_its_reader_knows(schemas: list[str]) -> None:
    """Of every example, for the oldest KubeRay, too: what that does not know it would leave out in silence."""
    said = ran(kubeconform(schemas, *(committed(example) for example in names())))
    assert "Skipped: 0" in said
    objects = sum(len(manifests(example)) for example in names())
    assert f"{objects} resources" in said


def test_a_field_that_no_operator_knows_is_found(schemas: list[str], tmp_path: Path) -> None:
    """In the pod of a RayCluster, where a security context could be lost."""
    ray = (EXAMPLES / "minimal-cpu" / "rendered" / "ray-raycluster.yaml").read_text()
    spoilt = ray.replace("readOnlyRootFilesystem", "readOnlyRootFileSystem")
    assert spoilt != ray
    (tmp_path / "spoilt.yaml").write_text(spoilt)
    assert "readOnlyRootFileSystem" in refused(kubeconform(schemas, tmp_path / "spoilt.yaml"))
