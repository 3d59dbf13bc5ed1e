"""A cluster on several Ray nodes of one machine, one of which is told to end."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.drawn import write_deployment
from tests.integration.passing import await_end, members, of, passing_by, supervisors
from tests.running import Running, prepared

pytestmark = pytest.mark.integration

SEEDS = range(80)
_TWO_NODES = """
import sys
from cluster import ray_local
ray_local.authenticate()
print(ray_local.start_ray(sys.argv[1], 1, lambda text: None, nodes=2).more[0][0])
"""


@pytest.fixture
def second(tmp_path: Path) -> Iterator[tuple[Running, int]]:
    """Two recognisers, each on a node that has room for one, and two shards; and who started the second node."""
    index = {"placement": "sharded", "shards": 2, "replicas": 2}
    with prepared({**write_deployment(tmp_path), "index": index}) as running:
        running.put(of(SEEDS))
        command = [sys.executable, "-c", _TWO_NODES, running.plan.settings.cluster]
        environment = dict(running.run.environment)
        started = subprocess.run(command, env=environment, check=True, text=True, stdout=subprocess.PIPE)
        running.up()
        yield running, int(started.stdout)


def test_recognisers_leave_a_node_that_is_told_to_end(second: tuple[Running, int]) -> None:
    """SIGTERM to `ray start --block`, as at a pod's end: its recogniser leaves in order, the other takes over.

    Every shard has a replica on each node, so that none is lost with one.
    """
    running, leader = second
    at = {name: os.getsid(shard["status"]["pid"]) for name, shard in running.ready_shards().items()}
    apart = [{at[f"shard-{shard}-of-2-r{number}"] for number in range(2)} for shard in range(2)]
    assert all(len(nodes) == 2 and leader in nodes for nodes in apart), at
    lanes = {lane["status"]["node_id"]: lane for lane in running.heard()}
    assert len(lanes) == 2
    assert leader not in {session for session, _ in supervisors()}, "the supervisor is where Ray's head is"
    [victim] = [lane for lane in lanes.values() if os.getsid(lane["status"]["pid"]) == leader]
    with passing_by(running, SEEDS):
        before = {member for name, member in members(running) if name == victim["name"]}
        assert len(before) == 1
        process, node = psutil.Process(victim["status"]["pid"]), psutil.Process(leader)
        os.kill(leader, signal.SIGTERM)
        await_end(process)
        assert not before & {member for _, member in members(running)}
        await_end(node)
    [said] = Path(running.run.environment["XDG_STATE_HOME"]).rglob("ray-1.log")
    assert "ungracefully" not in said.read_text(), "Ray waits for shards, too, and ends them after a time"
