from typing import Any

import pytest

from operators.decide import WatchlistRule
from operators.models import Adapter, People
from operators.policy import ModelChoice, unfit_models
from tests.builders import policy


@pytest.mark.parametrize("digest", ["", "a" * 63, "a" * 65, "A" * 64, "g" * 64, " " + "a" * 63])
def test_a_model_is_named_by_a_whole_digest(digest: str) -> None:
    """64 lower-case hexadecimal digits, nothing else."""
    with pytest.raises(ValueError, match="sha256"):
        ModelChoice("m", digest)


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
        ({"cameras": ("gate", "hall", "gate")}, "cameras"),
        ({"cameras": ("gate",)}, r"watchlists\.sought\.cameras.*hall"),
    ],
)
def test_a_policy_that_contradicts_itself_is_refused(changes: dict[str, Any], named: str) -> None:
    """The message names the field."""
    with pytest.raises(ValueError, match=named):
        policy(**changes)


def test_the_lowest_threshold_is_the_lowest_of_all_lists_and_cameras() -> None:
    """Searches are cut there: a higher value would lose matches."""
    rules = {
        "a": WatchlistRule("p", ("missing",), 30, 0.7, 0.2, {"gate": 0.4}),
        "b": WatchlistRule("p", ("missing",), 30, 0.5, 0.3),
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
