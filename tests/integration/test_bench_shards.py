"""The cluster that `bench shards` measures: it comes up, and answers as a search in one process does."""

import subprocess
import sys

import pytest

pytestmark = pytest.mark.integration

# In a process of its own, which ends with the nodes it has started.
COMPARE = """
from datetime import UTC, datetime
from functools import partial
import numpy as np
from loadtests.bench_index import draw
from loadtests.bench_shards import SHARDS, disagreements
from loadtests.shard_cluster import in_process, listed, sharded

held, asked = draw(300, 64)
with listed(held, SHARDS, lambda text: None) as (plan, records):
    own = partial(in_process(records, plan.contract.digest, 1).search, now=datetime.now(UTC))
    with sharded(plan, lambda text: None) as cluster, cluster.search() as search:
        print("differ:", disagreements(own, search, np.split(asked, 2)))
"""


def test_four_shards_on_four_nodes_answer_as_one_search_does() -> None:
    """Of every query the same entries with the same cosines."""
    run = subprocess.run([sys.executable, "-c", COMPARE], capture_output=True, text=True, timeout=600)
    assert run.stdout.splitlines()[-1:] == ["differ: 0"], run.stderr[-3000:]
