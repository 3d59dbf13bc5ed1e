from loadtests.bench_cluster import Drained
from loadtests.bench_node import Measured, compared
from loadtests.node_limits import DECODER, NETWORKS, Alone


def test_clusters_are_held_against_the_slower_part() -> None:
    """By its best number of threads; what is asked is asked of the fastest cluster."""
    alone = [Alone(DECODER, {1: 100.0, 2: 200.0}), Alone(NETWORKS, {1: 80.0, 2: 50.0}), Alone("detector", {1: 1.0})]
    one, two = (Measured(count, [Drained(fps, {})]) for count, fps in ((1, 40.0), (2, 72.0)))
    first, second = compared([one, two], alone, 0.8)
    assert (first.rounds, first.is_reached) == ((0.5,), None)
    assert (second.rounds, second.is_reached) == ((0.9,), True)
