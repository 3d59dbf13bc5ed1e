import csv
from pathlib import Path
from typing import cast

import pytest

from cluster.plan import Plan, open_vision
from cluster.watchlists.import_folder import OF_A_PERSON, OF_AN_IMAGE, Outcome, by_list, import_people, read_table
from cluster.watchlists.vacancies import Vacancies
from cluster.wire.entries import EntryRecord, parse_entry
from operators.errors import SettingsRefused
from operators.vision import Seen, Vision
from tests.builders import NOW, entry_record
from tests.cluster.watchlists.test_desk import Both, desk_of, most
from tests.drawn import scene

ROW = {
    "image": "3.jpg",
    "source": "given by the family",
    "captured_on": "2026-01-05",
    "entry": "case-3",
    "list": "sought",
    "category": "missing",
    "necessity": "not seen since Friday",
    "approver": "inspector 7",
    "not_after": "2026-02-01T12:00:00Z",
}


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Images of some drawn people."""
    folder = tmp_path_factory.mktemp("images")
    for seed in (3, 4):
        (folder / f"{seed}.jpg").write_bytes(scene([seed], 320, 240))
    (folder / "two.jpg").write_bytes(scene([3, 4], 320, 240))
    (folder / "none.jpg").write_bytes(b"no picture")
    return folder


@pytest.fixture(scope="module")
def vision(drawn: Plan) -> Vision:
    """Its models."""
    return open_vision(drawn)


def _table(folder: Path, *rows: dict[str, str]) -> Path:
    file = folder / "people.csv"
    with file.open("w", newline="", encoding="utf-8-sig") as opened:
        writer = csv.DictWriter(opened, list(dict.fromkeys(name for row in rows for name in row)), restval="")
        writer.writeheader()
        writer.writerows(rows)
    return file


def _import(
    drawn: Plan, vision: Vision, images: Path, table: Path, there: dict[str, EntryRecord] | None = None
) -> tuple[list[Outcome], dict[str, EntryRecord]]:
    both, vacancies = Both(), Vacancies(drawn.in_force.policy, there or {}, NOW)
    done = list(import_people(read_table(table), images, there or {}, desk_of(drawn, both), vision, vacancies))
    written = {message.key: message.value for message in both.topics["watchlist"].messages}
    return done, {ref: parse_entry(ref.encode(), value) for ref, value in written.items()}


def test_whoever_can_be_enrolled_is_and_everybody_else_is_told_why(
    drawn: Plan, vision: Vision, images: Path, tmp_path: Path
) -> None:
    """In the order of the table; rows of one reference are one person with several images."""
    table = _table(
        tmp_path,
        ROW,
        {**ROW, "image": "two.jpg", "entry": "case-2"},
        {**ROW, "image": "4.jpg", "source": "a passport"},
        {**ROW, "entry": "case-4", "image": "4.jpg", "second_approver": "superintendent 1", "minor_reason": "aged 15"},
    )
    done, written = _import(drawn, vision, images, table)
    assert [(each.ref, each.line, each.enrolled, each.reason) for each in done] == [
        ("case-3", 2, True, ""),
        ("case-2", 3, False, "several_faces"),
        ("case-4", 5, True, ""),
    ]
    assert [photo.source for photo in written["case-3"].photos] == ["given by the family", "a passport"]
    assert written["case-3"].minor is None
    assert written["case-4"].minor is not None


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"image": "none.jpg"}, "not_an_image"),
        ({"image": "missing.jpg"}, "not_an_image"),
        ({"image": ""}, "not_an_image"),
        ({"image": "../3.jpg"}, "not_an_image"),
        ({"image": "/etc/passwd"}, "not_an_image"),
        ({"captured_on": "yesterday"}, "incomplete"),
        ({"captured_on": "2026-02-05"}, "captured_later"),
        ({"not_after": "tomorrow"}, "incomplete"),
        ({"not_after": "2026-01-01T00:00:00Z"}, "expired"),
        ({"entry": ""}, "incomplete"),
        ({"category": "annoying"}, "unknown_category"),
        ({"second_approver": "inspector 7", "minor_reason": "aged 15"}, "minor"),
        ({"second_approver": "superintendent 1"}, "incomplete"),
    ],
)
def test_a_row_that_is_not_good_enough_is_refused_alone(
    drawn: Plan, vision: Vision, images: Path, tmp_path: Path, change: dict[str, str], reason: str
) -> None:
    """With its reason code; the row behind it is enrolled. No file outside the folder is read."""
    bad = {**ROW, "entry": "bad", **change}
    done, written = _import(drawn, vision, images, _table(tmp_path, {**ROW, "second_approver": "", **bad}, ROW))
    assert [(each.enrolled, each.reason) for each in done] == [(False, reason), (True, "")]
    assert list(written) == ["case-3"]


@pytest.mark.parametrize("name", [name for name in OF_A_PERSON if name != "entry"])
def test_rows_of_one_person_that_contradict_each_other_are_refused(
    drawn: Plan, vision: Vision, images: Path, tmp_path: Path, name: str
) -> None:
    """Which of them is meant is not for a program to say."""
    done, written = _import(drawn, vision, images, _table(tmp_path, ROW, {**ROW, name: "other"}))
    assert [each.reason for each in done] == ["contradictory"]
    assert name in done[0].detail
    assert written == {}


def test_the_same_table_again_changes_nothing(drawn: Plan, vision: Vision, images: Path, tmp_path: Path) -> None:
    """An import that was cut short goes on where it ended; a changed word or image is written anew."""
    rows = [ROW, {**ROW, "entry": "case-4", "image": "4.jpg"}]
    _, written = _import(drawn, vision, images, _table(tmp_path, *rows))
    done, again = _import(drawn, vision, images, _table(tmp_path, *rows), {"case-3": written["case-3"]})
    assert [each.was_there for each in done] == [True, False]
    assert list(again) == ["case-4"]
    for change in ({"necessity": "other"}, {"image": "4.jpg"}, {"not_after": "2026-02-02T12:00:00Z"}):
        [one], anew = _import(drawn, vision, images, _table(tmp_path, {**ROW, **change}), written)
        assert (one.enrolled, one.was_there) == (True, False)
        assert list(anew) == ["case-3"]


def test_a_full_list_takes_nobody_more(drawn: Plan, vision: Vision, images: Path, tmp_path: Path) -> None:
    """In the order of the table, and whoever has no good picture takes no place; who is there may be enrolled anew."""
    rows = [
        {**ROW, "entry": "case-2", "image": "two.jpg"},
        ROW,
        {**ROW, "entry": "case-4", "image": "4.jpg"},
        {**ROW, "entry": "case-5", "image": "4.jpg", "list": "other"},
        {**ROW, "entry": "case-6", "image": "4.jpg", "category": "exmple"},
    ]
    done, written = _import(most(drawn, 1), vision, images, _table(tmp_path, *rows))
    assert [(each.ref, each.reason) for each in done] == [
        ("case-2", "several_faces"),
        ("case-3", ""),
        ("case-4", "list_full"),
        ("case-5", "unknown_list"),
        ("case-6", "unknown_category"),  # what has to be mended anyhow is told before there is a place again
    ]
    assert list(written) == ["case-3"]
    changed = [{**ROW, "necessity": "other"}, rows[2]]
    done, anew = _import(most(drawn, 1), vision, images, _table(tmp_path, *changed), written)
    assert [each.reason for each in done] == ["", "list_full"]
    assert list(anew) == ["case-3"]


def test_nobody_is_looked_at_for_whom_there_is_no_place(drawn: Plan, images: Path, tmp_path: Path) -> None:
    """A table that is too long costs no hours, and no face is looked for in vain."""
    full = {f"case-{number}": entry_record(f"case-{number}") for number in (7, 8)}

    class Blind:
        def see(self, _: list[bytes]) -> list[Seen]:
            raise AssertionError("it was looked at")

    done, written = _import(most(drawn, 1), cast("Vision", Blind()), images, _table(tmp_path, ROW), full)
    assert [(each.reason, written) for each in done] == [("list_full", {})]
    assert "sought has 2 entries that have not ended, and the policy allows 1" in done[0].detail


def test_people_of_a_table_are_counted_by_list(tmp_path: Path) -> None:
    """So that it can be said beforehand how many fit; rows of one reference are one person."""
    rows = [ROW, {**ROW, "image": "4.jpg"}, {**ROW, "entry": "a"}, {**ROW, "entry": "b", "list": "other"}]
    assert by_list(read_table(_table(tmp_path, *rows))) == {"sought": {"case-3", "a"}, "other": {"b"}}


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (b"", "no column image"),
        (b"image,entry\n", "no column approver"),
        ((",".join([*OF_AN_IMAGE, *OF_A_PERSON]) + ",name\n").encode(), "unknown column name"),
        ((",".join([*OF_AN_IMAGE, *OF_A_PERSON]) + ",entry\n").encode(), "given twice"),
        ((",".join([*OF_AN_IMAGE, *OF_A_PERSON]) + "\na,b\n").encode(), "line 2"),
        ((",".join([*OF_AN_IMAGE, *OF_A_PERSON]) + "\n" + "a," * 11 + "b\n").encode(), "line 2"),
        (b"\xff\xfe\x00", "UTF-8"),
        (b'image,"entry\n', "cannot be read"),
    ],
)
def test_what_is_no_such_table_is_refused_whole(tmp_path: Path, content: bytes, match: str) -> None:
    """Before anybody is enrolled; the message says what its header must be."""
    file = tmp_path / "people.csv"
    file.write_bytes(content)
    with pytest.raises(SettingsRefused, match=match):
        read_table(file)
