import json
from pathlib import Path

import numpy as np
import pytest

from cluster.plan import Plan, read_plan
from loadtests.bench_alone import ModelsAlone, decode_alone
from tests.drawn import scene, write_deployment


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    """A deployment of drawn people."""
    file = tmp_path / "cluster.yaml"
    file.write_text(json.dumps({"cluster": "drawn", **write_deployment(tmp_path)}))
    return read_plan(file)


def test_models_are_given_what_a_recogniser_gave_them(plan: Plan) -> None:
    """The detector each picture, the embedder all faces of a batch; copies, since the originals are overwritten."""
    pictures = [scene([number]) for number in range(1, 9)] + [scene([1, 2])]
    alone = ModelsAlone(plan, pictures, 1)
    (first, calls), (second, more) = alone._batches
    assert (first, second) == (8, 1)
    assert [len(given) for _, given in calls] == [1] * 8 + [8]
    assert [len(given) for _, given in more] == [1, 2]
    assert all(np.abs(given).max() > 0 for _, given in calls)


def test_models_and_decoder_run_alone(plan: Plan) -> None:
    """For as long as is asked, over and over; a batch's frames count when all its graphs have run."""
    pictures = [scene([number]) for number in range(1, 9)]
    frames, seconds = ModelsAlone(plan, pictures, 1).run(0.01, begin=8)
    assert frames > 0
    assert frames % 8 == 0
    assert seconds >= 0.01
    frames, seconds = decode_alone(plan, pictures, 0.01)
    assert frames > 0
    assert seconds >= 0.01
