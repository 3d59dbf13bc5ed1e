"""What the policy topic says: the release in force, the stop in force, and what was refused and why."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from cluster.policies.release import check_release
from cluster.policies.signatures import Person
from cluster.policies.stop_order import check_order
from cluster.ports import Record
from cluster.wire.order import ORDER_FORM, Action, Order, parse_order
from cluster.wire.release import Release, parse_release
from cluster.wire.sealed import form_of
from operators.errors import ReleaseReason, ReleaseRefused


@dataclass(frozen=True, slots=True)
class Refused:
    """A record that is not followed.

    Attributes:
        offset: Where it stands.
        reason: Why.
        detail: In words.
    """

    offset: int
    reason: ReleaseReason
    detail: str


@dataclass(slots=True)
class PolicyBook:
    """The topic's records of one deployment, taken in one by one, in order.

    Attributes:
        deployment: Whose; records of others are passed over.
        people: Whose signatures count: the cluster file's.
        releases: Those that came into force, by offset, in order.
        stopped_by: The stop in force.
        last_order: The order that was followed last.
        refused: Records that were not followed.
    """

    deployment: str
    people: Mapping[str, Person]
    releases: dict[int, Release] = field(default_factory=dict)
    stopped_by: Order | None = None
    last_order: Order | None = None
    refused: list[Refused] = field(default_factory=list)

    @property
    def in_force(self) -> Release | None:
        """The release that came into force last; also when it has expired: then nothing is searched for."""
        return next(reversed(self.releases.values()), None)

    def take(self, record: Record, now: datetime) -> Release | Order | Refused | None:
        """Take in the next record: what came into force by it or why it did not; None if it is another deployment's.

        Args:
            record: Of the topic.
            now: UTC-aware.
        """
        if record.key != self.deployment.encode():
            return None
        try:
            return self._follow(record, now)
        except ReleaseRefused as error:
            refused = Refused(record.ref.offset, error.reason, error.detail)
            self.refused.append(refused)
            return refused

    def _follow(self, record: Record, now: datetime) -> Release | Order:
        if form_of(record.value) == ORDER_FORM:
            order = parse_order(record.value)
            self._check_deployment(order.deployment)
            check_order(order, self.people, now, self.stopped_by, self.last_order)
            self.stopped_by = order if order.action is Action.STOP else None
            self.last_order = order
            return order
        release = parse_release(record.value)
        self._check_deployment(release.in_force.policy.deployment)
        check_release(release, self.in_force, self.people, now)
        self.releases[record.ref.offset] = release
        return release

    def _check_deployment(self, named: str) -> None:
        if named != self.deployment:
            raise ReleaseRefused(ReleaseReason.DEPLOYMENT, f"it is for {named}, this is {self.deployment}")
