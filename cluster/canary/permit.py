"""Whether a canary may walk now: the policy and its entry may have ended, or been changed, since it last did."""

from datetime import datetime, timedelta

from cluster.canary.listed import be_listed
from cluster.canary.probe import Place, place_of, shortest_s
from cluster.plan import Plan, with_release
from cluster.policies.desk import read_book
from cluster.policies.standing import Standing
from cluster.wire.order import Order
from operators.errors import SettingsRefused
from operators.policy import Policy


class Permit:
    """Asks the policy topic before each passage. Not thread-safe.

    Args:
        plan: Of the cluster, with the policy of its file.
        watchlist: Which list, where the policy has several for canaries.
        jpeg: The canary's picture.
        by: Who puts it on its list; None: nobody does.
        within_s: How long a passage may take.
        every_s: From one passage to the next; None: there is only one.
        now: UTC-aware.

    Attributes:
        place: Where it walks.
        listed_until: When its entry ends, UTC-aware.
        halted: Why it did not walk when that was last asked; None: it did.

    Raises:
        SettingsRefused: The policy has no such list, or passages would be too close to each other.
        BrokerUnavailable: Kafka does not answer.
    """

    def __init__(
        self,
        plan: Plan,
        watchlist: str | None,
        jpeg: bytes,
        by: str | None,
        within_s: float,
        every_s: float | None,
        now: datetime,
    ) -> None:
        self._watchlist = watchlist
        self._jpeg = jpeg
        self._by = by
        self._within_s = within_s
        self._every_s = every_s
        self._plan = plan
        self._contract: str | None = None
        self._last_order: Order | None = None
        self.listed_until = now
        self.halted = self._halted(now)
        self.place = self._place()
        self._be_listed(now)

    @property
    def plan(self) -> Plan:
        """Under the policy in force."""
        return self._plan

    def ask(self, now: datetime) -> str | None:
        """Why there is no passage at this moment, UTC-aware; None: there is to be one.

        Raises:
            SettingsRefused: The policy in force has the canary elsewhere, or wants passages further apart.
            BrokerUnavailable: Kafka does not answer.
        """
        self.halted = self._halted(now)
        if self.halted is None:
            if self._place() != self.place:
                policy = self._plan.in_force.policy.policy
                raise SettingsRefused(f"policy {policy} has the canary elsewhere: start 'beholden canary' anew")
            self._be_listed(now)
        return self.halted

    def ask_again(self, now: datetime) -> str | None:
        """Why nothing was looked at since `ask`, or is not at this moment; None: everything was.

        Raises:
            BrokerUnavailable: Kafka does not answer.
        """
        before = self._last_order
        standing = self._read(now)
        if isinstance(standing, str):
            return standing
        if halt := standing.halt(now):
            return halt.why
        order = self._last_order
        return None if order == before or order is None else f"{order.action} by {order.by}: {order.why}"

    def _halted(self, now: datetime) -> str | None:
        """What halts everything now or before a passage would be over."""
        standing = self._read(now)
        if isinstance(standing, str):
            return standing
        halt = standing.halt(now) or standing.halt(now + timedelta(seconds=self._within_s))
        return halt.why if halt else None

    def _read(self, now: datetime) -> Standing | str:
        """What stands, and goes from now on; or why nothing does."""
        deployment = self._plan.in_force.policy.deployment
        book = read_book(self._plan.settings, deployment)
        release = book.in_force
        if release is None:
            return f"no policy of {deployment} is in force"
        if release.digest != self._plan.in_force.digest:
            self._plan = with_release(self._plan, release)
        self._last_order = book.last_order
        orders = book.stopped_by, book.last_order
        return Standing(release, release, now, *orders, None, book.release_in_doubt, book.stop_in_doubt)

    def _place(self) -> Place:
        policy = self._plan.in_force.policy
        if self._every_s is not None:
            _check_every(self._every_s, policy, self._within_s)
        place = place_of(policy, self._watchlist)
        if place is None:
            found = ", ".join(policy.canaries) or "none"
            raise SettingsRefused(
                f"policy {policy.policy} does not say where the canary is (lists for one: {found}): give one of its "
                "lists 'canary: CAMERA', the id of a camera that shows nobody, or name one with --list"
            )
        return place

    def _be_listed(self, now: datetime) -> None:
        """See to the entry where there is none, it ends before a passage would be over, or other models made it."""
        contract, over = self._plan.contract.digest, now + timedelta(seconds=self._within_s)
        if contract != self._contract or self.listed_until <= over:
            self.listed_until = be_listed(self._plan, self.place, self._jpeg, self._by, self._within_s)
            self._contract = contract


def _check_every(every_s: float, policy: Policy, within_s: float) -> None:
    if every_s < (least_s := shortest_s(policy, within_s)):
        raise SettingsRefused(
            f"--every {every_s:g}: nobody is alerted about twice within the policy's cool-down; it takes {least_s:g} s "
            "or more from one passage to the next"
        )
