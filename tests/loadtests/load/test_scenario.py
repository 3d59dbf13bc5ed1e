"""Scenarios as files."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cluster.strict_yaml import build
from loadtests.faults import FAULTS
from loadtests.load.scenario import FOLDER, Plant, Scenario, find_scenario, read_scenario, scenarios
from loadtests.load.session import check_pace, documents
from operators.errors import SettingsRefused
from operators.sightings import SightingSettings

Changed = Callable[[str, str], Path]


@pytest.fixture
def changed(tmp_path: Path) -> Changed:
    """Writes the smoke scenario with a text replaced."""

    def write(old: str, new: str) -> Path:
        text = (FOLDER / "smoke.yaml").read_text().replace("../../configs", str(FOLDER.parent.parent / "configs"))
        assert old in text
        file = tmp_path / "other.yaml"
        file.write_text(text.replace(old, new))
        return file

    return write


@pytest.mark.parametrize("file", scenarios(), ids=lambda file: file.stem)
def test_what_comes_along_can_be_run(file: Path) -> None:
    """It is read, its policy is for nobody real, its faults exist and its people can be confirmed."""
    found = read_scenario(file)
    _, policy = documents(found)
    assert len(policy["cameras"]) == found.cameras
    assert policy["max_frame_age_ms"] == found.cluster.max_frame_age_ms
    assert [rule["most_entries"] for rule in policy["watchlists"].values()] == [found.people.list_size]
    assert {each.fault for each in found.faults} <= FAULTS.keys()
    check_pace(found, sightings(policy))
    assert found.plant is None


def test_all_that_were_promised_come_along() -> None:
    """By their names."""
    names = {file.stem for file in scenarios()}
    assert names >= {"smoke", "stadium-gate", "station", "soak", "spike", "failover"}


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ("fps: 5\n", "fps: 5\nfsp: 5\n", r"other.yaml:\d+: fsp: is not a known key"),
        ("seed: 1\n", "", "seed: is missing"),
        ("cameras: 4", "cameras: 0", "cameras: must be at least 1"),
        ("listed: 12", "listed: 1", r"other.yaml:\d+: people: listed: 2 to"),
        ("in_view: 1", "in_view: 9", "in_view: 1 to 8 people"),
        ("list_size: 1000", "list_size: 3", "list_size: must be at least 12"),
        ("width_px: 1280", "width_px: 12", "width_px: a picture is"),
        ("course: constant", "course: wave", r"other.yaml:\d+: shape.course: .*'wave'"),
        ("faults: []", "faults: [{at_s: 99, fault: none}]", "'none' is not within the 60 seconds"),
        ("plant: null", "plant: weed", r"other.yaml:\d+: plant"),
        ("demo.yaml", "nowhere.yaml", "cluster.file: .*nowhere.yaml is not there"),
        ("seed: 1\n", "seed: 1\nname: mine\n", "name, digest: are those of the file"),
    ],
)
def test_what_is_unclear_is_refused_with_its_line(changed: Changed, old: str, new: str, what: str) -> None:
    """As in all other files of this project."""
    with pytest.raises(SettingsRefused, match=what):
        read_scenario(changed(old, new))


def test_a_scenario_that_is_not_there_is_refused_with_those_that_are() -> None:
    """So that a misspelt name is mended at once."""
    with pytest.raises(SettingsRefused, match=r"smok: no such scenario: .*smoke"):
        find_scenario("smok")


def test_another_length_keeps_faults_within(changed: Changed) -> None:
    """A shorter run that would end before its fault is refused."""
    found = read_scenario(changed("faults: []", "faults: [{at_s: 30, fault: none}]"))
    assert found.changed(40.0, Plant.DELAY).plant is Plant.DELAY
    with pytest.raises(SettingsRefused, match="'none' is not within the 20 seconds"):
        found.changed(20.0, None)


def test_people_who_could_not_be_confirmed_are_refused(changed: Changed) -> None:
    """Frames too far apart, and passages too short to end before the next comes to the same place."""
    found = read_scenario(changed("seed: 1", "seed: 1"))
    _, policy = documents(found)
    with pytest.raises(SettingsRefused, match="1250 ms apart"):
        check_pace(replace(found, fps=0.8), sightings(policy))
    with pytest.raises(SettingsRefused, match="passage_s: must be above 1"):
        check_pace(of_passage(found, 0.8), sightings(policy))


def test_a_policy_for_real_people_is_refused(changed: Changed) -> None:
    """Nobody who is shown exists."""
    found = read_scenario(changed("demo.yaml", "volunteers.yaml"))
    with pytest.raises(SettingsRefused, match="its policy is for real people"):
        documents(found)


def of_passage(of: Scenario, seconds: float) -> Scenario:
    """The same with shorter passages."""
    return replace(of, people=replace(of.people, passage_s=seconds))


def sightings(policy: dict[str, Any]) -> SightingSettings:
    """The part of a policy that says how people are confirmed."""
    return build(policy["sightings"], SightingSettings)
