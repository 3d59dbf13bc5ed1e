"""One real broker and one real cluster on drawn people, for all tests of a file."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from cluster.broker.control import running_broker
from cluster.plan import Plan, read_plan
from cluster.settings import IndexSettings
from loadtests.temporary import temporary
from tests.drawn import write_deployment
from tests.running import Running


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Two recognisers and two index shards at work, with people 0 to 7 on the list."""
    folder: Path = tmp_path_factory.mktemp("deployment")
    with temporary(write_deployment(folder)) as run:
        running = Running.begin(run, read_plan(run.file))
        running.enrol({f"person-{seed}": seed for seed in range(8)})
        run.beholden("up", "-f", str(run.file))
        yield running


@pytest.fixture(scope="module")
def bootstrap(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """One broker for all."""
    with running_broker(tmp_path_factory.mktemp("broker") / "broker") as found:
        yield found


@pytest.fixture
def plan(tmp_path: Path) -> Iterator[Plan]:
    """A broker of its own, and a plan with the whole list in the recogniser."""
    with running_broker(tmp_path / "broker") as bootstrap:
        cluster = {**write_deployment(tmp_path), "cluster": "alone", "kafka": {"bootstrap": bootstrap}, "keys": "keys"}
        file = tmp_path / "cluster.yaml"
        file.write_text(yaml.safe_dump(cluster, allow_unicode=True))
        plan = read_plan(file)
        yield replace(plan, settings=replace(plan.settings, index=IndexSettings()))
