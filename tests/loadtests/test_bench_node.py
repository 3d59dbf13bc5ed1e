import io

import pytest
from rich.console import Console

from cluster.account import Outcome
from loadtests.bench_cluster import Drained
from loadtests.bench_node import compared, show, verdict
from loadtests.node_clusters import Measured, Round
from loadtests.node_limits import DECODER, NETWORKS

WHOLE = {Outcome.SHED: 0, Outcome.DEAD_LETTERED: 0}


def one_round(fps: float, decoder: float, networks: float) -> Round:
    """By frames a second."""
    return Round({DECODER: decoder, NETWORKS: networks}, Drained(fps, {"recognisers": 1.0}), None)


TWO = [
    Measured(1, [one_round(40.0, 200.0, 80.0), one_round(40.0, 200.0, 100.0)], WHOLE),
    Measured(2, [one_round(72.0, 90.0, 100.0)], WHOLE),
]


def test_a_round_is_held_against_the_slower_part_of_the_same_round() -> None:
    """What is asked is asked of the fastest cluster."""
    first, second = compared(TWO, 0.8)
    assert (first.rounds, first.is_reached) == ((0.5, 0.4), None)
    assert (second.rounds, second.is_reached) == ((0.8,), True)
    console = Console(record=True, width=160)
    show(TWO, console)
    assert "0.45" in console.export_text()


def test_a_cluster_without_a_quiet_round_is_not_compared() -> None:
    """Whoever else was quiet is."""
    assert [each.name[:12] for each in compared([Measured(4), *TWO], None) if each.rounds] == [
        "cluster of 1",
        "cluster of 2",
    ]


@pytest.mark.parametrize(
    ("account", "rounds", "least", "code"),
    [
        (WHOLE, 1, 0.8, 0),
        (WHOLE, 1, 0.81, 1),
        (WHOLE, 1, None, 0),
        (WHOLE, 3, 0.8, 2),
        (WHOLE | {Outcome.SHED: 1}, 1, None, 1),
    ],
)
def test_the_exit_status(account: dict[str, int], rounds: int, least: float | None, code: int) -> None:
    """Half of the rounds must have been quiet, whatever they came to; frames that nobody looked at are a failure."""
    found = [Measured(2, TWO[1].rounds, account)]
    assert verdict(found, compared(found, least), rounds, least, Console(file=io.StringIO())) == code
