"""Plain classes as Ray actors. With `deploy.py` the only place that imports Ray.

Actors are detached and named, so that a supervisor that is started anew finds them; Ray restarts an actor whose process
ends, the supervisor replaces one that Ray has given up.
"""

import logging
import os
import threading
from dataclasses import dataclass
from typing import Any

import ray
from ray.exceptions import ActorUnavailableError, GetTimeoutError, RayActorError, RayError, RayTaskError

from cluster.plan import Plan
from cluster.recogniser import Recogniser, RecogniserStatus
from cluster.settings import ClusterSettings, Placement
from cluster.watchlist_feed import FeedStatus, WatchlistFeed
from indexes.merge import merge
from operators.errors import IndexIncomplete
from operators.onnx import Device
from operators.types import Float32, Hit

SUPERVISOR = "supervisor"
RECONCILE_S = 2.0
SEARCH_TIMEOUT_S = 5.0
STATUS_TIMEOUT_S = 2.0
# Ray passes arguments of up to 100 KiB inside the call; larger ones go through the object store, which can spill.
INLINE_BYTES = 90_000

log = logging.getLogger("beholden.actors")


class RecogniserActor(Recogniser):
    """A recogniser whose process ends with its thread, so that Ray starts it anew."""

    def __init__(self, plan: Plan, slot: int) -> None:
        shards = plan.settings.index.shards
        sharded = plan.settings.index.placement is Placement.SHARDED
        super().__init__(plan, slot, ShardedIndex(shards) if sharded else None, on_failure=lambda: os._exit(1))


class IndexShard(WatchlistFeed):
    """One shard of the watchlist, shared by all recognisers."""

    def __init__(self, plan: Plan, shard: int) -> None:
        index = plan.settings.index
        folder = index.folder_of(f"shard-{shard}")
        kafka, device = plan.settings.kafka, plan.settings.device
        super().__init__(kafka, shard, index.shards, plan.contract.digest, index.threads, folder, device)


def find_actor(name: str) -> Any:
    """The actor of that name in this cluster; None when there is none."""
    try:
        return ray.get_actor(name)
    except ValueError:
        return None


class ShardedIndex:
    """`ports.Index` over the shard actors: every search asks all of them and merges; there is no partial answer."""

    def __init__(self, shards: int) -> None:
        self._shards: list[Any] = [None] * shards

    def search(self, vectors: Float32, k: int, at_least: float) -> list[list[Hit]]:
        """See `ports.Index`."""
        rows = max(1, INLINE_BYTES // (vectors.shape[1] * vectors.itemsize))
        hits: list[list[Hit]] = []
        for start in range(0, len(vectors), rows):
            hits += self._search(vectors[start : start + rows], k, at_least)
        return hits

    def _search(self, vectors: Float32, k: int, at_least: float) -> list[list[Hit]]:
        asked = [(shard, self._handle(shard).search.remote(vectors, k, at_least)) for shard in range(len(self._shards))]
        return merge([self._answer(shard, reply) for shard, reply in asked], k)

    def _handle(self, shard: int) -> Any:
        if self._shards[shard] is None:
            self._shards[shard] = find_actor(f"shard-{shard}")
        if self._shards[shard] is None:
            raise IndexIncomplete(f"watchlist shard {shard} of {len(self._shards)} is not there")
        return self._shards[shard]

    def _answer(self, shard: int, reply: Any) -> list[list[Hit]]:
        try:
            answer: list[list[Hit]] = ray.get(reply, timeout=SEARCH_TIMEOUT_S)
        except (RayActorError, GetTimeoutError) as error:
            self._shards[shard] = None
            why = type(error).__name__
            raise IndexIncomplete(f"watchlist shard {shard} of {len(self._shards)} does not answer ({why})") from None
        except RayTaskError as error:
            raise error.cause from None  # what the shard itself raised, without Ray's frame around it
        return answer


@dataclass(frozen=True, slots=True)
class Member:
    """One actor as the supervisor sees it.

    Attributes:
        name: Name in Ray.
        state: What it does, or why it does nothing.
        status: What it says of itself; None when it says nothing.
    """

    name: str
    state: str
    status: RecogniserStatus | FeedStatus | None = None


class Supervisor:
    """Keeps the wanted actors alive and reports on them; it is not in the path of any frame."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        settings = plan.settings
        self._wanted: dict[str, _Wanted] = {}
        if settings.index.placement is Placement.SHARDED:
            for shard in range(settings.index.shards):
                self._wanted[f"shard-{shard}"] = _Wanted(IndexShard, shard, {"num_cpus": 0})
        resources = _lane_resources(settings)
        for slot in range(settings.recognisers.count):
            self._wanted[f"recogniser-{slot}"] = _Wanted(RecogniserActor, slot, resources)
        self._actors: dict[str, Any] = {}
        self._members: dict[str, Member] = {}
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="supervisor", daemon=True)
        self._thread.start()

    def plan(self) -> Plan:
        """What it keeps alive."""
        return self._plan

    def status(self) -> list[Member]:
        """Every wanted actor as it was within the last seconds, shards first."""
        return [self._members.get(name, Member(name, "starting")) for name in self._wanted]

    def close(self, timeout_s: float) -> None:
        """Let every recogniser finish and commit, then end all actors; from now on nothing watches."""
        self._stopping.set()
        self._thread.join(timeout_s)
        self._members = {name: Member(name, "closing") for name in self._wanted}
        self._actors = {name: actor for name in self._wanted if (actor := find_actor(name)) is not None}
        lanes = [actor.close.remote(timeout_s) for name, actor in self._actors.items() if name.startswith("recogniser")]
        if lanes:
            ray.wait(lanes, num_returns=len(lanes), timeout=timeout_s)
        for actor in self._actors.values():
            ray.kill(actor)

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._reconcile()
            except Exception as error:  # a supervisor that ends silently would show its last states for ever
                log.exception("reconciling")
                self._members = {name: Member(name, f"unknown: {error}") for name in self._wanted}
            self._stopping.wait(RECONCILE_S)

    def _reconcile(self) -> None:
        asked = {name: self._actor(name).status.remote() for name in self._wanted}
        self._members |= {name: self._hear(name, reply) for name, reply in asked.items()}

    def _actor(self, name: str) -> Any:
        if name not in self._actors:
            wanted = self._wanted[name]
            options = {"name": name, "lifetime": "detached", "get_if_exists": True, "max_restarts": -1}
            self._actors[name] = (
                ray.remote(wanted.kind).options(**options, **wanted.resources).remote(self._plan, wanted.number)
            )
        return self._actors[name]

    def _hear(self, name: str, reply: Any) -> Member:
        """What an actor says of itself, or what is known of one that says nothing."""
        try:
            status = ray.get(reply, timeout=STATUS_TIMEOUT_S)
        except GetTimeoutError:
            return Member(name, "starting, or too busy to answer")
        except ActorUnavailableError:
            return Member(name, "restarting")
        except RayError as error:
            self._actors.pop(name, None)  # given up by Ray: the next round makes a new one
            return Member(name, f"failed: {_cause(error)}")
        state = status.state if isinstance(status, RecogniserStatus) else status.trouble or _shard_state(status)
        return Member(name, state, status)


@dataclass(frozen=True, slots=True)
class _Wanted:
    kind: type
    number: int
    resources: dict[str, float]


def _lane_resources(settings: ClusterSettings) -> dict[str, float]:
    gpus = settings.recognisers.gpu_share if settings.device is Device.CUDA else 0
    return {"num_cpus": settings.recognisers.threads, "num_gpus": gpus}


def _shard_state(status: FeedStatus) -> str:
    return "ready" if status.generation else "reading the watchlist"


def _cause(error: RayError) -> str:
    """The last line of what Ray tells of a dead actor: the error itself, without Ray's frame around it."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return next((line for line in reversed(lines) if "operators.errors" in line), lines[-1] if lines else "unknown")
