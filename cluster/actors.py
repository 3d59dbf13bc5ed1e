"""Plain classes as Ray actors, and how they are asked. With `ray_driver.py` all that imports Ray.

Actors are detached and named, so that a supervisor that is started anew finds them; Ray restarts an actor whose process
ends, the supervisor replaces one that Ray has given up.
"""

import json
import logging
import os
import signal
import threading
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import ray
from ray._private.state import state as cluster_state
from ray.exceptions import ActorUnavailableError, GetTimeoutError, RayError, RayTaskError
from ray.experimental.internal_kv import _internal_kv_get, _internal_kv_put
from ray.util import list_named_actors
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from cluster.cycles import collect_only_what_comes
from cluster.delivery import member_of
from cluster.folders import notes_folder
from cluster.plan import Plan
from cluster.privacy.core_dumps import no_core_dumps
from cluster.recogniser import Recogniser
from cluster.recogniser_status import LEAVE_S, Departure, RecogniserStatus
from cluster.scaling import standby_slots
from cluster.shards.asked import AskedBook
from cluster.shards.index_shard import IndexShard
from cluster.shards.layout import Layout, Replica, place_of
from cluster.shards.sharded_index import ShardedIndex
from cluster.telemetry.context import TraceContext
from cluster.telemetry.frame_tracing import open_frame_tracing
from cluster.telemetry.logs import write_logs
from cluster.telemetry.shard_tracing import ShardTracing
from cluster.watchlists.feed import FeedStatus
from cluster.wire.queries import decode_hits, decode_query, decode_told, encode_hits, encode_query, encode_told
from operators.errors import IndexIncomplete
from operators.onnx import Device
from operators.types import Float32, Hit

# Searches that may wait in one shard: each is a thread there. They have threads of their own, so that a shard can say
# how it is however many wait.
SEARCHES, SEARCH_THREADS = "searches", 32
PRESENCE = "presence"  # where a recogniser holds the one call that is never answered
# Ray's head would keep a record of each of the last 100,000 calls, searches among them: 3.5 KB each (Ray 2.60).
UNTOLD = {"enable_task_events": False}
# Who asks for nothing that Ray counts is put on any node, whatever node it asks for (Ray 2.60): one byte is enough.
COUNTED = {"memory": 1}
ANSWER_S = 0.2  # for an answer to reach Ray before its process ends
T = TypeVar("T")

log = logging.getLogger("beholden.actors")


def find_actor(name: str) -> Any:
    """The actor of that name in this cluster; None when there is none."""
    try:
        return ray.get_actor(name)
    except ValueError:
        return None


def actor_names() -> list[str]:
    """Names of all actors of this cluster."""
    return list(list_named_actors())


def start_lane(plan: Plan, slot: int) -> Any:
    """A recogniser's actor; the one that is there already, when there is one."""
    settings = plan.settings
    gpus = settings.recognisers.gpu_share if settings.device is Device.CUDA else 0
    stands_by = slot in standby_slots(settings.recognisers, ())  # it works in place of another, on what that one had
    cpus = {"num_cpus": 0, **COUNTED} if stands_by else {"num_cpus": settings.recognisers.threads}
    needs = {**cpus, "num_gpus": gpus, "resources": settings.recognisers.resources}
    options = _detached(member_of(slot)) | _placed(slot, needs)
    return ray.remote(concurrency_groups={PRESENCE: 1})(RecogniserActor).options(**options).remote(plan, slot)


def start_shard(plan: Plan, replica: Replica) -> Any:
    """The actor of one replica of a shard; the one that is there already, when there is one."""
    index, on_gpu = plan.settings.index, plan.settings.index_device is Device.CUDA
    needs = {"num_cpus": 0, "num_gpus": index.gpu_share if on_gpu else 0, "resources": index.resources}
    options = _detached(str(replica)) | _placed(place_of(replica), needs | COUNTED)
    kind = ray.remote(concurrency_groups={SEARCHES: SEARCH_THREADS})(ShardActor)
    return kind.options(**options).remote(plan, replica)


def _placed(place: int, needs: Mapping[str, Any]) -> dict[str, Any]:
    """What an actor needs, and the node that it is put on, and started anew on, while that has room: `place` by place.

    Of the nodes that are there and have so much, whoever uses it now. Where none has, Ray's autoscaler may make one.
    """
    least = {"CPU": needs["num_cpus"], "GPU": needs["num_gpus"], **needs["resources"]}
    alive = [node for node in ray.nodes() if node["Alive"]]
    fit = [node for node in alive if all(node["Resources"].get(name, 0) >= least[name] for name in least)]
    strategy: Any = "SPREAD"
    if nodes := sorted(node["NodeID"] for node in fit):
        strategy = NodeAffinitySchedulingStrategy(nodes[place % len(nodes)], soft=True, _spill_on_unavailable=True)
    return {**needs, "scheduling_strategy": strategy}


def _detached(name: str) -> dict[str, Any]:
    return {"name": name, "lifetime": "detached", "get_if_exists": True, "max_restarts": -1, **UNTOLD}


def on_every_node(timeout_s: float, call: Callable[..., T], *arguments: Any) -> list[T]:
    """What a function returns on each node that is there; what it raises is raised.

    Raises:
        RayError: A node does not answer in time.
    """
    nodes = [node["NodeID"] for node in ray.nodes() if node["Alive"]]
    places = [NodeAffinitySchedulingStrategy(node, soft=False) for node in nodes]
    task = ray.remote(call)
    replies = [task.options(num_cpus=0, scheduling_strategy=place).remote(*arguments) for place in places]
    try:
        answers: list[T] = ray.get(replies, timeout=timeout_s)
    except RayTaskError as error:
        raise error.cause from None
    return answers


def wait_for(replies: Sequence[Any], timeout_s: float) -> list[Any]:
    """Wait until all have come; those that have not in time."""
    if not replies:
        return []
    silent: list[Any] = ray.wait(list(replies), num_returns=len(replies), timeout=timeout_s)[1]
    return silent


def end(actors: Iterable[Any]) -> None:
    """End actors for good."""
    for actor in actors:
        ray.kill(actor)


def restart(actor: Any) -> None:
    """End an actor's process, a frozen one after 5 s (Ray 2.60); Ray starts it anew.

    What was asked of it fails at once then, and is forgotten by whoever asked. Nothing else does that: `ray.cancel` and
    dropping the reply leave the question in the asker's memory until it is answered.
    """
    ray.kill(actor, no_restart=False)


def when_gone(recogniser: Any, call: Callable[[], object]) -> None:
    """Have `call` be called once when a recogniser's process has ended, or is out of reach; by a thread of Ray's."""
    reply = recogniser.stay.options(concurrency_group=PRESENCE).remote()
    reply.future().add_done_callback(lambda _: call())


def drained_slots() -> frozenset[int]:
    """Recognisers that were taken out of work: Ray keeps them for this cluster, whatever becomes of any actor."""
    noted = _internal_kv_get(_key("drained"))
    return frozenset(json.loads(noted)) if noted else frozenset()


def note_drained(slots: Collection[int]) -> None:
    """Have these, and only these, be the ones that were taken out of work."""
    _internal_kv_put(_key("drained"), json.dumps(sorted(slots)), overwrite=True)


def was_taken_down() -> bool:
    """Whether a person has taken this cluster down, and nobody has brought it up since. Ray keeps that, too."""
    return bool(_internal_kv_get(_key("down")))


def note_taken_down(is_down: bool) -> None:
    """Have this cluster be taken down by a person, or not."""
    _internal_kv_put(_key("down"), b"1" if is_down else b"", overwrite=True)


def _key(what: str) -> str:
    return f"beholden/{ray.get_runtime_context().namespace}/{what}"


def _this_node() -> str:
    return str(ray.get_runtime_context().get_node_id())


def ending_nodes() -> frozenset[str]:
    """Ids of nodes that are about to end: Ray has been told so, as by SIGTERM to `ray start --block`."""
    return frozenset(cluster_state.get_draining_nodes())


@dataclass(frozen=True, slots=True)
class Silent:
    """An actor that says nothing.

    Attributes:
        why: What is known of it.
        is_gone: Whether Ray has given it up.
        is_late: Whether its process is there, as far as Ray knows, and may still answer.
    """

    why: str
    is_gone: bool = False
    is_late: bool = False


def hear(reply: Any) -> Any:
    """What an actor has answered by now, or why it has not: `Silent`."""
    try:
        return ray.get(reply, timeout=0)
    except GetTimeoutError:
        return Silent("starting, or too busy to answer", is_late=True)
    except ActorUnavailableError:
        return Silent("restarting")
    except RayError as error:
        return Silent(f"failed: {_cause(error)}", is_gone=True)


def _cause(error: RayError) -> str:
    """The last line of what Ray tells of a dead actor: the error itself, without Ray's frame around it."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return next((line for line in reversed(lines) if "operators.errors" in line), lines[-1] if lines else "unknown")


class _RayCalls:
    """`shard_replicas.Calls` over actors.

    Args:
        asked: Where it is noted whom searches ask.
    """

    def __init__(self, asked: AskedBook[Any] | None = None) -> None:
        self._searches: dict[Replica, Any] = {}
        self.asked = asked or AskedBook(is_on=False)

    def ask(self, replica: Replica, vectors: Float32, k: int, at_least: float) -> Any:
        if replica not in self._searches:
            actor = find_actor(str(replica))
            if actor is None:
                raise IndexIncomplete("is not there")
            self._searches[replica] = actor.search_packed.options(concurrency_group=SEARCHES)
        number = self.asked.number()
        reply = self._searches[replica].remote(encode_query(vectors, k, at_least, number))
        self.asked.ask(reply, replica, number)
        return reply

    def tell(self, holder: str, searches: Sequence[tuple[int, TraceContext]]) -> None:
        """Tell a holder which of its searches are parts of which spans; nobody waits for its answer."""
        with suppress(RayError):
            if (actor := find_actor(holder)) is not None:
                actor.tell_packed.options(concurrency_group=SEARCHES).remote(encode_told(searches))

    def wait(self, replies: Sequence[Any], enough: int, timeout_s: float) -> Collection[Any]:
        come: list[Any] = ray.wait(replies, num_returns=enough, timeout=timeout_s)[0]
        return set(come)

    def answer(self, reply: Any) -> list[list[Hit]]:
        try:
            found = self._answer(reply)
        except IndexIncomplete:
            self.asked.answered(reply, None, IndexIncomplete.__name__)
            raise
        return found

    def _answer(self, reply: Any) -> list[list[Hit]]:
        try:
            found, own_ns = decode_hits(ray.get(reply))
        except RayTaskError as error:  # the cause is what the shard itself raised, without Ray's frame around it
            cause = error.cause
            if isinstance(cause, IndexIncomplete):
                raise cause from None
            raise IndexIncomplete(f"its search failed: {type(cause).__name__}") from None
        except RayError as error:
            self._searches.clear()  # the name may be another actor's by now
            raise IndexIncomplete(f"does not answer ({type(error).__name__})") from None
        self.asked.answered(reply, own_ns)
        return found


def sharded_index(layout: Layout, slot: int = 0, calls: _RayCalls | None = None) -> ShardedIndex[Any]:
    """`ports.Index` over the shard actors of this cluster.

    Args:
        layout: Which there are.
        slot: Number of the asker: askers begin at different replicas.
        calls: How they are asked.
    """
    return ShardedIndex(layout, calls or _RayCalls(), slot)


class ShardActor(IndexShard):
    """A shard that is asked and answers in bytes. Its process ends when searches go on failing: Ray starts it anew."""

    def __init__(self, plan: Plan, replica: Replica) -> None:
        no_core_dumps()
        collect_only_what_comes()
        write_logs(plan.settings.telemetry.logs, "shard", str(replica))
        super().__init__(plan, replica, on_failure=lambda: os._exit(1))
        self._tracing = ShardTracing(plan.settings, replica)

    def search_packed(self, query: bytes) -> bytes:
        """See `IndexShard.search` and `cluster.wire.queries`."""
        vectors, k, at_least, number = decode_query(query)
        began_ns = self._tracing.now_ns()
        hits = self.search(vectors, k, at_least)
        return encode_hits(hits, self._tracing.note(number, began_ns, len(vectors)))

    def tell_packed(self, told: bytes) -> None:
        """Traces of these searches are kept: tell of their part in them."""
        self._tracing.tell(decode_told(told))

    def status(self) -> FeedStatus:
        """See `IndexShard`."""
        return replace(super().status(), spans_dropped=self._tracing.dropped, node_id=_this_node())


class RecogniserActor(Recogniser):
    """A recogniser whose process ends with its thread, so that Ray starts it anew.

    SIGTERM ends it in order: what is in hand is finished and committed, and the group is left. Ray's own handler would
    end the process between two lines.
    """

    def __init__(self, plan: Plan, slot: int) -> None:
        no_core_dumps()
        collect_only_what_comes()
        layout = plan.settings.index.layout
        calls = _RayCalls(AskedBook(is_on=plan.settings.telemetry.traces.otlp is not None))
        self._shards = sharded_index(layout, slot, calls) if layout else None
        notes = notes_folder(plan.settings.cluster)
        write_logs(plan.settings.telemetry.logs, "recogniser", member_of(slot))
        tracing = open_frame_tracing(plan, member_of(slot), calls.asked.take, calls.tell)
        super().__init__(plan, slot, self._shards, lambda: os._exit(1), notes, tracing)
        signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=self._terminate, name="terminate").start())

    def plan(self) -> Plan:
        """What it was made for; its layout may be another by now."""
        return self._plan

    def status(self) -> RecogniserStatus:
        """See `Recogniser`."""
        layout = self._shards.layout if self._shards else None
        return replace(super().status(), layout=layout, node_id=_this_node())

    def stay(self) -> None:
        """Never answer: that there will be no answer is how others hear of this process' end."""
        threading.Event().wait()

    def use(self, layout: Layout) -> None:
        """Ask the shards of another layout from now on."""
        if self._shards:
            self._shards.use(layout)

    def leave(self, timeout_s: float) -> Departure:
        """As `close`, and once the answer is on its way the process ends: Ray starts it anew, elsewhere if need be."""
        departure = self.close(timeout_s)
        threading.Timer(ANSWER_S, os._exit, (0,)).start()
        return departure

    def _terminate(self) -> None:
        log.info("terminated: %s", self.close(LEAVE_S))
        os._exit(0)
