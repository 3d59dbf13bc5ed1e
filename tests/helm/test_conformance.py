"""Every object of every example against the schemas of those who read it, closed: a field too many is an error.

Kubernetes' own kinds are held against the schemas that kubernetes-validate carries, others against definitions
generated from their operators' types.
"""

import importlib.util
from pathlib import Path

import pytest

from helm.tools.examples import committed, names, template
from tests.helm.manifests import manifests
from tests.helm.needed import needed, needed_definitions, ran, refused
from tests.helm.schemas import LAYOUT, STRIMZI, copy_schemas, write_schemas

pytestmark = pytest.mark.chart

OLDEST, NEWEST = ("1.30.0", "kuberay-1.5"), ("1.37.0", "kuberay-1.6")
# KubeRay 1.5.1 does not know all: the chart leaves that out, or refuses it, as a token of one's own.
FOR_OLDEST = ("--set", "kuberay.minVersion=1.5.1", "--set", "ray.auth.existingSecret=")


def prepared(kubernetes: str, kuberay: str, folder: Path) -> list[str]:
    """Where schemas are, as kubeconform is told: of Kubernetes' own kinds, and of the operators'."""
    found = importlib.util.find_spec("kubernetes_validate")
    if found is None or found.origin is None:
        pytest.skip("kubernetes-validate is not installed: it is one of the dev packages")
    kinds = {each["kind"] for example in names() for each in manifests(example)}
    copy_schemas(Path(found.origin).parent, kubernetes, kinds, folder / "built-in")
    write_schemas([STRIMZI, needed_definitions(kuberay), needed_definitions("monitoring")], folder / "others")
    return [f"{folder}/built-in/{{{{ .ResourceKind }}}}{{{{ .KindSuffix }}}}.json", f"{folder}/others/{LAYOUT}"]


@pytest.fixture(scope="module")
def newest(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Schemas of the newest Kubernetes and the newest operators that there are here."""
    return prepared(*NEWEST, tmp_path_factory.mktemp("newest"))


def kubeconform(schemas: list[str], *paths: Path) -> list[str | Path]:
    """The command that holds manifests against closed schemas, and skips no kind."""
    where = [word for each in schemas for word in ("-schema-location", each)]
    return [needed("charts", "kubeconform"), "-strict", "-summary", *where, *paths]


def test_every_object_is_one_that_its_reader_knows(newest: list[str]) -> None:
    """Of every example, as it is committed."""
    said = ran(kubeconform(newest, *(committed(example) for example in names())))
    objects = sum(len(manifests(example)) for example in names())
    assert f"{objects} resources" in said
    assert "Skipped: 0" in said


def test_the_oldest_readers_know_every_object_that_is_made_for_them(tmp_path: Path) -> None:
    """What they do not know they would leave out in silence; the chart says less to them, or refuses."""
    paths = [tmp_path / f"{example.replace('/', '-')}.yaml" for example in names()]
    for path, example in zip(paths, names(), strict=True):
        path.write_text(ran(template(needed("charts", "helm4"), example, *FOR_OLDEST)))
    assert "Skipped: 0" in ran(kubeconform(prepared(*OLDEST, tmp_path), *paths))


def test_a_field_that_no_operator_knows_is_found(newest: list[str], tmp_path: Path) -> None:
    """In the pod of a RayCluster, where a security context could be lost."""
    ray = (committed("minimal-cpu") / "ray-raycluster.yaml").read_text()
    spoilt = ray.replace("readOnlyRootFilesystem", "readOnlyRootFileSystem")
    assert spoilt != ray
    (tmp_path / "spoilt.yaml").write_text(spoilt)
    assert "readOnlyRootFileSystem" in refused(kubeconform(newest, tmp_path / "spoilt.yaml"))
