"""The watchlist of the demonstration and the benchmark: people who do not exist, photographed and enrolled."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from cluster.plan import Plan
from cluster.watchlists.admission import Origin, Person
from cluster.watchlists.desk import create_list, open_desk, read_vacancies
from cluster.watchlists.enrol import Picture, enrol, only_face
from loadtests.people.draws import draw_of
from loadtests.people.nuisance import STUDIO, draw_picture, photograph
from loadtests.people.person import person
from loadtests.people.render import Model
from loadtests.people.streets import street
from operators.decode import encode
from operators.errors import EnrolmentRefused, FrameRefused
from operators.types import Float32
from operators.vision import Vision

# Models were trained on the people of seeds from 1,000,000 on: nobody here was among them.
MOST_SEEDS, MOST_LISTED = 500, 500
DRAWN = "drawn: a person who does not exist"
STARTED_BY = "whoever started this run"
_OF_ONE_SEED = 1000
_STRANGERS = 500_000
_QUALITY = 95
_TAKES, _ALIKE = 6, 0.85


def sought(seed: int, count: int) -> dict[str, int]:
    """Who is listed: the seed of each person, by the reference they are enrolled under.

    Args:
        seed: 0 to MOST_SEEDS - 1; each has people of its own.
        count: How many, up to MOST_LISTED.
    """
    return {f"sought-{number:02d}": seed * _OF_ONE_SEED + number for number in range(1, count + 1)}


def strangers(seed: int) -> range:
    """Seeds of people who are on no list, a thousand of them; see `sought`."""
    return range(_STRANGERS + seed * _OF_ONE_SEED, _STRANGERS + (seed + 1) * _OF_ONE_SEED)


def portrait(who: int, take: int = 0) -> bytes:
    """A photograph, as a JPEG, from which the person of this seed may be enrolled; each take is another."""
    draw = draw_of(who, 50 + take)
    shot = photograph(Model.of(person(who)), draw_picture(draw, STUDIO), street(who), draw)
    return encode(shot.image, _QUALITY, "420")


def portraits(vision: Vision, people: Mapping[str, int]) -> dict[str, bytes]:
    """A photograph of each person, taken again until two of them are alike.

    One portrait in a hundred is found with its landmarks beside the eyes, however sure the detector is; enrolled from
    it, a person is recognised by nobody. Two such portraits are not alike.
    """
    return {ref: _good(who, vision) for ref, who in people.items()}


def _good(who: int, vision: Vision) -> bytes:
    """The earlier of the first two takes that are alike; the first usable one when none are."""
    taken: list[tuple[bytes, Float32]] = []
    for take in range(_TAKES):
        jpeg = portrait(who, take)
        [seen] = vision.see([jpeg])
        try:
            [vector] = only_face(seen)
        except (FrameRefused, EnrolmentRefused):
            continue
        for before, other in taken:
            if float(vector @ other) >= _ALIKE:
                return before
        taken.append((jpeg, vector))
    return taken[0][0] if taken else portrait(who)


def listing(ref: str, plan: Plan, now: datetime) -> Person:
    """What stands in the record of an entry that is made for one run, beside its images; on the first of the lists."""
    name, rule = next(iter(plan.in_force.policy.watchlists.items()))
    return Person(ref, name, rule.categories[0], "this run looks for them", STARTED_BY, now + timedelta(days=1))


def picture(jpeg: bytes, now: datetime, source: str = DRAWN) -> Picture:
    """A portrait as it is enrolled."""
    return Picture(jpeg, Origin(source, now.date()))


def enrol_all(plan: Plan, vision: Vision, portraits: Mapping[str, bytes], source: str = DRAWN) -> None:
    """Put people on the first of the policy's lists, and wait until the broker has them.

    Args:
        plan: Whose Kafka; topics and keys that are missing are made.
        vision: The plan's models.
        portraits: JPEGs, by reference.
        source: Where they come from.

    Raises:
        EnrolmentRefused: A portrait is not good enough for the policy, or the list is full.
    """
    now = datetime.now(UTC)
    create_list(plan, next(iter(plan.in_force.policy.watchlists)), STARTED_BY)
    with open_desk(plan) as desk:
        entries = {
            ref: enrol(listing(ref, plan, now), [picture(jpeg, now, source)], plan, vision, desk.keys, now)
            for ref, jpeg in portraits.items()
        }
        desk.put(entries, read_vacancies(plan))
