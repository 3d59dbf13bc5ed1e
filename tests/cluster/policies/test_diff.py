import itertools
import json
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Any, get_args, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.policies.diff import RULES, Effect, differences, loosened, taking_two
from cluster.policies.in_force import policy_of
from cluster.strict_yaml import load
from operators.freshness import FreshnessRule
from operators.hours import WEEKDAYS, Hours
from operators.policy import Policy
from tests.builders import RETENTION, policy_document

LOOSENS, TIGHTENS, NEITHER, TAKES_TWO = Effect
OPEN = {day: ["00:00-24:00"] for day in WEEKDAYS}
DAY = {**OPEN, "sun": ["08:00-20:00"]}
SOUGHT = policy_document()["watchlists"]["sought"]


def changed(at: str, value: Any, base: dict[str, Any] | None = None) -> Policy:
    """The builders' policy with one value changed, by its path."""
    document = base or policy_document()
    *path, last = at.split("/")
    part = document
    for key in path:
        part = part[key]
    if value is None:
        del part[last]
    else:
        part[last] = value
    return policy_of(document).policy


def effects(before: Policy, after: Policy) -> dict[str, Effect]:
    """What changes, by key."""
    return {each.at: each.effect for each in differences(before, after)}


# Longer than what the builders' policy keeps, and short enough for its promises.
LONGER = {"frames": "11 min", "alerts": "1350 min", "evidence": "1350 min", "dead_letters": "11000 min"}
ROLLS = {"frames": "2 min", "alerts": "90 min", "evidence": "90 min", "dead_letters": "2 h"}
PLAIN = policy_of(policy_document()).policy


def _leaves(kind: Any, at: str = "") -> Iterator[str]:
    """Every field of a policy, by the name of its rule."""
    for each in fields(kind):
        hint, name = get_type_hints(kind)[each.name], f"{at}{each.name}"
        [*_, last] = get_args(hint) or [None]
        if hint is Hours or hint is FreshnessRule:
            yield name
        elif is_dataclass(hint):
            yield from _leaves(hint, f"{name}.")
        elif is_dataclass(last):
            yield name
            yield from _leaves(last, f"{name}.*.")
        elif hint == dict[str, float]:
            yield f"{name}.*"
        else:
            yield name


def test_every_field_of_a_policy_has_a_rule() -> None:
    """A new one needs a decision before it can be changed; a rule of none is left over."""
    assert {*_leaves(Policy), "freshness.cameras.*"} == set(RULES)


CHANGES: list[tuple[str, Any, str, Effect]] = [
    ("policy", 8, "policy", NEITHER),
    ("purpose", "Another.", "purpose", LOOSENS),
    ("authority", "Another.", "authority", TAKES_TWO),
    ("legal_basis", "Another.", "legal_basis", TAKES_TWO),
    ("expected_outcome", "Another.", "expected_outcome", TAKES_TWO),
    ("controller", "Another.", "controller", TAKES_TWO),
    ("contact", "Another.", "contact", TAKES_TWO),
    ("complaints", "Another.", "complaints", TAKES_TWO),
    ("public_engagement/reference", "Another.", "public_engagement.reference", TAKES_TWO),
    ("public_engagement/sha256", "d" * 64, "public_engagement.sha256", TAKES_TWO),
    ("assessments/data_protection", "Another.", "assessments.data_protection", TAKES_TWO),
    ("assessments/equality", "Another.", "assessments.equality", TAKES_TWO),
    ("people", "real", "people", TIGHTENS),
    ("start", "2025-12-31T00:00:00Z", "start", LOOSENS),
    ("end", "2100-01-01T00:00:00Z", "end", LOOSENS),
    ("review_by", "2099-02-01T00:00:00Z", "review_by", LOOSENS),
    ("hours/windows", DAY, "hours", TIGHTENS),
    ("hours/zone", "Europe/Paris", "hours", LOOSENS),
    ("hours/windows/mon", ["00:00-12:00", "12:00-24:00"], "hours", NEITHER),
    ("retention/profile", "mine", "retention.profile", NEITHER),
    ("retention/about", "Another.", "retention.about", NEITHER),
    *(
        (f"retention/{topic}/{part}", value, f"retention.{topic}.{part}", LOOSENS)
        for topic in ("frames", "alerts", "evidence", "dead_letters")
        for part, value in (("keep", LONGER[topic]), ("roll", ROLLS[topic]), ("at_most", "9 d"))
    ),
    ("retention/evidence/at_most", "1 d", "retention.evidence.at_most", NEITHER),
    ("retention/watchlist/at_most", "25 h", "retention.watchlist.at_most", LOOSENS),
    ("retention/ledger/keep", "731 d", "retention.ledger.keep", LOOSENS),
    ("retention/ledger/roll", "8 d", "retention.ledger.roll", LOOSENS),
    ("retention/ledger/at_most", "741 d", "retention.ledger.at_most", LOOSENS),
    ("licences", ["Apache-2.0", "MIT"], "licences", LOOSENS),
    ("licences", ["MIT"], "licences", LOOSENS),
    ("max_nonmatch_s", 1.5, "max_nonmatch_s", TIGHTENS),
    ("cameras", [*PLAIN.cameras, "roof"], "cameras", LOOSENS),
    ("cameras", ["hall", "gate"], "cameras", TIGHTENS),
    ("cameras", [*reversed(PLAIN.cameras)], "cameras", NEITHER),
    ("max_frame_age_ms", 1001, "max_frame_age_ms", LOOSENS),
    ("freshness", {"rule": "newest"}, "freshness", TIGHTENS),
    ("freshness", {"rule": "sample", "frames_per_s": 2}, "freshness", TIGHTENS),
    ("freshness/cameras", {"hall": {"rule": "newest"}}, "freshness.cameras.hall", TIGHTENS),
    ("detector/model", "another", "detector.model", LOOSENS),
    ("detector/sha256", "d" * 64, "detector.sha256", LOOSENS),
    ("detector/manifest", "d" * 64, "detector.manifest", LOOSENS),
    ("detect/confidence", 0.69, "detect.confidence", LOOSENS),
    ("detect/overlap", 0.31, "detect.overlap", LOOSENS),
    ("detect/max_side_px", 1279, "detect.max_side_px", LOOSENS),
    ("quality/min_confidence", 0.69, "quality.min_confidence", LOOSENS),
    ("quality/min_face_width_px", 39, "quality.min_face_width_px", LOOSENS),
    ("quality/max_turn", 0.51, "quality.max_turn", LOOSENS),
    ("quality/max_tilt_deg", 31, "quality.max_tilt_deg", LOOSENS),
    ("quality/min_inside", 0.49, "quality.min_inside", LOOSENS),
    ("quality/min_sharpness", 0.14, "quality.min_sharpness", LOOSENS),
    ("embedder/model", "another", "embedder.model", LOOSENS),
    ("embedder/sha256", "d" * 64, "embedder.sha256", LOOSENS),
    ("embedder/manifest", "d" * 64, "embedder.manifest", LOOSENS),
    ("watchlists/more", SOUGHT, "watchlists", LOOSENS),
    ("watchlists/sought/purpose", "Another.", "watchlists.sought.purpose", LOOSENS),
    ("watchlists/sought/categories", ["missing", "wanted", "x"], "watchlists.sought.categories", LOOSENS),
    ("watchlists/sought/categories", ["missing"], "watchlists.sought.categories", TIGHTENS),
    ("watchlists/sought/longest_days", 31, "watchlists.sought.longest_days", LOOSENS),
    ("watchlists/sought/most_entries", 101, "watchlists.sought.most_entries", LOOSENS),
    ("watchlists/sought/threshold", 0.59, "watchlists.sought.threshold", LOOSENS),
    ("watchlists/sought/floor", 0.49, "watchlists.sought.floor", LOOSENS),
    ("watchlists/sought/cameras/hall", 0.69, "watchlists.sought.cameras.hall", LOOSENS),
    ("watchlists/sought/cameras", None, "watchlists.sought.cameras.hall", LOOSENS),
    ("watchlists/sought/cameras/gate", 0.59, "watchlists.sought.cameras.gate", LOOSENS),
    ("sightings/of_frames", 2, "sightings.of_frames", LOOSENS),
    ("sightings/passage_overlap", 0.2, "sightings.passage_overlap", LOOSENS),
    ("sightings/passage_gap_ms", 2001, "sightings.passage_gap_ms", LOOSENS),
    ("sightings/cool_down_s", 59, "sightings.cool_down_s", LOOSENS),
]


@pytest.mark.parametrize(("at", "value", "key", "effect"), CHANGES)
def test_every_change_has_its_effect_and_the_way_back_the_other(at: str, value: Any, key: str, effect: Effect) -> None:
    """One change, one line; what loosens both ways no machine can weigh."""
    after = changed(at, value)
    assert effects(PLAIN, after) == {key: effect}
    back = effects(after, PLAIN)
    both_ways = {"purpose", "hours", "licences", "detector", "detect", "embedder", "watchlists"}
    if effect is LOOSENS and key.split(".")[0] in both_ways and back[key] is LOOSENS:
        return
    ways = {LOOSENS: TIGHTENS, TIGHTENS: LOOSENS, NEITHER: NEITHER, TAKES_TWO: TAKES_TWO}
    assert back == {key: TAKES_TWO if key == "retention.ledger.keep" else ways[effect]}


def test_fewer_frames_that_agree_loosen() -> None:
    """The builders' policy asks for one, which is the least."""
    two = policy_document()
    two["sightings"] |= {"confirm_frames": 2, "of_frames": 2}
    one = policy_document()
    one["sightings"] |= {"confirm_frames": 1, "of_frames": 2}
    assert effects(policy_of(two).policy, policy_of(one).policy) == {"sightings.confirm_frames": LOOSENS}


def test_what_loosens_both_ways_is_what_no_machine_can_weigh() -> None:
    """And nothing else."""
    both = {
        key
        for at, value, key, _ in CHANGES
        if loosened(PLAIN, changed(at, value)) and loosened(changed(at, value), PLAIN)
    }
    assert both == {
        "purpose",
        "hours",
        "licences",
        "detector.model",
        "detector.sha256",
        "detector.manifest",
        "detect.max_side_px",
        "embedder.model",
        "embedder.sha256",
        "embedder.manifest",
        "watchlists.sought.purpose",
    }


def test_a_list_under_another_name_is_another_list() -> None:
    """However strict."""
    document = policy_document()
    document["watchlists"] = {"others": {**SOUGHT, "threshold": 1.0}}
    assert effects(PLAIN, policy_of(document).policy) == {"watchlists": LOOSENS}
    both = changed("watchlists/more", SOUGHT)
    assert effects(both, PLAIN) == {"watchlists": TIGHTENS}


def test_a_shipped_profile_that_keeps_longer_loosens_and_the_way_back_tightens() -> None:
    """By its numbers; its name and its text are neither."""
    names = ("uk-strict", "uk-31d", "eu-rbi")
    assert {path.stem for path in RETENTION.glob("*.yaml")} == set(names)
    for name, longer in itertools.pairwise(names):
        one, other = (changed("retention", load(RETENTION / f"{each}.yaml")) for each in (name, longer))
        found = {
            f"retention.{topic}.{part}" for topic in ("alerts", "evidence") for part in ("keep", "roll", "at_most")
        }
        assert set(loosened(one, other)) == found
        assert (loosened(other, one), taking_two(other, one)) == ((), ())


def test_a_shorter_ledger_takes_two_whatever_else_gets_shorter() -> None:
    """It deletes what it has of those who want it so; a longer one loosens, as everywhere."""
    shorter = changed("retention/ledger", {"keep": "200 d", "roll": "1 d", "at_most": "210 d"})
    assert taking_two(PLAIN, shorter) == ("retention.ledger.keep",)
    assert loosened(PLAIN, shorter) == ()


def test_nothing_changes_between_equals() -> None:
    """However they are written."""
    assert differences(PLAIN, policy_of(json.loads(json.dumps(policy_document()))).policy) == []


CAMERAS = ["gate", "hall"]
COSINES = st.sampled_from([0.5, 0.6, 0.7])
RULE = st.fixed_dictionaries(
    {"threshold": COSINES, "cameras": st.dictionaries(st.sampled_from(CAMERAS), COSINES)},
)


@given(RULE, RULE)
def test_whoever_would_be_shown_who_was_not_before_is_a_loosening(
    before: dict[str, Any], after: dict[str, Any]
) -> None:
    """On any camera, by whatever way its threshold came down: an exception that is made, changed or taken away."""

    def build(rule: dict[str, Any]) -> Policy:
        return changed("watchlists/sought", {**SOUGHT, **rule}, {**policy_document(), "cameras": CAMERAS})

    is_lower = any(
        after["cameras"].get(camera, after["threshold"]) < before["cameras"].get(camera, before["threshold"])
        for camera in CAMERAS
    )
    found = loosened(build(before), build(after))
    assert not is_lower or found
    assert is_lower or after["threshold"] < before["threshold"] or not found


def test_a_canarys_camera_that_shows_people_from_now_on_is_another_camera() -> None:
    """Without the list of the canary everybody who is sought is searched for there."""
    document = policy_document()
    document["watchlists"]["test"] = {**SOUGHT, "cameras": {}, "canary": "gate"}
    with_canary, without = policy_of(document).policy, policy_of(policy_document()).policy
    assert "cameras" in loosened(with_canary, without)
    assert loosened(without, with_canary) == ("cameras", "watchlists")


def test_whether_a_list_is_a_canarys_no_machine_can_weigh() -> None:
    """Its alerts are shown to nobody, or its people are searched for everywhere: two people look at it."""
    after = changed("watchlists/sought/canary", "gate")
    for before, then in ((PLAIN, after), (after, PLAIN)):
        assert effects(before, then) == {"cameras": LOOSENS, "watchlists.sought.canary": LOOSENS}
