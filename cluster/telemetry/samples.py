"""From what the supervisor has heard to samples, one catalogue for all ways out. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import isinf
from typing import Any

from cluster.account import CANARY, CANDIDATE, NoMatch, Outcome, Shed
from cluster.measures import Exemplar, Measured
from cluster.recogniser_status import LEAVING, STANDING_BY, RecogniserStatus
from cluster.shards.layout import replica_named
from cluster.stages import Durations
from cluster.status import DRAINED, READY, WATCHING, Member, PolicyShown
from cluster.telemetry.heard import Heard
from cluster.telemetry.metric import EVERYWHERE
from cluster.telemetry.process import Process
from cluster.watchlists.feed import FeedStatus
from operators.errors import FrameReason
from operators.quality import GateReason

DIGITS = 8  # of a digest: as many as `beholden status` shows
SUPERVISOR = "supervisor"
_UP = ("at_work", "halted", "standing_by")
STATES = (*_UP, "starting", "waiting", "restarting", "silent", "failed", "leaving", "drained")
COMPARED = "compared"
_REASONS = {
    Outcome.ALERTED: (CANDIDATE, CANARY),
    Outcome.NO_MATCH: tuple(NoMatch),
    Outcome.SHED: tuple(Shed),
    Outcome.DEAD_LETTERED: tuple(FrameReason),
}
_HALTS = (Shed.STOPPED, Shed.LAPSED, Shed.OUT_OF_HOURS)
_Labels = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Sample:
    """One value of one metric.

    Attributes:
        name: Of the metric, as in the catalogue.
        labels: Those of the catalogue, and `EVERYWHERE`.
        value: Of a counter or gauge.
        durations: Of a histogram; None of anything else.
        exemplars: Of a histogram, by the number of their bucket.
    """

    name: str
    labels: _Labels
    value: float = 0.0
    durations: Durations | None = None
    exemplars: Mapping[str, Exemplar] = field(default_factory=dict)


def samples(heard: Heard) -> list[Sample]:
    """All there are. What may still happen is there as 0, so that its first time is seen as a change."""
    everywhere = {EVERYWHERE: heard.deployment}
    found = [*_cluster(heard), *_retention(heard)]
    for member in heard.members:
        found += _member(member, heard)
    return [
        Sample(each.name, {**everywhere, **each.labels}, each.value, each.durations, each.exemplars) for each in found
    ]


def _cluster(heard: Heard) -> Iterator[Sample]:
    yield Sample("beholden_alert_objective_seconds", {}, heard.objective_s)
    yield Sample("beholden_recognisers_wanted", {}, heard.wanted)
    yield Sample("beholden_supervisor_looked_timestamp_seconds", {}, heard.at_s)
    if heard.sealing.at_s is not None:
        yield Sample("beholden_ledger_sealed_timestamp_seconds", {}, heard.sealing.at_s)
    yield Sample("beholden_ledger_unsealed_records", {}, heard.sealing.unsealed)
    for outcome in ("sent", "failed"):
        yield Sample("beholden_pushes_total", {"outcome": outcome}, heard.pushes.get(outcome, 0))
    if heard.policy is not None:
        yield from _policy(heard.policy)


def _policy(shown: PolicyShown) -> Iterator[Sample]:
    yield _goes_by(SUPERVISOR, "", shown.number, shown.digest)
    yield Sample("beholden_policy_late_members", {}, shown.late)
    yield Sample("beholden_policy_spread_seconds", {}, shown.apart_s)
    yield Sample("beholden_policy_alarms", {}, len(shown.alarms))
    for reason in _HALTS:
        yield Sample("beholden_policy_halted", {"reason": reason}, shown.halt_reason == reason)
    for kind, at_s in shown.ends.items():
        yield Sample("beholden_policy_ends_timestamp_seconds", {"kind": kind}, at_s)
    for camera, is_expected in shown.cameras.items():
        yield Sample("beholden_camera_expected", {"camera": camera}, is_expected)


def _goes_by(member: str, node: str, number: int, digest: str) -> Sample:
    labels = {"member": member, "node": node, "policy": str(number), "digest": digest[:DIGITS]}
    return Sample("beholden_policy_info", labels, 1)


def _retention(heard: Heard) -> Iterator[Sample]:
    for topic in heard.kept:
        kind = {"kind": topic.topic}
        yield Sample("beholden_retention_early", kind, topic.is_early)
        if isinf(topic.promised_s):
            continue
        yield Sample("beholden_retention_promised_seconds", kind, topic.promised_s)
        yield Sample("beholden_retention_possible_seconds", kind, topic.possible_s)
        if topic.oldest_s is not None:
            yield Sample("beholden_retention_oldest_seconds", kind, topic.oldest_s)


def _member(member: Member, heard: Heard) -> Iterator[Sample]:
    labels = {"member": member.name, "node": heard.nodes.get(member.name, "")}
    status, kind = member.status, "shard" if replica_named(member.name) else "recogniser"
    current = state_of(member, is_known=member.name in heard.nodes)
    if current != "drained":
        up = current in _UP
        yield Sample("beholden_member_up", {**labels, "kind": kind}, up)
    for state in STATES:
        yield Sample("beholden_member_state", {**labels, "kind": kind, "state": state}, state == current)
    ended = {"member": member.name, "kind": "process"}
    yield Sample("beholden_member_restarts_total", ended, heard.ended.get(member.name, 0))
    if isinstance(status, RecogniserStatus):
        yield from _recogniser(member.name, status, labels)
    elif status is not None and (replica := replica_named(member.name)):
        holder = {**labels, "shard": str(replica.shard), "replica": str(replica.number)}
        yield from _holder(status, holder)
        yield Sample("beholden_spans_dropped_total", labels, status.spans_dropped)
        yield from _process(status.process, labels)


def state_of(member: Member, is_known: bool) -> str:
    """What a member does, in one of the words of `STATES`.

    Args:
        member: Which one.
        is_known: Whether it has ever said something: one that has not is starting.
    """
    state = member.state
    words = {
        STANDING_BY: "standing_by",
        DRAINED: "drained",
        LEAVING: "leaving",
        "closing": "leaving",
        "restarting": "restarting",
    }
    if state in words:
        return words[state]
    if member.is_at_work or state.startswith((READY, WATCHING)):
        return "at_work" if state.startswith((READY, WATCHING)) else "halted"
    if state.startswith("failed"):
        return "failed"
    if member.status is not None:
        return "starting" if state in ("starting", "reading the watchlist") else "waiting"
    return "silent" if is_known else "starting"


def _recogniser(name: str, status: RecogniserStatus, labels: _Labels) -> Iterator[Sample]:
    yield Sample("beholden_member_restarts_total", {"member": name, "kind": "dataflow"}, status.restarts)
    yield Sample("beholden_spans_dropped_total", labels, status.spans_dropped)
    if status.policy:
        yield _goes_by(name, labels["node"], status.policy, status.policy_digest)
    yield from _account(status.account, labels)
    yield from _measured(status.measured, labels)
    yield from _work(status, labels)
    yield from _process(status.process, labels)
    if status.index is not None:
        yield from _holder(status.index, {**labels, "shard": "0", "replica": str(status.slot)})


def _account(account: Mapping[str, Any], labels: _Labels) -> Iterator[Sample]:
    """Counts that may become less when frames are given back are told with those added, so that they only grow."""
    yield Sample("beholden_frames_in_total", labels, account["frames_in"] + account["given_back"])
    yield Sample("beholden_frames_given_back_total", labels, account["given_back"])
    yield Sample("beholden_frames_waiting", labels, account["open"])
    for outcome, reasons in _REASONS.items():
        for reason in reasons:
            given_back = account["shed_given_back"].get(reason, 0) if outcome is Outcome.SHED else 0
            count = account[outcome].get(reason, 0) + given_back
            yield Sample("beholden_frames_total", {**labels, "outcome": outcome, "reason": reason}, count)
    for reason in (COMPARED, *GateReason):
        yield Sample("beholden_faces_total", {**labels, "reason": reason}, account["faces"].get(reason, 0))
    for camera, frames in account["watched"].items():
        yield Sample("beholden_camera_frames_total", {**labels, "camera": camera}, frames)
        yield Sample("beholden_slow_frames_total", {**labels, "camera": camera}, account["slow"].get(camera, 0))
    if account["life_ceiling_ms"]:
        yield Sample("beholden_nonmatch_ceiling_seconds", labels, account["life_ceiling_ms"] / 1000)
    yield Sample("beholden_nonmatch_late_drops_total", labels, account["late_drops"])


def _measured(measured: Measured, labels: _Labels) -> Iterator[Sample]:
    for stage, durations in measured.stages.items():
        yield Sample("beholden_stage_duration_seconds", {**labels, "stage": stage}, durations=durations)
    for stage, errors in measured.stage_errors.items():
        yield Sample("beholden_stage_errors_total", {**labels, "stage": stage}, errors)
    yield from _alerts(measured, labels)
    yield Sample("beholden_frame_age_seconds", labels, durations=measured.ages)
    yield Sample("beholden_nonmatch_lifetime_seconds", labels, durations=measured.lives)
    for camera, at_s in measured.last_frames.items():
        yield Sample("beholden_camera_last_frame_timestamp_seconds", {**labels, "camera": camera}, at_s)


def _alerts(measured: Measured, labels: _Labels) -> Iterator[Sample]:
    latencies, exemplars = measured.latencies, measured.exemplars
    yield Sample("beholden_alert_latency_seconds", labels, durations=latencies, exemplars=exemplars)
    yield Sample("beholden_alerts_late_total", labels, measured.late_alerts)
    for camera, name, alerts in measured.alerts:
        yield Sample("beholden_alerts_total", {**labels, "camera": camera, "list": name}, alerts)
    for camera, name, verdict, count in measured.sightings:
        where = {**labels, "camera": camera, "list": name, "outcome": verdict}
        yield Sample("beholden_sightings_total", where, count)


def _work(status: RecogniserStatus, labels: _Labels) -> Iterator[Sample]:
    for partition, frames in status.partitions.items():
        yield Sample("beholden_lag_frames", {**labels, "partition": str(partition)}, frames)
    work = status.work
    if work is None:
        return
    for number, lag_s in work.lag_s.items():
        yield Sample("beholden_lag_seconds", {**labels, "partition": number}, lag_s)
    yield Sample("beholden_busy_seconds_total", labels, work.busy_s)
    yield Sample("beholden_waiting_bytes", labels, work.waiting_bytes)
    yield Sample("beholden_in_flight_frames", labels, work.in_flight)
    yield Sample("beholden_paused_partitions", labels, work.paused)
    yield Sample("beholden_ledger_waits", labels, work.waits_for_ledger)


def _holder(status: FeedStatus, labels: _Labels) -> Iterator[Sample]:
    generation = status.generation
    yield Sample("beholden_index_generation", labels, generation.number if generation else 0)
    for kind, entries in (("searched", status.entries), ("foreign", status.foreign), ("invalid", status.invalid)):
        yield Sample("beholden_index_entries", {**labels, "kind": kind}, entries)
    yield Sample("beholden_index_bytes", labels, status.size_bytes)
    yield Sample("beholden_index_search_duration_seconds", labels, durations=status.searches)
    for kind, effects in status.effects.items():
        yield Sample("beholden_index_effect_duration_seconds", {**labels, "kind": kind}, durations=effects)
    for kind, seconds in status.last_effect_s.items():
        yield Sample("beholden_index_last_effect_seconds", {**labels, "kind": kind}, seconds)
    for kind, seconds in status.waiting_s.items():
        yield Sample("beholden_index_waiting_seconds", {**labels, "kind": kind}, seconds)


def _process(process: Process | None, labels: _Labels) -> Iterator[Sample]:
    if process is None:
        return
    yield Sample("beholden_resident_bytes", labels, process.resident_bytes)
    yield Sample("beholden_cpu_seconds_total", labels, process.cpu_s)
    if gpu := process.gpu:
        yield Sample("beholden_gpu_memory_used_bytes", labels, gpu.used_bytes)
        yield Sample("beholden_gpu_memory_bytes", labels, gpu.total_bytes)
        if gpu.utilisation is not None:
            yield Sample("beholden_gpu_utilisation_ratio", labels, gpu.utilisation)
