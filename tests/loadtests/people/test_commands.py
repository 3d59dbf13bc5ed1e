"""`beholden people`."""

from pathlib import Path

import cv2
from click.testing import CliRunner

from loadtests.people.commands import people
from loadtests.people.sheet import TILE_PX, sheet


def test_a_contact_sheet_is_written(tmp_path: Path) -> None:
    """A PNG with everybody on it."""
    file = tmp_path / "sheet.png"
    result = CliRunner().invoke(people, ["sheet", "--seed", "5", "--count", "2", "--views", "1", "-o", str(file)])
    assert result.exit_code == 0, result.output
    assert "people 5 to 6" in result.output
    assert cv2.imread(str(file)).shape == sheet(5, 2, 1).shape


def test_only_png_is_written(tmp_path: Path) -> None:
    """A sheet in a lossy form would be no record of what was drawn."""
    result = CliRunner().invoke(people, ["sheet", "-o", str(tmp_path / "sheet.jpg")])
    assert result.exit_code == 2
    assert "name the file .png" in result.output


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    """Said in one line."""
    target = tmp_path / "none" / "sheet.png"
    result = CliRunner().invoke(people, ["sheet", "--count", "1", "--views", "0", "-o", str(target)])
    assert result.exit_code == 2
    assert "No such file" in result.output


def test_a_sheet_has_no_holes_where_it_can() -> None:
    """Four people fill their rows."""
    height, width, _ = sheet(1, 4, 0).shape
    assert width % TILE_PX == 0
    assert (width // TILE_PX) * (height // (TILE_PX + 16)) == 4
