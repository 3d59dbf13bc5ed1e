"""The canary's place on its list."""

from datetime import UTC, datetime, timedelta

from cluster.canary.probe import Place
from cluster.plan import Plan, open_vision
from cluster.watchlists.admission import Origin, Person
from cluster.watchlists.desk import create_list, open_desk
from cluster.watchlists.enrol import Picture
from cluster.watchlists.register import read_register
from cluster.watchlists.vacancies import Vacancies
from operators.errors import SettingsRefused

REF = "canary"
SOURCE = "the picture that 'beholden canary' shows to its camera"
WHY = "exists only to show that alerts come"


def be_listed(plan: Plan, place: Place, jpeg: bytes, by: str | None, least_s: float = 0.0) -> datetime:
    """Have the canary on its list, for as long as the list allows; until when it is.

    Args:
        plan: Policy and models in force.
        place: Its list.
        jpeg: Its picture.
        by: Who puts it there when it is not there; None: nobody does.
        least_s: An entry that ends sooner is none.

    Raises:
        SettingsRefused: It is not there, and nobody puts it there.
        EnrolmentRefused: Its picture is not good enough for the policy, or its list is full.
        BrokerUnavailable: Kafka does not answer.
    """
    now = datetime.now(UTC)
    entries = read_register(plan.settings.kafka).entries
    there = entries.get(REF)
    is_there = there and (there.entry.watchlist, there.entry.contract) == (place.watchlist, plan.contract.digest)
    if there and is_there and there.entry.not_after > now + timedelta(seconds=least_s):
        return there.entry.not_after
    if by is None:
        raise SettingsRefused(
            f"nobody named {REF} is on list {place.watchlist} now: --by NAME puts whom the picture shows there, in the "
            "name of whoever answers for it"
        )
    rule = plan.in_force.policy.watchlists[place.watchlist]
    until = now + timedelta(days=rule.longest_days) - timedelta(minutes=1)
    until = min(until, plan.in_force.policy.end)
    create_list(plan, place.watchlist, by)
    with open_desk(plan) as desk:
        person = Person(REF, place.watchlist, rule.categories[0], WHY, by, until)
        vacancies = Vacancies(plan.in_force.policy, entries, now)
        desk.enrol(person, [Picture(jpeg, Origin(SOURCE, now.date()))], open_vision(plan), vacancies)
    return until
