"""From one image of a person to one watchlist entry."""

from dataclasses import dataclass
from datetime import datetime

from cluster.plan import Plan
from cluster.wire.entries import EntryInvalid, EntryRecord, encode_entry, parse_entry
from indexes.entry import Entry
from operators.errors import EnrolmentReason, EnrolmentRefused, FrameRefused
from operators.types import Float32
from operators.vision import Seen, Vision


@dataclass(frozen=True, slots=True)
class Person:
    """Who is to be enrolled: what stands in the record beside the vector.

    Attributes:
        ref: Opaque reference; never a name.
        watchlist: One of the policy's lists.
        source: Where the image came from and why it is lawfully held.
        authority: Who decided that this person is sought.
        not_after: UTC-aware end of the entry.
    """

    ref: str
    watchlist: str
    source: str
    authority: str
    not_after: datetime


def enrol(image: bytes, person: Person, plan: Plan, vision: Vision, now: datetime) -> bytes:
    """The record of the watchlist topic for one person.

    Args:
        image: JPEG with exactly one face.
        person: Who it is.
        plan: Policy and embedding contract in force.
        vision: Its models; the policy's quality gates hold here as they do for frames.
        now: UTC-aware.

    Raises:
        EnrolmentRefused: With the reason and what to do.
        FrameRefused: The image cannot be decoded.
    """
    _check(person, plan, now)
    [seen] = vision.see([image])
    entry = Entry(
        ref=person.ref,
        watchlist=person.watchlist,
        vectors=only_face(seen),
        not_after=person.not_after,
        contract=plan.contract.digest,
        digest="",  # follows from the record's bytes, known to whoever reads them
    )
    record = encode_entry(EntryRecord(entry, person.source, person.authority, now))
    try:
        parse_entry(person.ref.encode(), record)
    except EntryInvalid as invalid:
        detail = f"no index would take this entry ({invalid}); mend the reference or use another image"
        raise EnrolmentRefused(EnrolmentReason.UNUSABLE, detail) from None
    return record


def only_face(seen: Seen | FrameRefused) -> Float32:
    """The vector, (1, d), of the one face of an image.

    Raises:
        EnrolmentRefused: There is none, there are several, or it is below the gates.
        FrameRefused: As given.
    """
    if isinstance(seen, FrameRefused):
        raise seen
    faces = len(seen.faces) + seen.gated.total()
    if faces != 1:
        reason = EnrolmentReason.SEVERAL_FACES if faces else EnrolmentReason.NO_FACE
        raise EnrolmentRefused(reason, f"{faces} faces found; crop the image so that it shows one person")
    if not len(seen.faces):
        [gate] = seen.gated
        raise EnrolmentRefused(
            EnrolmentReason(gate), "the face is below the policy's quality gates; use a better image"
        )
    return seen.vectors


def _check(person: Person, plan: Plan, now: datetime) -> None:
    lists = plan.in_force.policy.watchlists
    if person.watchlist not in lists:
        raise EnrolmentRefused(EnrolmentReason.UNKNOWN_LIST, f"the policy has {', '.join(lists)}; name one of them")
    if person.not_after <= now:
        raise EnrolmentRefused(
            EnrolmentReason.EXPIRED, "not_after is past; give the date until which the search stands"
        )
    for name in ("ref", "source", "authority"):
        if not getattr(person, name).strip():
            raise EnrolmentRefused(EnrolmentReason.INCOMPLETE, f"{name} is empty; it must say something")
