"""What the policy topic says to a process that runs certain models."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from cluster.clocks import from_ms
from cluster.plan import Plan
from cluster.policies.book import PolicyBook, Refused
from cluster.policies.signatures import Person
from cluster.policies.standing import Standing
from cluster.ports import Record
from cluster.wire.order import Order
from cluster.wire.release import Release
from operators.errors import ReleaseReason
from operators.policy import Policy, unaccepted_models, unfit_models


class Misfit(StrEnum):
    """Why a process does not follow a policy that is in force."""

    NEEDS_RESTART = "needs_restart"  # it changes what is settled when a process starts
    UNFIT_MODELS = (
        "unfit_models"  # models that must not look at the people it is for, or whose licence it does not accept
    )


@dataclass(frozen=True, slots=True)
class Refusal:
    """A document that is not followed.

    Attributes:
        offset: Where it stands in the topic.
        reason: Why.
        detail: In words.
        number: The policy's, where the document is a release and says it.
    """

    offset: int
    reason: ReleaseReason | Misfit
    detail: str
    number: int | None = None


Fits = Callable[[Policy], tuple[Misfit, str] | None]
"""Why a policy cannot be followed by what runs, and what to do; None: it can."""


class PolicyState:
    """What stands, after the topic's records so far. Not thread-safe.

    Records are judged as of the moment at which they were written, by the broker's clock: whoever reads them, and
    whenever, comes to the same end.

    Args:
        deployment: Whose records count.
        people: Whose signatures count.
        fits: Says which policies this process can follow.
    """

    def __init__(self, deployment: str, people: Mapping[str, Person], fits: Fits) -> None:
        self._book = PolicyBook(deployment, people)
        self._fits = fits
        self._release: Release | None = None
        self._newest: Record | None = None
        self._misfit: Refusal | None = None

    def take(self, record: Record) -> Refusal | None:
        """Take in the next record; why it is not followed, None when it is, or is of another deployment."""
        found = self._book.take(record, from_ms(record.timestamp_ms))
        if isinstance(found, Refused):
            return Refusal(found.offset, found.reason, found.detail, found.number)
        if isinstance(found, Order) or found is None:
            return None
        self._newest = record
        misfit = self._fits(found.in_force.policy)
        if misfit is None:
            self._release, self._misfit = found, None
        else:
            self._misfit = Refusal(record.ref.offset, *misfit, found.number)
        return self._misfit

    def is_own(self, record: Record) -> bool:
        """Whether a record is of the deployment whose records count."""
        return record.key == self._book.deployment.encode()

    @property
    def standing(self) -> Standing | None:
        """What stands; None while there is no policy that this process can follow."""
        newest = self._book.in_force
        if self._release is None or newest is None or self._newest is None:
            return None
        newest_at = from_ms(self._newest.timestamp_ms)
        misfit = self._misfit.detail if self._misfit else None
        book = self._book
        doubts = book.release_in_doubt, book.stop_in_doubt
        return Standing(self._release, newest, newest_at, book.stopped_by, book.last_order, misfit, *doubts)

    @property
    def lacks(self) -> str | None:
        """What there must be before this process can watch; None when it can."""
        if self._release is not None:
            return None
        if self._misfit is not None:
            return self._misfit.detail
        if self._book.release_in_doubt is not None:
            return self._book.release_in_doubt
        return f"no policy of {self._book.deployment} is in force: 'beholden policy apply' puts one in force"


def fits(plan: Plan) -> Fits:
    """What the processes of a plan can follow: they have loaded its models and have its topics."""

    def judge(policy: Policy) -> tuple[Misfit, str] | None:
        runs = plan.in_force.policy
        for name in ("detector", "embedder", "retention"):
            if getattr(policy, name) != getattr(runs, name):
                detail = (
                    f"policy {policy.policy} has another {name} than what runs: 'beholden down', then 'beholden up'"
                )
                return Misfit.NEEDS_RESTART, detail
        models = policy, plan.detector, plan.embedder
        unfit = [*unfit_models(*models), *unaccepted_models(*models)]
        return (Misfit.UNFIT_MODELS, unfit[0]) if unfit else None

    return judge
