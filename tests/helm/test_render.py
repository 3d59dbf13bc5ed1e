"""What Helm says of the chart, in both of its lines."""

import itertools
import re
from pathlib import Path

import pytest
import yaml

from helm.tools.examples import CHART, committed, names, render, values
from tests.helm.manifests import documents
from tests.helm.needed import needed, ran, rendered

pytestmark = pytest.mark.chart

HELMS = ("helm3", "helm4")
EACH = list(itertools.product(names(), HELMS))


@pytest.mark.parametrize(("example", "helm"), EACH)
def test_lint_finds_nothing_to_warn_of(example: str, helm: str) -> None:
    """Strictly: a warning is an error."""
    files = [argument for path in values(example) for argument in ("--values", path)]
    ran([needed("charts", helm), "lint", "--strict", "--quiet", CHART, *files])


@pytest.mark.parametrize("example", names())
def test_both_lines_of_helm_render_the_same(example: str) -> None:
    """Helm 3 and Helm 4, hooks and tests included."""
    three, four = (
        {(each["kind"], each["metadata"]["name"]): each for each in documents(rendered(example, helm))}
        for helm in HELMS
    )
    assert three == four
    assert three


@pytest.mark.parametrize("example", names())
def test_the_committed_rendering_is_what_the_chart_makes(example: str, tmp_path: Path) -> None:
    """So a change of a template shows what it does in the same commit."""
    render(needed("charts", "helm4"), example, tmp_path / "now")
    now = {path.name: path.read_text() for path in (tmp_path / "now").iterdir()}
    then = {path.name: path.read_text() for path in committed(example).iterdir()}
    assert then == now, "renderings are not what the chart makes now: python -m helm.tools.examples"


def test_every_example_that_was_promised_is_there() -> None:
    """The tests of this file run over what is there, and would be green over nothing."""
    assert set(names()) >= {
        "minimal-cpu",
        "gpu-h200",
        "existing-kafka-mtls",
        "two-sites/north",
        "two-sites/south",
        "airgapped",
    }


def test_unit_tests_of_templates_pass() -> None:
    """helm-unittest's suites beside the templates."""
    said = ran([needed("charts", "helm-unittest"), "--strict", "--file", "tests/*_test.yaml", CHART])
    passed = re.search(r"^Tests: +(\d+) passed", said, re.MULTILINE)
    assert passed is not None
    suites = [yaml.safe_load(path.read_text()) for path in (CHART / "tests").glob("*_test.yaml")]
    assert int(passed.group(1)) == sum(len(suite["tests"]) for suite in suites)
