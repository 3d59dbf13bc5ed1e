from collections import Counter
from contextlib import nullcontext
from typing import Any
from unittest.mock import Mock

import pytest

from loadtests import node_clusters
from loadtests.bench_cluster import Drained, Ends
from loadtests.node_clusters import AtLoad, Effort, at_load, measure
from loadtests.node_limits import DECODER, NETWORKS
from loadtests.quiet import Gate, Load, Spoilt

QUIET = Load(wall_s=5.0, own_cores=2.0, foreign_cores=0.0, stolen_cores=0.0)
BUSY = Load(wall_s=5.0, own_cores=2.0, foreign_cores=1.0, stolen_cores=0.0)


def test_ages_at_load_are_those_of_the_frames_sent_then(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was decided before is not counted; it waits until all that were sent are."""
    backlog = Ends(Counter(a=9), Counter({9000: 9}), Counter(), 0)
    after = Ends(Counter(a=109), Counter({9000: 9, 50: 60, 100: 38, 400: 2}), Counter(), 0)
    monkeypatch.setattr(node_clusters, "lanes_of", Mock())
    monkeypatch.setattr(node_clusters, "ends", Mock(side_effect=[backlog, after]))
    cluster, sending = Mock(), Mock(steadily=Mock(return_value=100))
    found = at_load(cluster, Mock(), sending, [b"one"], 20.0, 5.0)
    assert found == AtLoad(fps=20.0, looked_at=100, p50_ms=50.0, p99_ms=400.0)
    sending.steadily.assert_called_once_with([b"one"], 20.0, 5.0)
    cluster.await_more.assert_called_once_with(100)


def test_limits_are_measured_in_every_round_and_as_quietly_as_the_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was measured while others used the cores is measured again; a round without all its parts is left out."""
    monkeypatch.setattr(node_clusters, "load", Mock(side_effect=[BUSY, *[QUIET] * 6]))
    drained: list[Any] = [(Drained(40.0, {}), QUIET), (Spoilt("a partition changed hands"), QUIET)]
    cluster = Mock(held=nullcontext, drain=Mock(side_effect=[*drained, (Drained(50.0, {}), QUIET)]))
    limits: dict[str, Any] = {
        DECODER: Mock(run=Mock(side_effect=[1.0, 200.0, 210.0, 220.0])),
        NETWORKS: Mock(run=Mock(side_effect=[80.0, 90.0, 100.0])),
    }
    gate = Gate(Mock(), attempts=2, patience_s=0.0)
    rounds = measure(cluster, Mock(), limits, Effort(2, 600, 2.0, 0.8, 10.0), gate)
    assert [each.alone for each in rounds] == [
        {DECODER: 200.0, NETWORKS: 80.0},
        {DECODER: 210.0, NETWORKS: 90.0},
    ]
    assert [each.whole.fps for each in rounds] == [40.0, 50.0]
    assert gate.reasons == [f"{BUSY}; 0.15 are allowed", "a partition changed hands"]
