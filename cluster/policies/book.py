"""What the policy topic says: the release in force, the stop in force, and what was refused and why."""

from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime

from cluster.policies.release import check_release, is_free
from cluster.policies.signatures import Person, Role, Signature, is_known
from cluster.policies.stop_order import check_order
from cluster.ports import Record
from cluster.wire.order import ORDER_FORM, Action, Order, parse_order
from cluster.wire.release import Release, is_release, number_said, parse_release, says_free
from cluster.wire.sealed import form_of
from operators.errors import ReleaseReason, ReleaseRefused

_OF_OTHERS = (ReleaseReason.UNKNOWN_SIGNER, ReleaseReason.WRONG_ROLE)
"""All but the signer is as it must be: it may have been followed before somebody changed the cluster file."""


@dataclass(frozen=True, slots=True)
class Refused:
    """A record that is not followed.

    Attributes:
        offset: Where it stands.
        reason: Why.
        detail: In words.
        number: The policy's, where the document is a release and says it.
    """

    offset: int
    reason: ReleaseReason
    detail: str
    number: int | None = None


@dataclass(slots=True)
class PolicyBook:
    """The topic's records of one deployment, taken in one by one, in order.

    Who is taken out of the cluster file must take nothing back that they signed. A stop by somebody who is not there
    is followed, like any other until two people end it. A release by such a person is not followed, and nothing else
    is until two people have signed another.

    Attributes:
        deployment: Whose; records of others are passed over.
        people: Whose signatures count: the cluster file's.
        releases: Those that came into force, by offset, in order.
        stopped_by: The stop in force.
        last_order: The order that was followed last.
        refused: Records that were not followed.
        behind: Those of them behind the last one that was. Whoever starts a process tells the ledger of these alone, so
            whoever writes the next record tells of them first.
        stop_in_doubt: Why the stop in force is by nobody who may order it; None when it is not.
        release_in_doubt: Why another release than the one in force may have to be; None when none may.
        beside: Another deployment in the topic, whose policies somebody had to sign; None when there is none.
        unread: Numbers, by offset, of this deployment's own releases that cannot be read, as those of a former form:
            somebody may have signed them. None where a document says no number.
    """

    deployment: str
    people: Mapping[str, Person]
    releases: dict[int, Release] = field(default_factory=dict)
    stopped_by: Order | None = None
    last_order: Order | None = None
    refused: list[Refused] = field(default_factory=list)
    behind: list[Refused] = field(default_factory=list)
    stop_in_doubt: str | None = None
    release_in_doubt: str | None = None
    beside: str | None = None
    unread: dict[int, int | None] = field(default_factory=dict)

    @property
    def in_force(self) -> Release | None:
        """The release that came into force last; also when it has expired: then nothing is searched for."""
        return next(reversed(self.releases.values()), None)

    @property
    def unread_said(self) -> str | None:
        """What is to be said of `unread`; None when there is nothing."""
        if not self.unread:
            return None
        many = f"{len(self.unread)} releases" if len(self.unread) > 1 else "a release"
        return (
            f"the policy topic has {many} of {self.deployment} that cannot be read, as those of a former form (up to "
            f"policy {self.last_unread}), and somebody may have signed that"
        )

    @property
    def last_unread(self) -> int:
        """The highest number in `unread`; 0 when none is known."""
        return max((each or 0 for each in self.unread.values()), default=0)

    def take(self, record: Record, now: datetime) -> Release | Order | Refused | None:
        """Take in the next record: what came into force by it or why it did not; None if it is another deployment's.

        Args:
            record: Of the topic.
            now: UTC-aware.
        """
        if record.key != self.deployment.encode():
            self._note(record)
            return None
        try:
            followed = self._follow(record, now)
        except ReleaseRefused as error:
            refused = Refused(record.ref.offset, error.reason, error.detail, number_said(record.value))
            self.refused.append(refused)
            self.behind.append(refused)
            return refused
        self.behind.clear()
        return followed

    def check(self, release: Release, now: datetime) -> None:
        """Check that a release may come into force next: see `check_release`.

        Raises:
            ReleaseRefused: It may not.
        """
        check_release(release, self.in_force, self.people, now, self.beside, self.unread_said)
        if self.release_in_doubt and not any(each.role is Role.APPROVE for each in release.signatures):
            detail = f"{self.release_in_doubt}; or let a second person sign it: 'beholden policy approve'"
            raise ReleaseRefused(ReleaseReason.NOT_APPROVED, detail)

    def _note(self, record: Record) -> None:
        """Note another deployment: whose documents cannot be read may have policies as well."""
        if self.beside is None and form_of(record.value) != ORDER_FORM:
            with suppress(ReleaseRefused):
                if is_free(parse_release(record.value)):
                    return
            self.beside = (record.key or b"").decode(errors="replace") or "a deployment without a name"

    def _follow(self, record: Record, now: datetime) -> Release | Order:
        if form_of(record.value) == ORDER_FORM:
            order = parse_order(record.value)
            self._check_deployment(order.deployment)
            self._follow_order(order, now)
            return order
        try:
            release = parse_release(record.value)
        except ReleaseRefused:
            if is_release(record.value) and not says_free(record.value):
                self.unread[record.ref.offset] = number_said(record.value)
            raise
        self._check_deployment(release.in_force.policy.deployment)
        try:
            self.check(release, now)
        except ReleaseRefused as refused:
            if refused.reason in _OF_OTHERS:
                self.release_in_doubt = _in_doubt(f"policy {release.number}", release.signatures, self.people)
            raise
        self.releases[record.ref.offset] = release
        self.release_in_doubt = None
        return release

    def _follow_order(self, order: Order, now: datetime) -> None:
        try:
            check_order(order, self.people, now, self.stopped_by, self.last_order)
            self.stop_in_doubt = None
        except ReleaseRefused as refused:
            if order.action is not Action.STOP or refused.reason not in _OF_OTHERS:
                raise
            self.stop_in_doubt = _in_doubt("a stop", order.signatures, self.people)
            self.stopped_by = self.last_order = order
            raise
        self.stopped_by = order if order.action is Action.STOP else None
        self.last_order = order

    def _check_deployment(self, named: str) -> None:
        if named != self.deployment:
            raise ReleaseRefused(ReleaseReason.DEPLOYMENT, f"it is for {named}, this is {self.deployment}")


def _in_doubt(what: str, signatures: Collection[Signature], people: Mapping[str, Person]) -> str:
    """Says who is not there, or may not sign it."""
    names = ", ".join(each.by for each in signatures if not is_known(each, people))
    if names:
        who = f"policy topic names {names}, who is not among the people of the cluster file, under {what}"
        return f"{who}: add them with until: and the key that they had, or let two people decide anew"
    roles = ", ".join(f"{each.by} to {each.role}" for each in signatures)
    return (
        f"policy topic names {roles} under {what}, and the cluster file does not let them: give them the role again "
        "or let two people decide anew"
    )
