"""Keeps the wanted actors alive, as many recognisers as the work asks for, and reports on them.

It leads them from one layout of the watchlist to another, and recognisers that are not wanted out of work.
"""

import logging
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from cluster.actors import (
    Silent,
    actor_names,
    drained_slots,
    end,
    ending_nodes,
    find_actor,
    hear,
    note_drained,
    restart,
    start_lane,
    start_shard,
    wait_for,
    when_gone,
)
from cluster.delivery import member_of, slot_named
from cluster.departures import Departures, take_out
from cluster.ledger.checkpoint_keeper import CheckpointKeeper
from cluster.patience import Patience
from cluster.plan import Plan
from cluster.policies.watch import open_policy_watch
from cluster.recogniser_status import LEAVE_S, LEAVING, RecogniserStatus
from cluster.scaling import Load, Scale, next_scale, slots, spare_slots, standby_slots
from cluster.shards.layout import Layout, Replica, Seen, next_steps, replica_named
from cluster.standbys import Standbys
from cluster.status import DRAINED, READY, WATCHING, Member, PolicyShown
from cluster.telemetry.logs import write_logs
from cluster.telemetry.supervised import open_cluster_metrics
from cluster.watchlists.feed import FeedStatus

SUPERVISOR = "supervisor"
STILL_ASKED = "asked until every recogniser asks the new shards"
RECONCILE_S = 2.0
HURRY_S = 0.5  # between two looks while something is on its way
STATUS_TIMEOUT_S = 2.0
RETIRE_S = 10.0
LAST_CHECKPOINT_S = 10.0

log = logging.getLogger("beholden.supervisor")


class Supervisor:
    """Keeps the wanted actors alive and reports on them; it is not in the path of any frame.

    Everything it must know it reads from its plan, from the actors themselves, and from what Ray keeps of those that
    were drained, so that it can be replaced at any time, also by one with another layout of the watchlist.
    """

    def __init__(self, plan: Plan) -> None:
        write_logs(plan.settings.telemetry.logs, SUPERVISOR, SUPERVISOR)
        self._plan = plan
        self._patience = Patience()
        self._unanswered: dict[str, Any] = {}
        self._layout = plan.settings.index.layout
        self._shards = {str(replica): replica for replica in (self._layout.all() if self._layout else [])}
        self._recognisers = plan.settings.recognisers
        there = [slot for name in actor_names() if (slot := slot_named(name)) is not None]
        self._scale = Scale(extra=len(set(spare_slots(self._recognisers, ())).intersection(there)))
        standbys = map(member_of, standby_slots(self._recognisers, ()))
        self._standbys = Standbys(standbys, lambda name, is_so: self._actor(name).stand_by.remote(is_so))
        self._departures = Departures(plan)
        self._attended = set[str]()
        self._policy = open_policy_watch(plan)
        self._lanes = {member_of(slot): slot for slot in range(self._recognisers.count)}
        self._actors: dict[str, Any] = {}
        self._members = {name: Member(name, "starting") for name in (*self._shards, *self._lanes)}
        self._checkpoints = CheckpointKeeper(plan)
        self._metrics = open_cluster_metrics(plan, lambda: self._policy.retention)
        self._stopping = threading.Event()
        self._wake = threading.Event()
        self._thread = threading.Thread(target=self._run, name="supervisor", daemon=True)
        self._thread.start()

    def plan(self) -> Plan:
        """What it keeps alive."""
        return self._plan

    def status(self) -> list[Member]:
        """Every actor as it was within the last seconds: shards, those that are about to leave, recognisers."""
        return list(self._members.values())

    def ledger(self) -> str:
        """How far the ledger is sealed by checkpoints, or why it is not."""
        return self._checkpoints.state

    def policy(self) -> PolicyShown | None:
        """What stands; None while that is not known."""
        return self._policy.shown

    def drain(self, drained: frozenset[int]) -> None:
        """Have these recognisers, and only these, be out of work until told otherwise."""
        note_drained(drained)
        self._wake.set()

    def close(self, timeout_s: float) -> None:
        """Let every recogniser finish and commit, then end all actors; from now on nothing watches."""
        self._stopping.set()
        self._wake.set()
        self._thread.join(timeout_s)
        self._members = {name: Member(name, "closing") for name in self._members}
        close_members(timeout_s)
        self._policy.close()
        self._checkpoints.close(LAST_CHECKPOINT_S)
        if self._metrics:
            self._metrics.close()

    def _run(self) -> None:
        while not self._stopping.is_set():
            settled = False
            try:
                settled = self._reconcile()
            except Exception as error:  # a supervisor that ends silently would show its last states for ever
                log.exception("reconciling")
                self._members = {name: Member(name, f"unknown: {error}") for name in self._members}
            self._tell_metrics()
            self._wake.wait(RECONCILE_S if settled else HURRY_S)
            self._wake.clear()

    def _tell_metrics(self) -> None:
        if self._metrics is None:
            return
        try:
            self._metrics.note(self.status(), len(self._lanes), self._policy.shown, self._checkpoints.sealing)
        except Exception:  # whoever only measures ends nothing
            log.exception("metrics of this round")

    def _reconcile(self) -> bool:
        """Make who is missing, hear everyone, and take the next steps; whether all are at work and none was due."""
        drained, names, asked_s = drained_slots(), actor_names(), time.monotonic()
        self._see_off(drained, names)
        there = [name for name in names if replica_named(name)]
        leaving = sorted(set(there).difference(self._shards))
        replies = {name: self._ask(name, actor) for name in leaving if (actor := find_actor(name)) is not None}
        replies |= {name: self._ask(name, self._actor(name)) for name in (*self._shards, *self._lanes)}
        self._unanswered.clear()
        wait_for(list(replies.values()), STATUS_TIMEOUT_S)
        heard = {name: member for name, reply in replies.items() if (member := self._hear(name, reply))}
        shown = {name: _leaving(heard[name], name in leaving) for name in (*self._shards, *leaving) if name in heard}
        self._members = shown | self._shown_lanes(heard, drained)
        self._attend(heard)
        due = not self._policy.look(heard.values(), asked_s)
        due |= self._lead(heard)
        self._move(heard)
        self._standbys.send_back({name: heard[name] for name in self._lanes}, asked_s)
        self._rescale(heard, len(spare_slots(self._recognisers, drained)))
        return not due and not self._departures.under_way and all(member.is_at_work for member in heard.values())

    def _attend(self, heard: Mapping[str, Member]) -> None:
        """Have it be noticed at once when the process of a recogniser ends that has been heard."""
        for name in self._lanes:
            if name not in self._attended and isinstance(heard[name].status, RecogniserStatus):
                self._attended.add(name)
                when_gone(self._actors[name], partial(self._miss, name))

    def _miss(self, name: str) -> None:
        """A recogniser is gone: its partitions are the others' now, not when Ray has started it anew."""
        self._attended.discard(name)
        if not self._stopping.is_set():
            lanes, members = self._lanes, self._members
            self._standbys.replace(name, {each: members[each] for each in lanes if each in members})
            threading.Thread(target=take_out, args=(self._plan, name), name="take-out", daemon=True).start()
            self._wake.set()

    def _see_off(self, drained: frozenset[int], names: Sequence[str]) -> None:
        """Lead recognisers that are not wanted out of work; one that is wanted again begins anew when it is out."""
        numbers = [*slots(self._recognisers, self._scale.extra, drained), *standby_slots(self._recognisers, drained)]
        wanted = {member_of(slot): slot for slot in numbers}
        unwanted = {name for name in names if slot_named(name) is not None and name not in wanted}
        self._departures.see_off(sorted(unwanted))
        for name in unwanted:
            self._actors.pop(name, None)
        self._lanes = {name: slot for name, slot in wanted.items() if name not in self._departures.under_way}
        self._departures.forget(self._lanes)

    def _shown_lanes(self, heard: Mapping[str, Member], drained: frozenset[int]) -> dict[str, Member]:
        """Recognisers as they are shown, by number."""
        shown = {name: Member(name, DRAINED, departure=self._departures.of(name)) for name in map(member_of, drained)}
        shown |= {name: Member(name, LEAVING) for name in self._departures.under_way}
        shown |= {name: heard[name] for name in self._lanes}
        return {name: shown[name] for name in sorted(shown, key=lambda name: slot_named(name) or 0)}

    def _move(self, heard: Mapping[str, Member]) -> None:
        """Have Ray start anew elsewhere who is on a node that is about to end: it waits for them, up to a time.

        Recognisers leave in order. A shard goes while another replica answers elsewhere: until then it is asked.
        """
        ending = ending_nodes()
        ready = [name for name, member in heard.items() if member.state == READY]
        safe = _replicas(name for name in ready if (status := heard[name].status) and status.node_id not in ending)
        kept = {replica.shard for replica in safe.intersection(self._shards.values())}
        for name in (*self._lanes, *self._shards):
            status = heard[name].status
            if status is None or status.node_id not in ending:
                continue
            if name in self._lanes:
                log.info("%s is told to leave node %s, which is about to end", name, status.node_id)
                self._actors[name].leave.remote(LEAVE_S)
            elif self._shards[name].shard in kept:
                log.info("%s is started anew, its node %s is about to end", name, status.node_id)
                restart(self._actors[name])

    def _rescale(self, heard: Mapping[str, Member], most: int) -> None:
        """Look whether there are as many recognisers as the work asks for; the next round makes it so."""
        if self._departures.under_way:
            return
        loads = [_load(heard[name]) for name in self._lanes if name not in self._standbys.names]
        after = next_scale(self._scale, loads, most, self._recognisers, time.monotonic())
        if after.extra != self._scale.extra:
            log.info("%d recognisers beside the least, not %d: %s", after.extra, self._scale.extra, loads)
            self._wake.set()
        self._scale = after

    def _lead(self, heard: Mapping[str, Member]) -> bool:
        """Take the next steps towards the wanted layout; whether there were any."""
        if self._layout is None:
            return False
        ready = [name for name in heard if heard[name].state == READY]
        lanes = {name: heard[name] for name in self._lanes}
        steps = next_steps(
            self._layout,
            Seen(
                replicas=_replicas(heard),
                ready=_replicas(ready),
                asks={name: _asks(member) for name, member in lanes.items() if not member.state.startswith("failed")},
            ),
        )
        for name in steps.tell:
            log.info("%s is told to ask %s", name, self._layout)
            self._actors[name].use.remote(self._layout)
        self._end(steps.end)
        return bool(steps.tell or steps.end)

    def _end(self, replicas: Sequence[Replica]) -> None:
        """End replicas that nobody asks; what they kept on a disk goes with them."""
        actors = {str(replica): actor for replica in replicas if (actor := find_actor(str(replica))) is not None}
        retired = {actor.retire.remote(): name for name, actor in actors.items()}
        wait_for(list(retired), RETIRE_S)
        for reply, name in retired.items():
            if isinstance(said := hear(reply), Silent):
                log.warning(
                    "%s is ended (%s): a snapshot that it kept may be there until the cluster comes up again after "
                    "'beholden down'",
                    name,
                    said.why,
                )
        end(actors.values())

    def _actor(self, name: str) -> Any:
        if name not in self._actors:
            is_shard = name in self._shards
            self._actors[name] = (
                start_shard(self._plan, self._shards[name]) if is_shard else start_lane(self._plan, self._lanes[name])
            )
        return self._actors[name]

    def _ask(self, name: str, actor: Any) -> Any:
        """How an actor is; one that has not answered yet is not asked again, so that questions do not pile up."""
        return self._unanswered.pop(name, None) or actor.status.remote()

    def _hear(self, name: str, reply: Any) -> Member | None:
        """What an actor says of itself, or what is known of a silent one; None of one that was leaving and is gone."""
        status = hear(reply)
        self._note_silence(name, reply, status)
        if isinstance(status, Silent):
            if status.is_gone and self._actors.pop(name, None) is None:
                return None
            return Member(name, status.why)  # one that is gone and is wanted is made anew in the next round
        state = status.state if isinstance(status, RecogniserStatus) else status.trouble or _shard_state(status)
        return Member(name, state, status)

    def _note_silence(self, name: str, reply: Any, status: Any) -> None:
        """End a shard that is silent for too long. A recogniser is left: its partitions are others' after 10 s."""
        if not isinstance(status, Silent):
            self._patience.answered(name)
        elif not status.is_late:
            self._patience.begins(name)
        else:
            self._unanswered[name] = reply
            if replica_named(name) and self._patience.is_over(name) and (actor := find_actor(name)) is not None:
                log.warning("%s has been silent for too long: its process is ended and started anew", name)
                self._patience.begins(name)
                restart(actor)


def members_there() -> list[str]:
    """Names of all recognisers and shards of this cluster, whoever started them."""
    return sorted(name for name in actor_names() if slot_named(name) is not None or replica_named(name))


def close_members(timeout_s: float) -> None:
    """Let every recogniser finish and commit, then end them and all shards. Only while no supervisor makes new ones."""
    actors = {name: actor for name in members_there() if (actor := find_actor(name)) is not None}
    lanes = [actor.close.remote(timeout_s) for name, actor in actors.items() if slot_named(name) is not None]
    wait_for(lanes, timeout_s)
    end(actors.values())
    note_drained([])


def _replicas(names: Iterable[str]) -> set[Replica]:
    return {replica for name in names if (replica := replica_named(name)) is not None}


def _load(member: Member) -> Load | None:
    status = member.status
    return status.load if isinstance(status, RecogniserStatus) and member.state == WATCHING else None


def _asks(member: Member) -> Layout | None:
    return member.status.layout if isinstance(member.status, RecogniserStatus) else None


def _leaving(member: Member, is_leaving: bool) -> Member:
    return replace(member, state=f"{member.state}, {STILL_ASKED}") if is_leaving else member


def _shard_state(status: FeedStatus) -> str:
    return READY if status.generation else "reading the watchlist"
