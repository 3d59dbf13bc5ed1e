"""Bring a cluster up, look at it, take it down: what `beholden up|status|down` do."""

import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Any

from cluster import ray_local
from cluster.privacy import retention_check

ray_local.authenticate()  # Ray reads its authentication settings when it is imported

# ruff: noqa: E402
import ray
from ray.exceptions import RayError

from cluster.actors import UNTOLD, find_actor, on_every_node
from cluster.clocks import SystemClock
from cluster.delivery import slot_named
from cluster.kafka_admin import ensure_topics
from cluster.kafka_io import has_fast_crc
from cluster.keys import make_evidence_key
from cluster.ledger.checkpoint_keeper import ready_key
from cluster.ledger.desk import open_ledger
from cluster.plan import Plan, with_release
from cluster.policies.desk import open_policy_desk, read_book, settle
from cluster.policies.in_force import check_period
from cluster.policies.release import check_not_expired
from cluster.policies.state import fits
from cluster.recogniser import LEAVE_S, Departure
from cluster.settings import ClusterSettings
from cluster.shards.snapshots import sweep
from cluster.status import DRAINED, ClusterStatus
from cluster.supervisor import SUPERVISOR, Supervisor, close_members, members_there
from cluster.wire.models import ACCEPTED, accepted_body
from operators.errors import DeploymentFailed

READY_TIMEOUT_S = 120.0
CLOSE_TIMEOUT_S = 30.0
CALL_TIMEOUT_S = 15.0
CONNECT_TIMEOUT_S = 5.0


def up(plan: Plan, progress: Callable[[str], None]) -> ClusterStatus:
    """Start what `plan` asks for and wait until it watches.

    A cluster that runs already is left as it is, unless `plan` asks for another number of shards or replicas: then the
    watchlist is divided anew beside the recognisers' work. Recognisers that were drained stay out of work.

    Raises:
        BrokerUnavailable: Kafka does not answer.
        SettingsRefused: The policy's time is over, a topic has other partitions than the cluster file says, or
            something would be kept for longer than the policy promises, or for less than it asks for.
        ReleaseRefused: The policy may not come into force.
        DeploymentFailed: Ray or an actor did not start; the message says which and why. What this call had started is
            taken down again; a cluster that ran before goes on.
    """
    if not has_fast_crc():
        raise DeploymentFailed("the C code for CRC-32C is missing: pip install 'kafka-python[crc32c]'")
    if make_evidence_key(plan.settings.key_folder):
        progress(f"made the key that seals evidence in {plan.settings.key_folder}: whoever destroys it deletes that")
    with ray_local.locked_cluster(plan.settings.cluster), ExitStack() as ray_there:
        plan, is_new = _settled(plan, progress)
        for topic in ensure_topics(plan.settings.kafka, plan.in_force.policy.retention):
            progress(f"made topic {topic}")
        retention_check.check(plan.settings.kafka, plan.in_force.policy.retention)
        ray_there.enter_context(_rays(plan, progress))
        ray_there.enter_context(connected(plan.settings))
        at_work = _plan_at_work()
        if at_work is None:
            return _start(plan, is_new, progress)
        at_work = _as_asked(plan, at_work, is_new)
        found = wait_until_ready(plan, _supervisor_of(plan, at_work, progress), progress)
        if drained := [member.name for member in found.members if member.state == DRAINED]:
            progress(f"{', '.join(drained)}: still drained; 'beholden drain --undo' brings them back")
        return found


def _as_asked(plan: Plan, at_work: Plan, is_new: bool) -> Plan:
    """What runs, under the policy in force, if it is what `plan` asks for but for its layout."""
    cluster, policy = plan.settings.cluster, plan.in_force.policy
    if is_new:
        raise DeploymentFailed(
            f"cluster {cluster} runs, and its file names policy {policy.policy}, which is not in force: 'beholden "
            "policy propose' and 'apply' put it in force while it runs"
        )
    if misfit := fits(at_work)(policy):
        raise DeploymentFailed(f"cluster {cluster}: {misfit[1]}")
    at_work = replace(at_work, in_force=plan.in_force, release=plan.release)  # it follows the policy topic
    if not plan.differs_in_layout_only(at_work):
        raise DeploymentFailed(f"cluster {cluster} runs with other settings: 'beholden down', then 'beholden up'")
    return at_work


def _plan_at_work() -> Plan | None:
    """What runs: the supervisor's plan, or that of a recogniser whose supervisor is gone."""
    for name in (SUPERVISOR, *(name for name in members_there() if slot_named(name) is not None)):
        if actor := find_actor(name):
            plan: Plan = answer(actor.plan.remote())
            return plan
    return None


def answer(reply: Any) -> Any:
    """What an actor answers.

    Raises:
        RayError: Nothing in time, or by an error.
    """
    return ray.get(reply, timeout=CALL_TIMEOUT_S)


def _supervisor_of(plan: Plan, at_work: Plan, progress: Callable[[str], None]) -> Any:
    """The supervisor with this plan; one with another is replaced, and finds the actors of the one before.

    It is replaced, not told, because Ray restarts an actor with the arguments it was made with.
    """
    supervisor, index = find_actor(SUPERVISOR), plan.settings.index
    if supervisor is None:
        progress("the supervisor is missing: starting it anew, recognisers and shards go on")
    elif at_work == plan:
        return supervisor
    else:
        progress(f"dividing the watchlist anew: shards: {index.shards}, replicas: {index.replicas}")
        ray.kill(supervisor)
    return _make_supervisor(plan)


def _make_supervisor(plan: Plan) -> Any:
    """A supervisor; the name of one that was killed is free after a moment."""
    options = {"name": SUPERVISOR, "lifetime": "detached", "max_restarts": -1, "num_cpus": 0, "max_concurrency": 4}
    options |= {"resources": plan.settings.supervisor.resources, **UNTOLD}
    deadline = time.monotonic() + CALL_TIMEOUT_S
    while True:
        try:
            return ray.remote(Supervisor).options(**options).remote(plan)
        except ValueError as taken:
            if time.monotonic() > deadline:
                raise DeploymentFailed(f"the supervisor before does not end: {taken}") from None
            time.sleep(0.1)


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
    if ready_key(plan):
        progress(f"made the key that signs checkpoints of the ledger in {plan.settings.key_folder}: keep a copy of it")
    if is_new and plan.release:
        with open_policy_desk(plan.settings, plan.in_force.policy.deployment) as desk:
            desk.apply(plan.release)
        progress(f"policy {plan.in_force.policy.policy} is in force, written to topic policy")
    try:
        accept_models(plan)
        _sweep(plan, progress)
        return wait_until_ready(plan, _make_supervisor(plan), progress)
    except BaseException:
        progress("taking down what was started")
        _take_down(progress)
        raise


def accept_models(plan: Plan) -> None:
    """Write down which models are looked through, and under which licence the policy accepts them.

    Raises:
        BrokerUnavailable: It could not be written; then nothing is started.
    """
    with open_ledger(plan) as ledger:
        for manifest in (plan.detector, plan.embedder):
            ledger.write(ACCEPTED, accepted_body(manifest))


def _sweep(plan: Plan, progress: Callable[[str], None]) -> None:
    """Remove what holders of the list that are not started any more have kept on each machine."""
    if plan.settings.index.snapshots:
        for name in sorted({name for found in on_every_node(CLOSE_TIMEOUT_S, sweep, plan) for name in found}):
            progress(f"removed the snapshot of {name}, which is not started any more")


def status(settings: ClusterSettings) -> ClusterStatus:
    """The cluster as it is, whatever its files say by now.

    Raises:
        DeploymentFailed: It does not run.
    """
    with connected(settings):
        return status_of_connected(settings.cluster)


@contextmanager
def at_work(settings: ClusterSettings) -> Iterator[Any]:
    """The supervisor of a running cluster, for a command that changes it; no other can meanwhile.

    Raises:
        DeploymentFailed: It does not run.
    """
    with ray_local.locked_cluster(settings.cluster), connected(settings):
        yield _supervisor(settings.cluster)


def status_of_connected(cluster: str) -> ClusterStatus:
    """The same, for a process that is `connected` already.

    Raises:
        DeploymentFailed: It does not run.
    """
    supervisor = _supervisor(cluster)
    return _status(supervisor, answer(supervisor.plan.remote()))


def _status(supervisor: Any, plan: Plan) -> ClusterStatus:
    asked = (supervisor.status.remote(), supervisor.policy.remote(), supervisor.ledger.remote())
    return ClusterStatus(plan, *map(answer, asked))


def _supervisor(cluster: str) -> Any:
    supervisor = find_actor(SUPERVISOR)
    if supervisor is None:
        raise DeploymentFailed(_without_supervisor(cluster, members_there()))
    return supervisor


def start_anew(recogniser: str) -> Departure:
    """Let one recogniser finish and leave, for Ray to start it anew; how it left.

    Raises:
        DeploymentFailed: It is not there.
        RayError: It does not answer.
    """
    actor = find_actor(recogniser)
    if actor is None:
        raise DeploymentFailed(f"{recogniser} is not there any more: 'beholden status' shows who is")
    departure: Departure = answer(actor.leave.remote(LEAVE_S))
    return departure


def _without_supervisor(cluster: str, names: Sequence[str]) -> str:
    """What is to be said of a cluster without a supervisor: it may watch nevertheless."""
    if not names:
        return f"cluster {cluster} does not run: 'beholden up' starts it"
    return (
        f"the supervisor of cluster {cluster} is missing, so nobody replaces what fails; these go on without it: "
        f"{', '.join(names)}; 'beholden up' starts it anew, 'beholden down' ends them"
    )


def down(settings: ClusterSettings, progress: Callable[[str], None]) -> bool:
    """Let every recogniser finish and commit, end the actors, and our own Ray; whether there was anything to end."""
    with ray_local.locked_cluster(settings.cluster):
        if settings.ray != "local":
            with connected(settings):
                return _close(progress)
        if ray_local.find_ray(settings.cluster):
            try:
                with connected(settings):
                    _close(progress)
            except DeploymentFailed as error:
                progress(f"recognisers could not be asked to finish: {error}")
            progress("stopping Ray")
        return ray_local.stop_ray(settings.cluster)


def _take_down(progress: Callable[[str], None]) -> None:
    """End the actors that a failed start has left, from within its connection."""
    try:
        _close(progress)
    except RayError as error:
        progress(f"recognisers could not be asked to finish: {error}")


def _close(progress: Callable[[str], None]) -> bool:
    """Let recognisers finish and end all actors, also those whose supervisor is gone; whether there were any."""
    supervisor = find_actor(SUPERVISOR)
    if supervisor is None and not members_there():
        return False
    progress("waiting for recognisers to finish their frames")
    if supervisor is not None:
        try:
            ray.get(supervisor.close.remote(CLOSE_TIMEOUT_S), timeout=3 * CLOSE_TIMEOUT_S)
        except RayError as error:
            progress(f"the supervisor does not answer ({type(error).__name__}): it is ended")
        ray.kill(supervisor)
    close_members(CLOSE_TIMEOUT_S)
    return True


@contextmanager
def _rays(plan: Plan, progress: Callable[[str], None]) -> Iterator[None]:
    """Have a Ray for the length of a block; one that was started for it ends with it if it fails."""
    settings = plan.settings
    if settings.ray != "local" or ray_local.find_ray(settings.cluster):
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


@contextmanager
def connected(settings: ClusterSettings) -> Iterator[None]:
    """Join the cluster's Ray as a driver, for the length of a block."""
    address = settings.ray
    if address == "local":
        found = ray_local.find_ray(settings.cluster)
        if not found:
            raise DeploymentFailed(f"cluster {settings.cluster} does not run: 'beholden up' starts it")
        address = found.address
    else:
        _refuse_unreachable(address)
    on_termination = signal.getsignal(signal.SIGTERM)
    try:
        ray.init(address=address, namespace=settings.cluster, log_to_driver=False, logging_level="ERROR")
    except (ConnectionError, RuntimeError) as error:
        raise DeploymentFailed(
            f"Ray at {address} cannot be joined: {error}; is it there, and is RAY_AUTH_TOKEN_PATH its token?"
        ) from None
    try:
        if threading.current_thread() is threading.main_thread():
            # Ray has put its own in its place, with which a process is aborted while it takes down what it has started.
            signal.signal(signal.SIGTERM, on_termination)
        yield
    except RayError as error:
        raise DeploymentFailed(f"cluster {settings.cluster} does not answer: {type(error).__name__}: {error}") from None
    finally:
        ray.shutdown()


def _refuse_unreachable(address: str) -> None:
    """Ray itself goes on trying to join a Ray that is not there for longer than anybody waits."""
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=CONNECT_TIMEOUT_S).close()
    except (OSError, ValueError) as error:
        raise DeploymentFailed(
            f"nothing answers at {address} ({error}): start Ray there, or correct 'ray' in the cluster file"
        ) from None


def wait_until_ready(
    plan: Plan,
    supervisor: Any,
    progress: Callable[[str], None],
    also: Callable[[ClusterStatus], bool] = lambda _: True,
) -> ClusterStatus:
    """Wait until all is as it should be.

    Args:
        plan: What was asked for.
        supervisor: Says how it is.
        progress: Is told of every actor's state.
        also: What must be true besides.

    Raises:
        DeploymentFailed: Something has failed, or it takes too long.
    """
    deadline = time.monotonic() + READY_TIMEOUT_S
    told: dict[str, str] = {}
    while True:
        now = _status(supervisor, plan)
        for member in now.members:
            if told.get(member.name) != member.state:
                progress(f"{member.name}: {member.state}")
        told = {member.name: member.state for member in now.members}
        failed = [f"{member.name}: {member.state}" for member in now.members if member.state.startswith("failed")]
        if failed or time.monotonic() > deadline:
            raise DeploymentFailed("\n".join(failed or _late(now)))
        if now.is_ready and also(now):
            return now
        time.sleep(0.5)


def _late(now: ClusterStatus) -> list[str]:
    """What is to be said of a cluster that is not ready in time."""
    what = f"not ready within {READY_TIMEOUT_S:.0f} s"
    if now.is_dividing:
        what = (
            f"the watchlist is still being divided after {READY_TIMEOUT_S:.0f} s; the old shards are asked meanwhile. "
            "'beholden status' shows how far it is; 'beholden up' with the old numbers takes it back"
        )
    waiting = [f"{member.name}: {member.state}" for member in now.members if not member.is_at_work]
    return [what, *(waiting or ["not every partition has its recogniser yet"])]
