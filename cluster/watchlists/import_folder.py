"""Many people at once, from a folder of images and a table of who they are."""

import csv
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

from cluster.watchlists.admission import Origin, Person
from cluster.watchlists.desk import Desk
from cluster.watchlists.enrol import Picture, enrol
from cluster.watchlists.vacancies import Vacancies
from cluster.wire.entries import EntryRecord, Minor
from cluster.wire.text import parse_time
from operators.errors import EnrolmentReason, EnrolmentRefused, SettingsRefused
from operators.vision import Vision

OF_A_PERSON = ("entry", "list", "category", "necessity", "approver", "not_after", "second_approver", "minor_reason")
OF_AN_IMAGE = ("image", "source", "captured_on")
_MAY_BE_LEFT_OUT = {"second_approver", "minor_reason"}
_AT_ONCE = 64  # people whose records are written together; an import that is cut short has lost no more
_LONGEST_CSV_BYTES = 1 << 30

Row = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one person of the table.

    Attributes:
        ref: Whose.
        line: First line of the table about them, 1 is the header.
        enrolled: Whether they are on the list now.
        was_there: Whether they had been, of the same images and by the same words.
        reason: Why they are not on it, a member of `EnrolmentReason`.
        detail: What to do.
    """

    ref: str
    line: int
    enrolled: bool
    was_there: bool = False
    reason: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Applicant:
    """One person of the table, not yet looked at.

    Attributes:
        ref: As it is written there.
        rows: A row for each image, with the line each stands on.
    """

    ref: str
    rows: Sequence[tuple[int, Row]]

    @property
    def line(self) -> int:
        """The first line about them."""
        return self.rows[0][0]


def read_table(file: Path) -> list[Applicant]:
    """The people of a table: UTF-8, commas, a header, a row for each image; rows of one reference are one person.

    Raises:
        SettingsRefused: It is no such table, or a column is missing or unknown.
    """
    try:
        if file.stat().st_size > _LONGEST_CSV_BYTES:
            raise SettingsRefused(f"{file}: is larger than {_LONGEST_CSV_BYTES} bytes; split it")
        with file.open(encoding="utf-8-sig", newline="") as opened:
            reader = csv.DictReader(opened, strict=True)
            _check_header(file, reader.fieldnames or [])
            found: dict[str, list[tuple[int, Row]]] = {}
            for row in reader:
                if None in row or None in row.values():
                    raise SettingsRefused(
                        f"{file}: line {reader.line_num}: has another number of columns than the header"
                    )
                stripped = {name: value.strip() for name, value in row.items()}
                found.setdefault(stripped["entry"], []).append((reader.line_num, stripped))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise SettingsRefused(f"{file}: cannot be read as a table in UTF-8 with commas: {error}") from None
    return [Applicant(ref, rows) for ref, rows in found.items()]


def _check_header(file: Path, names: Sequence[str]) -> None:
    known = {*OF_A_PERSON, *OF_AN_IMAGE}
    missing, unknown = sorted(known - _MAY_BE_LEFT_OUT - set(names)), sorted(set(names) - known)
    if missing or unknown or len(set(names)) != len(names):
        says = [f"no column {name}" for name in missing] + [f"an unknown column {name}" for name in unknown]
        raise SettingsRefused(
            f"{file}: {', '.join(says) or 'a column is given twice'}; its header must be: "
            f"{','.join([*OF_AN_IMAGE, *OF_A_PERSON])} (the last two only for minors)"
        )


def by_list(applicants: Sequence[Applicant]) -> dict[str, set[str]]:
    """Who is to be on which list."""
    found: dict[str, set[str]] = {}
    for applicant in applicants:
        found.setdefault(applicant.rows[0][1]["list"], set()).add(applicant.ref)
    return found


def import_people(
    applicants: Sequence[Applicant],
    folder: Path,
    there: Mapping[str, EntryRecord],
    desk: Desk,
    vision: Vision,
    vacancies: Vacancies,
) -> Iterator[Outcome]:
    """Enrol everybody who can be enrolled, and say of everybody what became of them, in the order of the table.

    Whoever is there already, from the same images and by the same words, is left as they are: an import that was cut
    short goes on where it ended.

    Args:
        applicants: From `read_table`.
        folder: Of the images; none outside it is read.
        there: Everybody who is on a list.
        desk: Where they are enrolled.
        vision: The plan's models.
        vacancies: Of the plan's policy and of those who are there.
    """
    for start in range(0, len(applicants), _AT_ONCE):
        records: dict[str, bytes] = {}
        at_once = applicants[start : start + _AT_ONCE]
        outcomes = [_one(each, folder, there, desk, vision, vacancies, records) for each in at_once]
        desk.put(records, vacancies)
        yield from outcomes


def _one(
    applicant: Applicant,
    folder: Path,
    there: Mapping[str, EntryRecord],
    desk: Desk,
    vision: Vision,
    vacancies: Vacancies,
    records: dict[str, bytes],
) -> Outcome:
    now = desk.clock.now()
    try:
        person, pictures = _person(applicant), [_picture(row, folder) for _, row in applicant.rows]
        before = there.get(person.ref)
        if before and _is_same(before, person, pictures, desk.plan.contract.digest) and before.entry.not_after > now:
            return Outcome(applicant.ref, applicant.line, enrolled=True, was_there=True)
        records[person.ref] = enrol(person, pictures, desk.plan, vision, desk.keys, now, vacancies)
        vacancies.take(person.ref, person.watchlist)
    except EnrolmentRefused as refused:
        return Outcome(applicant.ref, applicant.line, False, reason=str(refused.reason), detail=refused.detail)
    return Outcome(applicant.ref, applicant.line, enrolled=True)


def _person(applicant: Applicant) -> Person:
    first = applicant.rows[0][1]
    for name in OF_A_PERSON:
        if len({row.get(name, "") for _, row in applicant.rows}) > 1:
            detail = f"the rows of this person differ in {name}; write the same in each"
            raise EnrolmentRefused(EnrolmentReason.CONTRADICTORY, detail)
    approver, reason = first.get("second_approver", ""), first.get("minor_reason", "")
    return Person(
        first["entry"],
        first["list"],
        first["category"],
        first["necessity"],
        first["approver"],
        _time(first["not_after"]),
        Minor(approver, reason) if approver or reason else None,
    )


def _time(text: str) -> datetime:
    try:
        return parse_time(text)
    except ValueError:
        detail = f"not_after is {text!r}; write a time as 2026-01-31T12:00:00Z"
        raise EnrolmentRefused(EnrolmentReason.INCOMPLETE, detail) from None


def _picture(row: Row, folder: Path) -> Picture:
    try:
        captured_on = date.fromisoformat(row["captured_on"])
    except ValueError:
        detail = f"captured_on is {row['captured_on']!r}; write a date as 2026-01-31"
        raise EnrolmentRefused(EnrolmentReason.INCOMPLETE, detail) from None
    file = (folder / row["image"]).resolve()
    if not row["image"] or not file.is_relative_to(folder.resolve()) or not file.is_file():
        detail = f"{row['image']!r} is no file in {folder}; correct the name or add the file"
        raise EnrolmentRefused(EnrolmentReason.NOT_AN_IMAGE, detail)
    return Picture(file.read_bytes(), Origin(row["source"], captured_on))


def _is_same(record: EntryRecord, person: Person, pictures: Sequence[Picture], contract: str) -> bool:
    """Whether a record says what would be written again; the end is written in milliseconds."""
    entry = record.entry
    written = (record.category, record.necessity, record.approver, record.minor, entry.watchlist, entry.contract)
    wanted = (person.category, person.necessity, person.approver, person.minor, person.watchlist, contract)
    photos = [(photo.sha256, photo.source, photo.captured_on) for photo in record.photos]
    given = [(hashlib.sha256(each.jpeg).hexdigest(), each.origin.source, each.origin.captured_on) for each in pictures]
    is_end = abs(entry.not_after - person.not_after) < timedelta(milliseconds=1)
    return written == wanted and photos == given and is_end
