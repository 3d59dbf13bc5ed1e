"""The first alert of docs/install.md comes by its commands, in its order: real broker, real Ray, one machine."""

import re
import shlex
from pathlib import Path

import pytest
import yaml

from loadtests.demo import cluster_document
from loadtests.temporary import temporary
from tests.running import WAIT_S

pytestmark = pytest.mark.integration

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "install.md").read_text()
COMMAND = re.compile(r"^    kubectl -n beholden exec beholden-([\w-]+) -- beholden (.*)$", re.MULTILINE)


def test_the_first_alert_comes_by_the_commands_of_the_page() -> None:
    """One possible match: whoever is listed, before the camera that showed them; then nobody is listed any more."""
    policy = yaml.safe_load((ROOT / "helm/beholden/examples/minimal-cpu/values.yaml").read_text())["policy"]["document"]
    shipped = ROOT / "configs" / "policies" / "demo-1.yaml"
    assert yaml.safe_load(policy) == yaml.safe_load(shipped.read_text()), "the page's policy is another"
    cluster = cluster_document(ROOT / "configs" / "clusters" / "demo.yaml")
    cluster |= {"recognisers": {"count": 1, "threads": 1}, "index": {"placement": "sharded", "shards": 1}}
    said: dict[str, str] = {}
    with temporary(cluster) as run:
        run.beholden("up", "-f", str(run.file))
        for role, line in COMMAND.findall(PAGE):
            here = line.replace("/tmp/", f"{run.folder}/{role}-")  # noqa: S108 - the words of the page
            here = here.replace("/etc/beholden/clusters/beholden.yaml", str(run.file))
            here = here.replace("--timeout 60", f"--timeout {WAIT_S}")
            said[f"{role} {line.split(' -')[0]}"] = run.beholden(*shlex.split(here))
        listed = run.beholden("watchlist", "list", "-f", str(run.file), "--list", "sought", "--json")
    alert = said["control-room alerts tail"]
    assert "first-light" in alert
    assert "high-street" in alert
    assert "first-light" not in listed
