"""Who may be put on a list: what a policy asks of an entry, at enrolment and whenever the list is verified."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from cluster.wire.entries import MAX_LINE_BYTES, MAX_TEXT_BYTES, EntryRecord, Minor
from cluster.wire.text import counted, is_line
from operators.decide import WatchlistRule
from operators.errors import EnrolmentReason, EnrolmentRefused
from operators.policy import Policy


@dataclass(frozen=True, slots=True)
class Person:
    """Who is to be listed, beside images and vectors.

    Attributes:
        ref: Opaque reference; never a name.
        watchlist: One of the policy's lists.
        category: One of the list's categories.
        necessity: Why this person has to be searched for in this way.
        approver: Who decided so.
        not_after: UTC-aware end of the entry.
        minor: When records say that the person is a minor.
    """

    ref: str
    watchlist: str
    category: str
    necessity: str
    approver: str
    not_after: datetime
    minor: Minor | None = None


@dataclass(frozen=True, slots=True)
class Origin:
    """Where one image is from.

    Attributes:
        source: Where it is from and why it is lawfully held.
        captured_on: When it was taken.
    """

    source: str
    captured_on: date


Faults = Iterator[tuple[EnrolmentReason, str]]


def admit(person: Person, origins: list[Origin], policy: Policy, now: datetime) -> None:
    """Let somebody pass who may be listed.

    Args:
        person: Who.
        origins: Of each image.
        policy: The one in force.
        now: UTC-aware moment of the enrolment.

    Raises:
        EnrolmentRefused: With the first reason and what to do.
    """
    for reason, detail in faults(person, origins, policy, now):
        raise EnrolmentRefused(reason, detail)


def faults(person: Person, origins: list[Origin], policy: Policy, now: datetime) -> Faults:
    """Everything that speaks against an entry, each with its reason code and what to do."""
    yield from _incomplete(person, origins)
    rule = policy.watchlists.get(person.watchlist)
    if rule is None:
        yield EnrolmentReason.UNKNOWN_LIST, f"the policy has {', '.join(policy.watchlists)}; name one of them"
    else:
        yield from _outside_the_rule(person, rule, now)
    if person.not_after > policy.end:
        yield (
            EnrolmentReason.TOO_DISTANT,
            f"not_after is past the end of the policy, {policy.end:%Y-%m-%d %H:%M} UTC; give an earlier date",
        )
    if person.minor and person.minor.approver == person.approver:
        yield EnrolmentReason.MINOR, "a minor needs a second approver, who is somebody else than the first"
    for origin in origins:
        if origin.captured_on > now.astimezone(UTC).date():
            yield EnrolmentReason.CAPTURED_LATER, f"an image is said to be of {origin.captured_on}, which is to come"


def _outside_the_rule(person: Person, rule: WatchlistRule, now: datetime) -> Faults:
    if person.category not in rule.categories:
        yield EnrolmentReason.UNKNOWN_CATEGORY, f"the list is for {', '.join(rule.categories)}; name one of them"
    if person.not_after <= now:
        yield EnrolmentReason.EXPIRED, "not_after is past; give the date until which the search stands"
    if person.not_after > now + timedelta(days=rule.longest_days):
        yield (
            EnrolmentReason.TOO_DISTANT,
            f"not_after is further away than the {counted(rule.longest_days, 'day', 'days')} that the policy allows; "
            "give an earlier date, and enrol anew if the search still stands then",
        )


def _incomplete(person: Person, origins: list[Origin]) -> Faults:
    if not origins:
        yield EnrolmentReason.INCOMPLETE, "no image is given"
    lines = {name: getattr(person, name) for name in ("ref", "watchlist", "category", "approver")}
    texts = {"necessity": person.necessity}
    if person.minor:
        lines["the second approver"] = person.minor.approver
        texts["the reason for listing a minor"] = person.minor.reason
    texts |= {f"the source of image {number}": origin.source for number, origin in enumerate(origins, 1)}
    for most, fields in ((MAX_LINE_BYTES, lines), (MAX_TEXT_BYTES, texts)):
        for name, text in fields.items():
            if not is_line(text, most):
                what = "is empty; it must say something" if not text.strip() else "is not usable"
                detail = f"{name} {what}: one line of at most {most} bytes, without blanks at its ends"
                yield EnrolmentReason.INCOMPLETE, detail


def faults_of(record: EntryRecord, policy: Policy, contract: str) -> Faults:
    """What speaks against an entry that is on a list, by a policy that may be another than the one it came under.

    Args:
        record: The entry; it may have ended by now.
        policy: The one in force.
        contract: Digest of the embedding contract in force.
    """
    entry = record.entry
    person = Person(
        entry.ref, entry.watchlist, record.category, record.necessity, record.approver, entry.not_after, record.minor
    )
    origins = [Origin(photo.source, photo.captured_on) for photo in record.photos]
    yield from faults(person, origins, policy, record.enrolled_at)
    if entry.contract != contract:
        yield (
            EnrolmentReason.FOREIGN_CONTRACT,
            "other models made its vectors: it is not searched; enrol the images anew",
        )
