"""What the supervisor knows of the policy: what stands, and whether all recognisers go by it."""

import logging
import time
from collections import deque
from collections.abc import Callable, Iterable
from functools import partial

from cluster.clocks import SystemClock
from cluster.kafka.producer import KafkaSink, producing
from cluster.kafka.topics import LEDGER
from cluster.kafka_settings import KafkaSettings
from cluster.ledger.writer import LedgerWriter
from cluster.plan import Plan
from cluster.policies.feed import PolicyFeed, open_topic
from cluster.policies.spread import Case, GoesBy, Newest, Spread
from cluster.policies.state import PolicyState, fits
from cluster.recogniser_status import RecogniserStatus
from cluster.status import Member, PolicyShown
from cluster.wire.policy_records import SPREAD, spread_body
from cluster.wire.release import Release
from cluster.wire.text import parse_time
from operators.errors import BrokerUnavailable
from operators.retention import RetentionProfile

WRITER = "supervisor"
TELL_S = 5.0  # for the ledger: whoever waits for it replaces nobody meanwhile
AGAIN_S = 30.0  # until it is tried again, for the same reason

log = logging.getLogger("beholden.supervisor")


class PolicyWatch:
    """Follows the policy topic beside all recognisers. Not thread-safe, but what it shows may be read anywhere.

    Args:
        feed: What stands.
        tell: Writes a case to the ledger.
    """

    def __init__(self, feed: PolicyFeed, tell: Callable[[Case], None]) -> None:
        self._feed = feed
        self._tell = tell
        self._spread = Spread()
        self._untold = deque[Case]()
        self._again_s = 0.0

    def look(self, members: Iterable[Member], asked_s: float) -> bool:
        """Hear by which policy each recogniser goes; whether all is well.

        Args:
            members: What recognisers have said.
            asked_s: When they were asked, by `time.monotonic`.
        """
        standing = self._feed.standing
        newest = Newest(standing.newest.number, standing.newest.digest) if standing else None
        lanes = {
            member.name: GoesBy(said.policy, said.policy_digest, parse_time(at) if (at := said.switched_at) else None)
            for member in members
            if isinstance(said := member.status, RecogniserStatus) and said.policy
        }
        for case in self._spread.look(newest, lanes, asked_s):
            log.warning("%s", case)
            self._untold.append(case)
        self._tell_untold(asked_s)
        return not self._spread.has_late

    @property
    def shown(self) -> PolicyShown | None:
        """The policy in force, what halts everything, and what is wrong; None while nothing stands."""
        standing, trouble = self._feed.standing, self._feed.trouble
        if standing is None:
            return None
        now, policy = SystemClock().now(), standing.release.in_force.policy
        canaries = set(policy.canaries.values())  # their frames say nothing of the cameras that people pass
        halt = standing.halt(now, latest=self._feed.latest)
        wrong = [*([trouble] if trouble else []), *([standing.misfit] if standing.misfit else [])]
        return PolicyShown(
            number=standing.release.number,
            digest=standing.release.digest,
            halted=halt.why if halt else None,
            alarms=(*wrong, *map(str, self._spread.cases)),
            halt_reason=halt.reason if halt else None,
            late=self._spread.late_members,
            apart_s=self._spread.apart_s,
            ends=_ends(standing.release),
            cameras={
                camera: halt is None and policy.in_scope(camera, now)
                for camera in policy.cameras
                if camera not in canaries
            },
        )

    @property
    def retention(self) -> RetentionProfile | None:
        """How long things are kept by what is in force; None while nothing stands."""
        standing = self._feed.standing
        return standing.release.retention(self._feed.latest) if standing else None

    def close(self) -> None:
        """Stop following."""
        self._feed.close()

    def _tell_untold(self, now_s: float) -> None:
        while self._untold and now_s >= self._again_s:
            try:
                self._tell(self._untold[0])
            except BrokerUnavailable as unavailable:
                log.warning("the ledger is told later: %s", unavailable)
                self._again_s = now_s + AGAIN_S
                return
            self._untold.popleft()


def _ends(release: Release) -> dict[str, float]:
    """When a policy ends, Unix time, by what ends it."""
    policy, expires_at = release.in_force.policy, release.proposal.expires_at
    ends = {"end": policy.end, "review": policy.review_by, **({"loosening": expires_at} if expires_at else {})}
    return {kind: at.timestamp() for kind, at in ends.items()}


def open_policy_watch(plan: Plan) -> PolicyWatch:
    """Over Kafka."""
    settings, deployment = plan.settings, plan.in_force.policy.deployment
    state = PolicyState(deployment, settings.people, fits(plan))
    feed = PolicyFeed(partial(open_topic, settings.kafka), state, SystemClock())
    return PolicyWatch(feed, partial(tell_ledger, settings.kafka, deployment))


def tell_ledger(kafka: KafkaSettings, deployment: str, case: Case) -> None:
    """Write a case to the ledger, in a chain of its own.

    Raises:
        BrokerUnavailable: It was not acknowledged.
    """
    newest, until_s = case.newest, time.monotonic() + TELL_S
    with producing(kafka, WRITER, int(TELL_S * 1000)) as producer:
        sink = KafkaSink(kafka, producer, LEDGER)
        ledger = LedgerWriter(sink, deployment, WRITER, newest.digest, SystemClock())
        body = spread_body(newest.number, newest.digest, case.late, case.seconds)
        ledger.write(SPREAD, body).wait(max(0.1, until_s - time.monotonic()))
        ledger.end(TELL_S)
