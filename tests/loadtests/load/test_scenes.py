"""Scenes that are drawn once."""

import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from loadtests.load.pool import Pool
from loadtests.load.scenes import PoolSpec, _digest, open_pool
from loadtests.load.timetable import VIEWS
from loadtests.people.nuisance import decode_plain

Harm = Callable[[bytes], bytes]
SPEC = PoolSpec(
    seed=1, width_px=160, height_px=120, quality=85, people=1, listed={"sought-01": 1001}, strangers=range(5), groups=1
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where they are kept."""
    return tmp_path_factory.mktemp("pool")


@pytest.fixture(scope="module")
def pool(folder: Path) -> Pool:
    """Drawn now."""
    return open_pool(SPEC, folder)


def test_a_group_has_its_views_and_stands_in_its_half(pool: Pool) -> None:
    """Even groups in the upper half of the picture, odd ones in the lower; what changes from view to view is there."""
    assert len(pool.places) == 2 * VIEWS
    for group, empty in ((0, slice(100, 120)), (1, slice(0, 50))):
        views = [decode_plain(pool.jpeg(group * VIEWS + view)).astype(int) for view in range(VIEWS)]
        assert {view.shape for view in views} == {(120, 160, 3)}
        change = np.abs(views[0] - views[1]).mean(axis=(1, 2))
        assert change[empty].mean() < 5 < change.max()


def test_the_next_run_has_the_same_pictures_without_drawing(pool: Pool, folder: Path) -> None:
    """They come from the file: another file would give others."""
    [file] = folder.iterdir()
    kept = file.read_bytes()
    assert open_pool(SPEC, folder).digest == pool.digest
    with zipfile.ZipFile(file, "w") as other:
        for number in range(2 * VIEWS):
            other.writestr(f"{number}.jpg", b"kept")
    assert open_pool(SPEC, folder).jpeg(0) == b"kept"
    file.write_bytes(kept)


@pytest.mark.parametrize("harm", [lambda kept: kept[:100], lambda kept: kept[:900] + b"!" + kept[901:]])
def test_what_was_kept_and_is_broken_is_drawn_anew(harm: Harm, pool: Pool, folder: Path) -> None:
    """Cut off, or changed."""
    [file] = folder.iterdir()
    file.write_bytes(harm(file.read_bytes()))
    assert open_pool(SPEC, folder).digest == pool.digest


def test_another_scenario_has_pictures_of_its_own(pool: Pool, folder: Path) -> None:
    """Never those of another size or seed."""
    other = open_pool(replace(SPEC, seed=2, groups=0), folder)
    assert other.digest != pool.digest
    assert len(list(folder.iterdir())) == 2


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("VIEWS", VIEWS - 1),
        ("encode", decode_plain),
        ("version", lambda _: "0.0"),
        ("cv2.__version__", "0.0"),
        ("np.__version__", "0.0"),
    ],
)
def test_pictures_that_would_be_others_are_not_found(name: str, other: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """With fewer views the timetable would count other people; another encoder or library gives other bytes."""
    before = _digest(SPEC)
    monkeypatch.setattr(f"loadtests.load.scenes.{name}", other)
    assert _digest(SPEC) != before
