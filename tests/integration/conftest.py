"""One real broker and one real cluster on drawn people, for all tests of a file."""

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from cluster.broker.control import running_broker
from cluster.broker.state import FREE_PORTS
from cluster.plan import Plan, read_plan
from cluster.settings import IndexSettings
from tests.drawn import write_deployment
from tests.running import Running, prepared

# Two run at a time: whatever takes longest begins first, so that neither waits for the other in the end.
WORKERS = 4  # at most
SPARE = 100  # ports of each that are taken by nobody who looks for free ones
HERE = Path(__file__).parent
LONGEST = [
    HERE / f"test_{name}.py" for name in ("faults", "demo", "shards", "drain", "two_hosts", "switches", "delivery")
]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest files first."""
    items.sort(key=lambda item: LONGEST.index(item.path) if item.path in LONGEST else len(LONGEST))


@pytest.fixture(scope="session", autouse=True)
def spare_ports() -> Iterator[str]:
    """Ports of its own for each process that runs tests, and for all that it starts; those that are left to the tests.

    A broker listens seconds after its port was found free.
    """
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    first, last = map(int, FREE_PORTS.split("-"))
    each = (last + 1 - first) // WORKERS
    begin = first + worker % WORKERS * each
    with pytest.MonkeyPatch.context() as patch:
        end = begin + each - SPARE
        patch.setenv("BEHOLDEN_PORTS", f"{begin}-{end - 1}")
        yield f"{end}-{end + SPARE - 1}"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Two recognisers and two index shards at work, with people 0 to 7 on the list."""
    folder: Path = tmp_path_factory.mktemp("deployment")
    with prepared(write_deployment(folder)) as running:
        running.put({f"person-{seed}": seed for seed in range(8)})
        running.up()
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
