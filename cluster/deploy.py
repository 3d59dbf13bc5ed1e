"""Bring a cluster up and take it down: what `beholden up|down` do."""

import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import datetime
from typing import Any

from cluster import ray_driver, ray_local  # the first before anything else imports Ray
from cluster.actors import find_actor, note_taken_down, on_every_node, was_taken_down
from cluster.asking import wait_until_ready
from cluster.clocks import SystemClock
from cluster.delivery import slot_named
from cluster.kafka.admin import ensure_topics
from cluster.kafka.client import has_fast_crc
from cluster.kafka.topics import WATCHLIST
from cluster.keys import make_evidence_key
from cluster.ledger.checkpoint_keeper import ready_key
from cluster.ledger.desk import open_ledger
from cluster.plan import Plan, with_release
from cluster.policies.desk import open_policy_desk, read_book, settle
from cluster.policies.in_force import check_period
from cluster.policies.release import check_not_expired
from cluster.policies.state import fits
from cluster.privacy import retention_check
from cluster.settings import ClusterSettings
from cluster.shards.snapshots import sweep
from cluster.status import DRAINED, ClusterStatus
from cluster.supervisor import SUPERVISOR, members_there
from cluster.watchlists.places import check_places
from cluster.wire.deletions import DONE, DataClass, Deletion, Method, Residual, Trigger, done_body
from cluster.wire.models import ACCEPTED, accepted_body
from operators.errors import BeholdenError, DeploymentFailed

SWEEP_TIMEOUT_S = 30.0


def up(plan: Plan, progress: Callable[[str], None]) -> ClusterStatus:
    """Start what `plan` asks for and wait until it watches.

    A cluster that runs already is left as it is, unless `plan` asks for another number of shards or replicas: then the
    watchlist is divided anew beside the recognisers' work. Recognisers that were drained stay out of work.

    Raises:
        BrokerUnavailable: Kafka does not answer.
        SettingsRefused: The policy's time is over, a topic has other partitions than the cluster file says, the
            watchlist was given more after entries had been written, or something would be kept for longer than the
            policy promises, or for less than it asks for.
        ReleaseRefused: The policy may not come into force.
        DeploymentFailed: Ray or an actor did not start; the message says which and why. What this call had started is
            taken down again; a cluster that ran before goes on.
    """
    with _joined(plan, progress) as (plan, is_new):
        note_taken_down(False)
        at_work = _plan_at_work()
        if at_work is None:
            return _start(plan, is_new, progress)
        at_work = _as_asked(plan, at_work, is_new)
        found = wait_until_ready(plan, ray_driver.supervisor_of(plan, at_work, progress), progress)
        if drained := [member.name for member in found.members if member.state == DRAINED]:
            progress(f"{', '.join(drained)}: still drained; 'beholden drain --undo' brings them back")
        return found


def bring_up(plan: Plan, progress: Callable[[str], None]) -> None:
    """Start what `plan` asks for, or the supervisor that is missing, for whoever stays to look: nobody waits.

    A release that the cluster file names comes into force while the cluster runs, by the same checks as by 'beholden
    policy apply'. A cluster that a person has taken down stays down, and is refused nothing. One that runs without its
    supervisor gets one, by the plan that it has, even if what `plan` asks for is refused.

    Raises:
        RayUnreachable: No Ray answers.
        ClusterSilent: The supervisor does not, as while Ray starts it anew. Otherwise see `up`; what runs goes on.
    """
    try:
        _bring_up(plan, progress)
    except BeholdenError:
        if not _is_left_down(plan.settings, progress):
            raise


def _bring_up(plan: Plan, progress: Callable[[str], None]) -> None:
    named = plan.release
    with _joined(plan, progress) as (plan, is_new):
        at_work = _plan_at_work()
        if at_work is None:
            if not was_taken_down():
                _make_ready(plan, is_new, progress)
                _make(plan, progress)
            return
        at_work = _as_asked(plan, at_work, is_new and not named)
        if is_new:
            _apply(plan, progress)
        ray_driver.supervisor_of(plan, at_work, progress)


def _is_left_down(settings: ClusterSettings, progress: Callable[[str], None]) -> bool:
    """Whether a person has taken a cluster down; what runs without a supervisor gets one."""
    try:
        with ray_local.locked_cluster(settings.cluster), ray_driver.connected(settings):
            at_work = _plan_at_work()
            if at_work is None:
                return was_taken_down()
            if find_actor(SUPERVISOR) is None:
                ray_driver.supervisor_of(at_work, at_work, progress)
    except DeploymentFailed:
        pass  # the refusal is what must be said
    return False


@contextmanager
def _joined(plan: Plan, progress: Callable[[str], None]) -> Iterator[tuple[Plan, bool]]:
    """All that must be there before anybody starts, and a connection to Ray, for the length of a block.

    Yields:
        The plan under the policy by which the cluster starts, and whether that is still to be put in force.
    """
    if not has_fast_crc():
        raise DeploymentFailed("the C code for CRC-32C is missing: pip install 'kafka-python[crc32c]'")
    if make_evidence_key(plan.settings.key_folder):
        folder = plan.settings.key_folder
        to = "nowhere" if plan.settings.starts_ray else "to the same folder of each machine with recognisers alone"
        progress(f"made the key that seals evidence in {folder}: copy it {to}, for who destroys it deletes that")
    with ray_local.locked_cluster(plan.settings.cluster), ExitStack() as ray_there:
        plan, is_new = _settled(plan, progress)
        kafka = plan.settings.kafka
        made = ensure_topics(kafka, plan.in_force.policy.retention)
        for topic in made:
            progress(f"made topic {topic}")
        if kafka.topic_prefix + WATCHLIST not in made:
            check_places(kafka)
        retention_check.check(kafka, plan.in_force.policy.retention)
        ray_there.enter_context(_rays(plan, progress))
        ray_there.enter_context(ray_driver.connected(plan.settings))
        yield plan, is_new


def _as_asked(plan: Plan, at_work: Plan, is_new: bool) -> Plan:
    """What runs, under the policy in force, if it is what `plan` asks for but for its layout."""
    cluster, policy = plan.settings.cluster, plan.in_force.policy
    if misfit := fits(at_work)(policy):
        raise DeploymentFailed(f"cluster {cluster}: {misfit[1]}")
    if is_new:
        raise DeploymentFailed(
            f"cluster {cluster} runs, and its file names policy {policy.policy}, which is not in force: 'beholden "
            "policy propose' and 'apply' put it in force while it runs"
        )
    settings = replace(at_work.settings, policy=plan.settings.policy)  # it follows the policy topic, not a file
    at_work = replace(at_work, settings=settings, in_force=plan.in_force, release=plan.release)
    if not plan.differs_in_layout_only(at_work):
        raise DeploymentFailed(f"cluster {cluster} runs with other settings: 'beholden down', then 'beholden up'")
    return at_work


def _plan_at_work() -> Plan | None:
    """What runs: the supervisor's plan, or that of a recogniser whose supervisor is gone."""
    for name in (SUPERVISOR, *(name for name in members_there() if slot_named(name) is not None)):
        if actor := find_actor(name):
            plan: Plan = ray_driver.answer(actor.plan.remote())
            return plan
    return None


def _settled(plan: Plan, progress: Callable[[str], None]) -> tuple[Plan, bool]:
    """The plan under the policy by which a cluster starts, and whether that is still to be put in force."""
    now, own = SystemClock().now(), plan.in_force
    book = read_book(plan.settings, own.policy.deployment)
    release = settle(plan.release or own, book, now)
    check_period(release.in_force.policy, now)
    check_not_expired(release, now)
    if release.digest != own.digest:
        progress(f"policy {release.number} is in force, above the {own.policy.policy} of the cluster file")
    return with_release(plan, release), book.in_force is None or release.digest != book.in_force.digest


def _start(plan: Plan, is_new: bool, progress: Callable[[str], None]) -> ClusterStatus:
    _make_ready(plan, is_new, progress)
    try:
        return wait_until_ready(plan, _make(plan, progress), progress)
    except BaseException:
        progress("taking down what was started")
        ray_driver.take_down(progress)
        raise


def _make_ready(plan: Plan, is_new: bool, progress: Callable[[str], None]) -> None:
    """Have the key of the ledger's checkpoints, and the policy in force."""
    if ready_key(plan):
        progress(f"made the key that signs checkpoints of the ledger in {plan.settings.key_folder}: keep a copy of it")
    if is_new:
        _apply(plan, progress)


def _make(plan: Plan, progress: Callable[[str], None]) -> Any:
    """The supervisor, which makes everybody else."""
    accept_models(plan)
    _sweep(plan, progress)
    return ray_driver.make_supervisor(plan)


def _apply(plan: Plan, progress: Callable[[str], None]) -> None:
    if plan.release:
        with open_policy_desk(plan.settings, plan.in_force.policy.deployment) as desk:
            desk.apply(plan.release)
        progress(f"policy {plan.in_force.policy.policy} is in force, written to topic policy")


def accept_models(plan: Plan) -> None:
    """Write down which models are looked through, and under which licence the policy accepts them.

    Raises:
        BrokerUnavailable: It could not be written; then nothing is started.
    """
    with open_ledger(plan) as ledger:
        for manifest in (plan.detector, plan.embedder):
            ledger.write(ACCEPTED, accepted_body(manifest))


def _sweep(plan: Plan, progress: Callable[[str], None]) -> None:
    """Remove what holders of the list that are not started any more have kept on each machine, and write that down."""
    if not plan.settings.index.snapshots:
        return
    begun_at = SystemClock().now()
    gone = Counter(name for found in on_every_node(SWEEP_TIMEOUT_S, sweep, plan) for name in found)
    for name in sorted(gone):
        progress(f"removed the snapshot of {name}, which is not started any more")
    if gone:
        with open_ledger(plan) as ledger:
            for name, copies in sorted(gone.items()):
                ledger.write(DONE, _swept(plan, name, copies, begun_at))


def _swept(plan: Plan, name: str, copies: int, begun_at: datetime) -> dict[str, Any]:
    """What the ledger is told of copies of the list that are gone."""
    clock, profile = SystemClock(), plan.in_force.policy.retention.profile
    of, scope = DataClass.LIST_SNAPSHOT, f"the snapshot of {name}"
    deletion = Deletion(of, scope, "beholden up", Trigger.LAYOUT, Method.REMOVED, profile, begun_at)
    left = Residual("blocks of the disk", None, "a file system does not overwrite what it removes")
    return done_body(deletion, clock.now(), copies, "the folder is gone", [left])


def down(settings: ClusterSettings, progress: Callable[[str], None]) -> bool:
    """Let every recogniser finish and commit, end the actors, and our own Ray; whether there was anything to end."""
    with ray_local.locked_cluster(settings.cluster):
        if not settings.starts_ray:
            with ray_driver.connected(settings):
                note_taken_down(True)
                return ray_driver.close_all(progress)
        if ray_local.find_ray(settings.cluster):
            try:
                with ray_driver.connected(settings):
                    ray_driver.close_all(progress)
            except DeploymentFailed as error:
                progress(f"recognisers could not be asked to finish: {error}")
            progress("stopping Ray")
        return ray_local.stop_ray(settings.cluster)


@contextmanager
def _rays(plan: Plan, progress: Callable[[str], None]) -> Iterator[None]:
    """Have a Ray for the length of a block; one that was started for it ends with it if it fails."""
    settings = plan.settings
    if not settings.starts_ray or ray_local.find_ray(settings.cluster):
        yield
        return
    lanes = settings.recognisers
    try:
        cpus = max(os.cpu_count() or 1, (lanes.most or lanes.count) * lanes.threads)
        ray_local.start_ray(settings.cluster, cpus, progress)
        yield
    except BaseException:
        ray_local.stop_ray(settings.cluster)
        raise
