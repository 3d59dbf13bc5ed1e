"""The metrics of a whole cluster, as its supervisor hears them."""

import time
from collections.abc import Callable, Sequence

from cluster.ledger.checkpoint_keeper import Sealing
from cluster.plan import Plan
from cluster.status import Member, PolicyShown
from cluster.telemetry.heard import Heard, Processes
from cluster.telemetry.kept import KeptWatch
from cluster.telemetry.metric_outlets import MetricOutlets
from cluster.telemetry.samples import Sample, samples
from operators.retention import RetentionProfile

CLOSE_S = 2.0


class ClusterMetrics:
    """Told by the supervisor what it hears, it serves and sends that until closed.

    Args:
        plan: What runs.
        retention: By the policy in force; None while that is not known.
    """

    def __init__(self, plan: Plan, retention: Callable[[], RetentionProfile | None]) -> None:
        self._telemetry = plan.settings.telemetry
        self._deployment = plan.in_force.policy.deployment
        self._processes = Processes()
        self._heard: Heard | None = None
        self._kept = KeptWatch(plan.settings, retention)
        self._outlets = MetricOutlets(self._telemetry.metrics, self.samples)

    def note(self, members: Sequence[Member], wanted: int, policy: PolicyShown | None, sealing: Sealing) -> None:
        """Members have been heard.

        Args:
            members: Every actor.
            wanted: Recognisers that are wanted.
            policy: What stands.
            sealing: How far the ledger is sealed.
        """
        self._processes.note(members)
        self._heard = Heard(
            deployment=self._deployment,
            at_s=time.time(),
            objective_s=self._telemetry.objective_ms / 1000,
            members=members,
            nodes=dict(self._processes.nodes),
            ended=dict(self._processes.ended),
            wanted=wanted,
            policy=policy,
            sealing=sealing,
            kept=self._kept.kept,
            pushes=dict(self._outlets.pushes),
        )

    def samples(self) -> list[Sample]:
        """All there are; none before anybody was heard."""
        return samples(self._heard) if self._heard else []

    def close(self) -> None:
        """Serve and send nothing more."""
        self._kept.close()
        self._outlets.close(CLOSE_S)


def open_cluster_metrics(plan: Plan, retention: Callable[[], RetentionProfile | None]) -> ClusterMetrics | None:
    """As the cluster file asks; None when it wants none served and none sent."""
    metrics = plan.settings.telemetry.metrics
    return ClusterMetrics(plan, retention) if metrics.listen or metrics.otlp else None
