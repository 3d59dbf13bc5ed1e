import json
import threading
from contextlib import closing
from pathlib import Path

import pytest

from cluster.plan import read_plan
from loadtests.node_limits import DECODER, NETWORKS, Run, Together, decoders, faces_of, networks, on_their_own
from tests.drawn import scene, write_deployment


def test_all_threads_run_what_each_has_made() -> None:
    """At once, each its own; their rates add up, and they can be asked again."""
    met = threading.Barrier(3)
    makers = set()

    def make(slot: int) -> Run:
        makers.add((slot, threading.get_ident()))

        def run(seconds: float) -> tuple[int, float]:
            met.wait(10)
            assert (slot, threading.get_ident()) in makers
            return 10 * (slot + 1), seconds

        return run

    with closing(Together(make, 3)) as together:
        assert together.run(2.0) == 30.0
        assert together.run(1.0) == 60.0
    assert len({thread for _, thread in makers}) == 3


def test_what_cannot_be_made_ends() -> None:
    """Instead of waiting for a thread that does not come."""
    with pytest.raises(ZeroDivisionError):
        Together(lambda slot: 1 // (slot - 1), 3)  # type: ignore[arg-type,return-value]


def test_decoder_and_networks_run_on_their_own(tmp_path: Path) -> None:
    """With the models of a deployment; both networks, and each by itself."""
    file = tmp_path / "cluster.yaml"
    file.write_text(json.dumps({"cluster": "drawn", **write_deployment(tmp_path)}))
    plan, jpegs = read_plan(file), [scene([1]), scene([2, 3])]
    faces = faces_of(plan, jpegs)
    assert faces == 1.5
    makes = {DECODER: decoders(plan, jpegs), **networks(plan, jpegs, faces)}
    assert list(makes) == [DECODER, NETWORKS, "detector", "embedder"]
    for what, make in makes.items():
        found = on_their_own(what, make, (1, 2), 0.01)
        assert min(found.fps.values()) > 0
        assert found.fps[found.threads] == max(found.fps.values())
