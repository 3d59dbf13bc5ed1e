"""Index shards on several nodes of one machine, filled with random people, for `bench shards`."""

import os
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from cluster import asking, deploy, ray_driver, ray_local
from cluster.actors import sharded_index
from cluster.broker.control import running_broker
from cluster.kafka.admin import ensure_topics
from cluster.plan import Plan, read_plan
from cluster.settings import IndexSettings, Placement
from cluster.status import READY
from cluster.wire.entries import parse_entry
from indexes.backends import best_backend
from indexes.generation import WatchlistGeneration
from indexes.watchlist import Watchlist
from loadtests.bench_frames import random_record
from loadtests.bench_shards import Search
from loadtests.quiet import Snapshot, look
from loadtests.temporary import CONFIGS
from loadtests.write_entries import write_entries
from operators.align import TEMPLATE_NAME
from operators.models import EmbeddingContract
from operators.onnx import Device
from operators.types import Float32

NODES = 4
_SETTLE_S = 3.0  # until every node knows of the others: before that Ray puts actors where it likes


@dataclass(slots=True)
class ShardCluster:
    """A running one, with one recogniser that has nothing to do.

    Attributes:
        plan: What runs.
        ray: Its nodes.
        tell: Is told what happens.
    """

    plan: Plan
    ray: ray_local.LocalRay
    tell: Callable[[str], None]

    def look(self) -> Snapshot:
        """The machine's processes, with the cluster's counted as own."""
        return look(self.ray.leaders)

    @contextmanager
    def search(self) -> Iterator[Search]:
        """A search of all shards, as a recogniser's."""
        layout = self.plan.settings.index.layout
        assert layout is not None  # noqa: S101 - `listed` has asked for shards
        with ray_driver.connected(self.plan.settings):
            yield sharded_index(layout).search

    def ready(self) -> dict[str, int]:
        """Replicas that answer, and their processes; only beside `search`."""
        members = asking.status_of_connected(self.plan.settings.cluster).members
        pids = {member.name: member.status.pid for member in members if member.state == READY and member.status}
        return {name: pid for name, pid in pids.items() if name.startswith("shard")}

    def use(self, replicas: int) -> None:
        """Have so many replicas of each shard, ready; not beside `search`."""
        settings = self.plan.settings
        self.plan = replace(self.plan, settings=replace(settings, index=replace(settings.index, replicas=replicas)))
        deploy.up(self.plan, self.tell)


@dataclass(frozen=True, slots=True)
class WidePlan(Plan):
    """A plan whose list has vectors of any length, whatever its embedder makes: its recogniser has nothing to do.

    Attributes:
        dimension: Length of a vector.
    """

    dimension: int = 512

    @property
    def contract(self) -> EmbeddingContract:
        """See `Plan`."""
        return replace(EmbeddingContract.of(self.embedder, self.detector, TEMPLATE_NAME), dimension=self.dimension)


@contextmanager
def listed(rows: Float32, shards: int, tell: Callable[[str], None]) -> Iterator[tuple[Plan, list[bytes]]]:
    """A broker whose watchlist topic holds these people, and the records.

    Args:
        rows: (n, d) float32 unit vectors.
        shards: How many are to share them.
        tell: Is told what happens.
    """
    with tempfile.TemporaryDirectory(prefix="beholden-bench-") as folder, running_broker(Path(folder)) as bootstrap:
        plan = read_plan(CONFIGS / "clusters" / "demo.yaml")
        settings = replace(
            plan.settings,
            cluster=f"bench-{os.getpid()}",
            kafka=replace(plan.settings.kafka, bootstrap=bootstrap),
            ray="local",
            recognisers=replace(plan.settings.recognisers, count=1),
            index=IndexSettings(Placement.SHARDED, shards),
        )
        plan = WidePlan(settings, plan.in_force, plan.detector, plan.embedder, dimension=rows.shape[1])
        tell(f"writing {len(rows):,} entries to Kafka")
        records = _records(rows, plan)
        _write(plan, records)
        yield plan, records


@contextmanager
def sharded(plan: Plan, tell: Callable[[str], None]) -> Iterator[ShardCluster]:
    """The plan's shards on four nodes, ready; gone afterwards."""
    settings = plan.settings
    with ExitStack() as stack:
        stack.callback(deploy.down, settings, tell)
        ray = ray_local.start_ray(settings.cluster, os.cpu_count() or 1, tell, NODES)
        time.sleep(_SETTLE_S)
        deploy.up(plan, tell)
        yield ShardCluster(plan, ray, tell)


def in_process(records: Sequence[bytes], contract: str, threads: int) -> WatchlistGeneration:
    """The same people searched in this process."""
    watchlist = Watchlist(0, 1, contract, best_backend(threads, Device.CPU))
    for number, record in enumerate(records):
        ref = f"case-{number}"
        watchlist.apply(0, number, ref, parse_entry(ref.encode(), record).entry)
    watchlist.merge_all()
    return watchlist.generation()


def _records(rows: Float32, plan: Plan) -> list[bytes]:
    now = datetime.now(UTC)
    return [random_record(f"case-{number}", row, plan, now) for number, row in enumerate(rows)]


def _write(plan: Plan, records: Sequence[bytes]) -> None:
    kafka = plan.settings.kafka
    ensure_topics(kafka, plan.in_force.policy.retention)
    write_entries(kafka, ((f"case-{number}", record) for number, record in enumerate(records)))
