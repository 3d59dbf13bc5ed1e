"""Pictures in a file that all processes share."""

import pickle
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from loadtests.load.pool import find_pool, write_pool

PICTURES = [b"one", b"", b"the third"]


def test_what_was_written_is_found_by_this_process_and_the_next(tmp_path: Path) -> None:
    """With the same digest; another process is told where pictures are, and not handed them."""
    file = tmp_path / "folder" / "pool.zip"
    written = write_pool(file, PICTURES)
    found = find_pool(file)
    assert found == written
    assert [written.jpeg(number) for number in range(3)] == PICTURES
    assert b"the third" not in (told := pickle.dumps(written))
    assert [pickle.loads(told).jpeg(number) for number in range(3)] == PICTURES  # noqa: S301
    assert written.mean_bytes == 4.0
    assert [each.name for each in file.parent.iterdir()] == ["pool.zip"]


def test_pictures_are_found_wherever_the_file_has_them(tmp_path: Path) -> None:
    """Other programs write longer headers."""
    file = tmp_path / "pool.zip"
    with zipfile.ZipFile(file, "w") as keeps:
        member = zipfile.ZipInfo("0.jpg")
        member.extra = b"\x99\x99\x04\x00more"
        keeps.writestr(member, b"picture")
    found = find_pool(file)
    assert found is not None
    assert found.jpeg(0) == b"picture"


def test_the_digest_is_of_the_pictures(tmp_path: Path) -> None:
    """And not of the file."""
    one, same = (write_pool(tmp_path / name, PICTURES).digest for name in ("one", "same"))
    assert one == same != write_pool(tmp_path / "other", [*PICTURES[:2], b"the Third"]).digest


def test_none_is_found_where_none_is_or_where_it_is_broken(tmp_path: Path) -> None:
    """It is drawn anew then."""
    file = tmp_path / "pool.zip"
    assert find_pool(file) is None
    write_pool(file, PICTURES)
    whole = file.read_bytes()
    for broken in (b"", whole[:60], whole.replace(b"the third", b"the Third")):
        file.write_bytes(broken)
        assert find_pool(file) is None


def test_what_is_half_written_is_taken_away(tmp_path: Path) -> None:
    """Whatever interrupted it."""

    def interrupted() -> Iterator[bytes]:
        yield b"one"
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_pool(tmp_path / "pool.zip", interrupted())
    assert not list(tmp_path.iterdir())
