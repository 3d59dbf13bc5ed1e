"""What an answer of Ray's means, without a Ray."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import pytest
import ray
from ray.actor import ActorClass
from ray.exceptions import ActorDiedError, RayTaskError

from cluster import actors
from cluster.actors import _RayCalls, start_lane, start_shard
from cluster.plan import Plan, read_plan
from cluster.shards.asked import AskedBook
from cluster.shards.layout import Replica
from cluster.wire.queries import encode_hits
from operators.errors import IndexIncomplete
from operators.onnx import Device
from tests.builders import hit
from tests.drawn import write_deployment


def _gives(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def get(_: Any) -> Any:
        raise error

    monkeypatch.setattr(ray, "get", get)


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (RayTaskError("search", "", IndexIncomplete("its topic is still being read")), "its topic is still being read"),
        (RayTaskError("search", "", RuntimeError("cudaMalloc failed")), "its search failed: RuntimeError"),
        (RayTaskError("search", "", MemoryError()), "its search failed: MemoryError"),
        (ActorDiedError(), "does not answer (ActorDiedError)"),
    ],
)
def test_whatever_a_replica_fails_of_another_can_be_asked(
    monkeypatch: pytest.MonkeyPatch, error: Exception, message: str
) -> None:
    """Any other error would end the recogniser, which would come back and ask the same replica first."""
    _gives(monkeypatch, error.as_instanceof_cause() if isinstance(error, RayTaskError) else error)
    with pytest.raises(IndexIncomplete) as raised:
        _RayCalls().answer("reply")
    assert str(raised.value) == message
    assert type(raised.value) is IndexIncomplete


def test_an_answer_is_given_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """To the last digit."""
    answer = [[hit("e1", 0.9)], []]
    monkeypatch.setattr(ray, "get", lambda _: encode_hits(answer))
    assert _RayCalls().answer("reply") == answer


def test_who_was_asked_is_noted_with_what_came_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """The shard's own time with an answer, the kind of the failure without one."""
    book = AskedBook[Any](is_on=True)
    calls = _RayCalls(book)
    for reply in ("first", "second"):
        book.ask(reply, Replica(0, 2, 0), 7)
    monkeypatch.setattr(ray, "get", lambda _: encode_hits([], own_ns=1_500))
    calls.answer("first")
    _gives(monkeypatch, ActorDiedError())
    with pytest.raises(IndexIncomplete):
        calls.answer("second")
    assert [(asked.own_ns, asked.error) for asked in book.take()] == [(1_500, None), (None, "IndexIncomplete")]


@pytest.fixture
def plan(write_document: Any, tmp_path: Path) -> Plan:
    """Two recognisers and two shards with two replicas each, on a Ray whose nodes are of several kinds."""
    document = write_deployment(tmp_path) | {
        "cluster": "drawn",
        "ray": "head:6379",
        "recognisers": {"resources": {"lane": 1}, "threads": 3},
        "index": {"placement": "sharded", "shards": 2, "replicas": 2, "resources": {"index": 1}},
    }
    return read_plan(write_document(document))


def _node(name: str, alive: bool = True, **resources: float) -> dict[str, Any]:
    return {"NodeID": name * 56, "Alive": alive, "Resources": resources}


def _made(monkeypatch: pytest.MonkeyPatch, nodes: list[dict[str, Any]], start: Callable[[], Any]) -> Any:
    """What `start` asks of Ray for the actor that it makes."""
    with monkeypatch.context() as there, patch.object(ActorClass, "_remote", autospec=True) as remote:
        there.setattr(ray, "nodes", lambda: nodes)
        start()
    return remote.call_args.kwargs


def test_replicas_of_a_shard_are_put_on_different_nodes_of_those_that_may_have_them(
    monkeypatch: pytest.MonkeyPatch, plan: Plan
) -> None:
    """And where another has taken the place meanwhile, elsewhere: whoever waited there might wait for ever."""
    nodes = [_node("a"), _node("b", index=1), _node("c", False, index=1), _node("d", lane=4), _node("e", index=1)]
    asked = [_made(monkeypatch, nodes, partial(start_shard, plan, Replica(0, 2, number))) for number in (0, 1)]
    places = [each["scheduling_strategy"] for each in asked]
    assert [place.node_id[0] for place in places] == ["b", "e"]
    assert all(place.soft and place._spill_on_unavailable for place in places)
    assert [(each["num_cpus"], each["resources"], each["memory"]) for each in asked] == [(0, {"index": 1}, 1)] * 2


def test_a_replica_of_a_shard_is_given_its_part_of_a_card_where_it_is_searched_on_one(
    monkeypatch: pytest.MonkeyPatch, plan: Plan
) -> None:
    """Whatever the models run on."""
    index = replace(plan.settings.index, gpu_share=0.25)
    settings = replace(plan.settings, index=index)
    on_cards = replace(plan, settings=replace(settings, device=Device.CUDA))
    apart = replace(plan, settings=replace(on_cards.settings, index=replace(index, device=Device.CPU)))
    asked = [
        _made(monkeypatch, [], lambda of=of: start_shard(of, Replica(0, 2, 0)))
        for of in (replace(plan, settings=settings), on_cards, apart)
    ]
    assert [each["num_gpus"] for each in asked] == [0, 0.25, 0]


def test_a_replica_may_ask_for_what_no_node_has_yet(monkeypatch: pytest.MonkeyPatch, plan: Plan) -> None:
    """Ray's autoscaler makes a node for it."""
    asked = _made(monkeypatch, [_node("a", lane=1)], lambda: start_shard(plan, Replica(0, 2, 0)))
    assert asked["resources"] == {"index": 1}
    assert asked["scheduling_strategy"] == "SPREAD"


def test_a_recogniser_asks_for_threads_a_part_of_a_card_and_what_its_nodes_are_named_by(
    monkeypatch: pytest.MonkeyPatch, plan: Plan
) -> None:
    """As the cluster file says; no card where the models run on a processor."""
    on_cards = replace(plan, settings=replace(plan.settings, device=Device.CUDA))
    nodes = [_node("a", CPU=4, lane=1), _node("b", CPU=4, GPU=1, lane=1)]
    needs = [_made(monkeypatch, nodes, lambda of=of: start_lane(of, 0)) for of in (plan, on_cards)]
    assert [each["scheduling_strategy"].node_id[0] for each in needs] == ["a", "b"]
    assert [(each["num_cpus"], each["num_gpus"], each["resources"]) for each in needs] == [
        (3, 0, {"lane": 1}),
        (3, 1.0, {"lane": 1}),
    ]


def test_recognisers_are_put_on_different_nodes_of_those_that_have_room_for_one(
    monkeypatch: pytest.MonkeyPatch, plan: Plan
) -> None:
    """Ray starts one anew where it asks to be, so that they are apart again after all of them have ended."""
    big = {"CPU": 8.0, "lane": 4.0}
    others = [_node("a", CPU=2, lane=4), _node("c", False, **big), _node("d", CPU=8)]
    nodes = [*others, _node("e", **big), _node("b", **big)]
    asked = [_made(monkeypatch, nodes, partial(start_lane, plan, slot)) for slot in range(3)]
    places = [each["scheduling_strategy"] for each in asked]
    assert [place.node_id[0] for place in places] == ["b", "e", "b"]
    assert all(place.soft and place._spill_on_unavailable for place in places)


def test_what_ray_keeps_of_a_cluster_is_that_clusters_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two may share a Ray."""
    kept: dict[str, Any] = {}
    here = SimpleNamespace(namespace="drawn")
    monkeypatch.setattr(ray, "get_runtime_context", lambda: here)
    monkeypatch.setattr(actors, "_internal_kv_get", kept.get)
    monkeypatch.setattr(actors, "_internal_kv_put", lambda key, value, overwrite: kept.update({key: value}))
    actors.note_taken_down(True)
    actors.note_drained([1])
    assert (actors.was_taken_down(), actors.drained_slots()) == (True, {1})
    here.namespace = "other"
    assert (actors.was_taken_down(), actors.drained_slots()) == (False, set())
    here.namespace = "drawn"
    actors.note_taken_down(False)
    assert (actors.was_taken_down(), actors.drained_slots()) == (False, {1})
