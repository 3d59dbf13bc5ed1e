import math
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from operators import policy as policies
from operators.decide import WatchlistRule
from operators.hours import WEEKDAYS, Hours
from operators.models import Adapter, People
from operators.policy import Assessments, Engagement, ModelChoice, unaccepted_models, unfit_models
from tests.builders import NOW, policy

YEAR = timedelta(days=365)
SECOND = timedelta(seconds=1)


@pytest.mark.parametrize("digest", ["", "a" * 63, "a" * 65, "A" * 64, "g" * 64, " " + "a" * 63])
def test_a_model_is_named_by_a_whole_digest(digest: str) -> None:
    """64 lower-case hexadecimal digits, nothing else."""
    with pytest.raises(ValueError, match="sha256"):
        ModelChoice("m", digest, "a" * 64)
    with pytest.raises(ValueError, match="manifest: must be 64"):
        ModelChoice("m", "a" * 64, digest)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"policy": 0}, "policy"),
        ({"deployment": ""}, "deployment"),
        ({"purpose": ""}, "purpose"),
        ({"authority": ""}, "authority"),
        ({"cameras": ()}, "cameras"),
        ({"watchlists": {}}, "watchlists"),
        ({"max_frame_age_ms": 0}, "max_frame_age_ms"),
        *(({name: " "}, f"{name}: must not be empty") for name in policies._TEXTS),
        ({"licences": ()}, "licences: name at least one"),
        ({"licences": ("MIT", "MIT")}, "each once"),
        *(
            ({"max_nonmatch_s": wrong}, "max_nonmatch_s: must be above 0")
            for wrong in (0, -1.0, 2.001, math.nan, math.inf)
        ),
        ({"end": NOW, "start": NOW}, "end: must be after start"),
        ({"review_by": NOW, "start": NOW}, "review_by: must be after start"),
        ({"review_by": NOW + YEAR, "end": NOW}, "review_by: must be .* at the latest at the end"),
        ({"start": NOW.replace(tzinfo=None)}, "start: must be in UTC"),
        ({"end": NOW.astimezone(timezone(timedelta(hours=1)))}, "end: must be in UTC"),
        ({"cameras": ("gate", "hall", "gate")}, "cameras"),
        ({"cameras": ("gate",)}, r"watchlists\.sought\.cameras.*hall"),
    ],
)
def test_a_policy_that_contradicts_itself_is_refused(changes: dict[str, Any], named: str) -> None:
    """The message names the field."""
    with pytest.raises(ValueError, match=named):
        policy(**changes)


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        (Engagement, {"reference": " ", "sha256": "a" * 64}),
        (Engagement, {"reference": "a notice", "sha256": "a" * 63}),
        (Assessments, {"data_protection": "", "equality": "EIA 1"}),
        (Assessments, {"data_protection": "DPIA 1", "equality": ""}),
    ],
)
def test_what_was_weighed_and_asked_beforehand_is_named(kind: Any, fields: dict[str, str]) -> None:
    """By a reference, and the digest of what the public was told."""
    with pytest.raises(ValueError, match=r"must (not be empty|be 64)"):
        kind(**fields)


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        (NOW - SECOND, False),
        (NOW, True),
        (NOW + YEAR - SECOND, True),
        (NOW + YEAR, False),
        (NOW + 2 * YEAR, False),
    ],
)
def test_nothing_is_in_scope_before_the_start_or_once_the_review_or_the_end_is_due(
    at: datetime, expected: bool
) -> None:
    """Whichever of the two comes first; the end cannot be before the review."""
    for changes in ({"review_by": NOW + YEAR, "end": NOW + 3 * YEAR}, {"review_by": NOW + YEAR, "end": NOW + YEAR}):
        found = policy(start=NOW, **changes)
        assert found.is_valid(at) is expected
        assert found.in_scope("gate", at) is expected


def test_only_cameras_of_the_policy_are_in_scope_and_only_at_its_hours() -> None:
    """NOW is a Saturday, 12:00 in London."""
    noon = Hours("Europe/London", {**dict.fromkeys(WEEKDAYS, ()), "sat": ("12:00-12:01",)})
    found = policy(hours=noon)
    assert found.in_scope("gate", NOW)
    assert not found.in_scope("roof", NOW)
    assert not found.in_scope("gate", NOW - SECOND)
    assert not found.in_scope("gate", NOW + 60 * SECOND)


def test_the_lowest_threshold_is_the_lowest_of_all_lists_and_cameras() -> None:
    """Searches are cut there: a higher value would lose matches."""
    rules = {
        "a": WatchlistRule("p", ("missing",), 30, 9, 0.7, 0.2, {"gate": 0.4}),
        "b": WatchlistRule("p", ("missing",), 30, 9, 0.5, 0.3),
    }
    assert policy(watchlists=rules).lowest_threshold == 0.4
    assert policy(watchlists={"b": rules["b"]}).lowest_threshold == 0.5


REAL, SYNTHETIC = People.REAL, People.SYNTHETIC


@pytest.mark.parametrize(
    ("shown", "detector", "embedder", "unfit"),
    [
        (REAL, REAL, REAL, []),
        (REAL, SYNTHETIC, REAL, ["detector.model: sees"]),
        (REAL, REAL, SYNTHETIC, ["embedder.model: knows"]),
        (REAL, SYNTHETIC, SYNTHETIC, ["detector.model: sees", "embedder.model: knows"]),
        (SYNTHETIC, REAL, REAL, []),
        (SYNTHETIC, SYNTHETIC, REAL, []),
        (SYNTHETIC, REAL, SYNTHETIC, []),
        (SYNTHETIC, SYNTHETIC, SYNTHETIC, []),
    ],
)
def test_models_that_know_no_real_face_are_unfit_for_real_people(
    describe: Any, shown: People, detector: People, embedder: People, unfit: list[str]
) -> None:
    """And for them alone; each such model is named, with the reason and what to do."""
    sees = describe(b"sees", Adapter.YUNET, name="sees", people=detector)
    knows = describe(b"knows", Adapter.EMBEDDER112, name="knows", people=embedder)
    reasons = unfit_models(policy(people=shown), sees, knows)
    assert [reason.partition(" was trained on people who do not exist")[0] for reason in reasons] == unfit
    assert all("on real faces is not known" in reason and "people: synthetic" in reason for reason in reasons)


def test_models_under_a_licence_that_the_policy_does_not_name_are_not_accepted(describe: Any) -> None:
    """Also for people who do not exist: a licence is about who may use the weights."""
    free = describe(b"sees", Adapter.YUNET, name="sees")
    research = describe(b"knows", Adapter.EMBEDDER112, name="knows", licence="LicenseRef-research-only")
    assert unaccepted_models(policy(), free, free) == []
    [told] = unaccepted_models(policy(), free, research)
    assert told.startswith("embedder.model: knows is licensed as LicenseRef-research-only, and the policy accepts")
    both = policy(licences=("Apache-2.0", "LicenseRef-research-only"))
    assert unaccepted_models(both, free, research) == []


def test_a_canarys_camera_is_one_of_the_policys() -> None:
    """Otherwise its frames would be refused, and nobody would ever be alerted about it."""
    rule = WatchlistRule("Show that alerts come.", ("canary",), 30, 1, 0.7, 0.2, canary="gate")
    assert policy(watchlists={"test": rule}).canaries == {"test": "gate"}
    with pytest.raises(ValueError, match=r"watchlists\.test\.canary: not among the policy's cameras: attic"):
        policy(watchlists={"test": replace(rule, canary="attic")})


def test_no_list_has_a_threshold_of_its_own_for_a_canarys_camera() -> None:
    """Whoever set one means that camera to be watched, and nobody of that list would be found there."""
    rule = WatchlistRule("Show that alerts come.", ("canary",), 30, 1, 0.7, 0.2, {"gate": 0.8}, canary="gate")
    sought = replace(policy().watchlists["sought"], cameras={"hall": 0.7, "gate": 0.7})
    with pytest.raises(ValueError, match=r"watchlists\.sought\.cameras: gate is a canary's .*give the canary a camera"):
        policy(watchlists={"sought": sought, "test": rule})
    fits = replace(sought, cameras={"hall": 0.7})
    assert policy(watchlists={"sought": fits, "test": rule}).canaries == {"test": "gate"}
