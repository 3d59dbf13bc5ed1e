"""Where policies are put in force and alerting is stopped: what is decided goes to the ledger and to the policy topic.

A policy is in the ledger before anyone goes by it. A stop is in the topic before it is in the ledger: nobody waits for
a record to be safe.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from cluster.clocks import SystemClock, from_ms
from cluster.kafka.admin import ensure_topics
from cluster.kafka.producer import KafkaSink, producing
from cluster.kafka.topics import LEDGER, POLICY
from cluster.ledger.writer import LedgerWriter
from cluster.plan import Plan, with_release
from cluster.policies.book import PolicyBook
from cluster.policies.files import policy_in
from cluster.policies.in_force import PolicyInForce, check_period, policy_of
from cluster.policies.release import check_not_expired, draft
from cluster.policies.stop_order import check_order
from cluster.ports import Clock, MessageSink
from cluster.settings import ClusterSettings
from cluster.watchlists.register import read_topic
from cluster.wire.order import ORDER_FORM, Action, Order, encode_order, order_body
from cluster.wire.policy_records import REFUSED, refused_body
from cluster.wire.release import Release, applied_body, encode_release
from cluster.wire.sealed import form_of
from cluster.wire.settings import APPLIED
from operators.errors import BrokerUnavailable, ReleaseReason, ReleaseRefused, SettingsRefused, TopicMissing
from operators.models import People
from operators.policy import Policy

WRITE_TIMEOUT_S = 30.0
WRITER = "policy-desk"


@dataclass(frozen=True, slots=True)
class PolicyDesk:
    """Writes releases and orders of one deployment. Not thread-safe.

    Attributes:
        read: What the topic says now.
        policy: Topic `policy`.
        ledger: Gives a writer of the ledger, for whom a policy of this digest is in force.
        clock: Time.
        ready: Makes topics that are missing, as a policy's retention asks.
    """

    read: Callable[[], PolicyBook]
    policy: MessageSink
    ledger: Callable[[str], LedgerWriter]
    clock: Clock
    ready: Callable[[Policy], object]

    def apply(self, release: Release) -> None:
        """Put a release in force; every process follows it within a second.

        Topics that are missing are made once it may come into force.

        Raises:
            SettingsRefused: Its time is over.
            ReleaseRefused: It may not follow what is in force, or what came into force at the same moment.
            BrokerUnavailable: It could not be written; 'beholden policy history' says whether it is in force.
        """
        book, now = self.read(), self.clock.now()
        check_period(release.in_force.policy, now)
        check_not_expired(release, now)
        book.check(release, now)
        check_unread(release.in_force, book)
        self.ready(release.in_force.policy)
        ledger = self.ledger(release.digest)
        ledger.write(APPLIED, applied_body(release)).wait(WRITE_TIMEOUT_S)
        self.policy.send(book.deployment, encode_release(release), []).wait(WRITE_TIMEOUT_S)
        after = self.read()
        _end(ledger, book, after)
        if release not in after.releases.values():
            _tell_why(book, after)

    def order(self, order: Order) -> None:
        """Stop or resume.

        Raises:
            ReleaseRefused: The order may not be followed.
            BrokerUnavailable: It could not be written; or it stands, and the ledger does not have it yet or the topic
                cannot be read back.
        """
        book = self.read()
        check_order(order, book.people, self.clock.now(), book.stopped_by, book.last_order)
        ledger = self.ledger(book.in_force.digest if book.in_force else "")
        write = partial(ledger.write, f"order.{order.action}", order_body(order))
        if order.action is Action.RESUME:
            write().wait(WRITE_TIMEOUT_S)
        self.policy.send(book.deployment, encode_order(order), []).wait(WRITE_TIMEOUT_S)
        late = _failure(lambda: write().wait(WRITE_TIMEOUT_S)) if order.action is Action.STOP else None
        try:
            after, unseen = self.read(), None
        except BrokerUnavailable as error:
            after, unseen = book, error
        late = late or _failure(lambda: _end(ledger, book, after))
        if unseen is None and after.last_order != order:
            _tell_why(book, after)
        if late or unseen:
            raise BrokerUnavailable(_stands(order, late, unseen))


def _failure(act: Callable[[], object]) -> BrokerUnavailable | None:
    try:
        act()
    except BrokerUnavailable as error:
        return error
    return None


def _stands(order: Order, late: BrokerUnavailable | None, unseen: BrokerUnavailable | None) -> str:
    """What is to be said of an order that is written, and of which not all is known or told."""
    if order.action is Action.STOP:
        said = ["it is stopped"]
    else:
        said = ["it resumes" if unseen is None else "the order to resume is written"]
    if unseen:
        said.append(f"the policy topic cannot be read back: {unseen}")
    if late:
        said.append(f"the ledger does not have it yet: {late}; every recogniser that follows it writes that there")
    return "; ".join(said)


def _end(ledger: LedgerWriter, before: PolicyBook, after: PolicyBook) -> None:
    """End a chain with the documents that are not followed and now stand before one that is.

    Nobody else is sure to tell of them: no process may have run when they came, and one that starts later does not.
    """
    came_between = [each for each in after.refused[len(before.refused) :] if each not in after.behind]
    for each in [*before.behind, *came_between]:
        ledger.write(REFUSED, refused_body(each.offset, each.reason, each.number))
    ledger.end()


def _tell_why(before: PolicyBook, after: PolicyBook) -> None:
    """Refuse what was just written and is not followed: every process reads the topic as this one does."""
    for refused in reversed(after.refused[len(before.refused) :]):
        raise ReleaseRefused(refused.reason, f"it was written, and nobody follows it: {refused.detail}")


def settle(named: PolicyInForce | Release, book: PolicyBook, at: datetime) -> Release:
    """The release by which a cluster starts: the topic's when that has a higher number, else the one in its file.

    Args:
        named: What the cluster file names: a policy, or a release of one.
        book: What the topic says.
        at: UTC-aware.

    Raises:
        ReleaseRefused: The file's may not come into force.
    """
    own, in_force = policy_in(named), book.in_force
    _check_number(own, book)
    if in_force and in_force.number >= own.policy.policy and not book.release_in_doubt:
        return in_force
    release = named if isinstance(named, Release) else _unsigned(named, book, at)
    if book.release_in_doubt and in_force and release.number <= in_force.number:
        raise ReleaseRefused(ReleaseReason.UNKNOWN_SIGNER, book.release_in_doubt)
    book.check(release, at)
    return release


def plan_in_force(plan: Plan) -> Plan:
    """The plan under the policy by which its cluster would start now; topics that are missing are made.

    Raises:
        ReleaseRefused: The cluster file's policy may not come into force.
        BrokerUnavailable: Kafka does not answer.
    """
    book = read_book(plan.settings, plan.in_force.policy.deployment)
    plan = with_release(plan, settle(plan.release or plan.in_force, book, SystemClock().now()))
    ensure_topics(plan.settings.kafka, plan.in_force.policy.retention)
    return plan


def put_in_force(plan: Plan) -> Plan:
    """Put the policy by which the plan's cluster would start in force, unless it is; the plan under it.

    Raises:
        ReleaseRefused: It may not come into force.
        BrokerUnavailable: Kafka does not answer.
    """
    plan = plan_in_force(plan)
    with open_policy_desk(plan.settings, plan.in_force.policy.deployment) as desk:
        in_force = desk.read().in_force
        if plan.release and (in_force is None or in_force.digest != plan.release.digest):
            desk.apply(plan.release)
    return plan


def plan_now(plan: Plan) -> Plan:
    """The plan under the policy that the topic says is in force; as its file says while nothing is in force.

    Raises:
        BrokerUnavailable: Kafka does not answer.
        SettingsRefused: The policy in force names models that are not here.
    """
    book = read_book(plan.settings, plan.in_force.policy.deployment)
    return with_release(plan, book.in_force) if book.in_force else plan


def plan_released(plan: Plan) -> Plan:
    """The same, for what cannot be taken back: a file that nobody has put in force has no say in that.

    Raises:
        BrokerUnavailable: Kafka does not answer.
        SettingsRefused: No policy of the file's deployment is in force, or it names models that are not here.
    """
    deployment = plan.in_force.policy.deployment
    release = read_book(plan.settings, deployment).in_force
    if release is None:
        raise SettingsRefused(
            f"no policy of {deployment} is in force, and what a file says alone counts for nothing here: 'beholden "
            "policy apply' or 'beholden up' puts one in force; or correct the deployment that the file names"
        )
    return with_release(plan, release)


def check_alone(settings: ClusterSettings, deployment: str) -> None:
    """Refuse to change topics that another deployment keeps its records in as well.

    Raises:
        BrokerUnavailable: Kafka does not answer.
        SettingsRefused: Another deployment has a policy in the topic.
    """
    there = {
        (record.key or b"").decode(errors="replace")
        for record in read_topic(settings.kafka, POLICY)
        if form_of(record.value) != ORDER_FORM
    }
    if others := sorted(there - {deployment}):
        raise SettingsRefused(
            f"the policy topic has policies of {', '.join(others)} as well, and the topics are theirs too: what "
            f"{deployment} alone has approved does not change them; a kafka.topic_prefix of its own keeps them apart"
        )


def _unsigned(policy: PolicyInForce, book: PolicyBook, at: datetime) -> Release:
    """A release without signatures, as a start makes it from a file, for people who do not exist."""
    number = policy.policy.policy
    if policy.policy.people is People.REAL:
        raise ReleaseRefused(
            ReleaseReason.UNSIGNED,
            f"policy {number} is for real people and nobody has signed it: 'beholden policy propose' and 'approve' "
            f"make {number}.release.json; then 'beholden policy apply', or name it in the cluster file"
            + (f"; {book.unread_said}" if book.unread else ""),
        )
    return draft(
        policy, book.in_force, "beholden up", whole_ms(at), "started from its file; nobody whom it shows exists"
    )


def _check_number(own: PolicyInForce, book: PolicyBook) -> None:
    number = own.policy.policy
    for release in book.releases.values():
        if release.number == number and release.digest != own.digest:
            raise ReleaseRefused(
                ReleaseReason.NUMBER_REUSED,
                f"policy {number} was released as {release.digest}, and the file's is {own.digest}: a released number "
                "is never edited, copy the file to the next one",
            )
    check_unread(own, book)


def check_unread(own: PolicyInForce, book: PolicyBook) -> None:
    """Refuse a number of a release that cannot be read any more, unless it is that of this very policy since."""
    number = own.policy.policy
    if number in book.unread.values() and own.digest not in {each.digest for each in book.releases.values()}:
        raise ReleaseRefused(
            ReleaseReason.NUMBER_REUSED,
            f"{number} is taken: {book.unread_said}; take a number above {book.last_unread}",
        )


def renumbered(policy: PolicyInForce, number: int) -> PolicyInForce:
    """What a policy says, under another number."""
    return policy_of({**json.loads(policy.canonical), "policy": number})


def whole_ms(at: datetime) -> datetime:
    """A time as messages keep it."""
    return at.replace(microsecond=at.microsecond // 1000 * 1000)


def read_book(settings: ClusterSettings, deployment: str) -> PolicyBook:
    """What the topic says now. Each record is judged as of the moment at which it was written, as every process does.

    Raises:
        BrokerUnavailable: It cannot be read.
    """
    book = PolicyBook(deployment, settings.people)
    with suppress(TopicMissing):  # before the first policy
        for record in read_topic(settings.kafka, POLICY):
            book.take(record, from_ms(record.timestamp_ms))
    return book


def deployments(settings: ClusterSettings) -> set[str]:
    """Those of which the policy topic says something.

    Raises:
        BrokerUnavailable: It cannot be read.
    """
    with suppress(TopicMissing):  # before the first policy
        return {(record.key or b"").decode(errors="replace") for record in read_topic(settings.kafka, POLICY)}
    return set()


@contextmanager
def open_policy_desk(settings: ClusterSettings, deployment: str) -> Iterator[PolicyDesk]:
    """A desk at the cluster's Kafka.

    Args:
        settings: Which cluster.
        deployment: Whose policies.

    Raises:
        BrokerUnavailable: Kafka does not answer.
    """
    kafka, clock = settings.kafka, SystemClock()
    with producing(kafka, "beholden-policy") as producer:
        policies, ledger = (KafkaSink(kafka, producer, topic) for topic in (POLICY, LEDGER))

        def write(digest: str) -> LedgerWriter:
            return LedgerWriter(ledger, deployment, WRITER, digest, clock)

        def ready(policy: Policy) -> None:
            ensure_topics(kafka, policy.retention)

        yield PolicyDesk(partial(read_book, settings, deployment), policies, write, clock, ready)
