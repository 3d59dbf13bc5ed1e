from typing import Any

import pytest

from operators.freshness import CameraFreshness, FreshnessRule, Rule


@pytest.mark.parametrize(
    ("rule", "frames_per_s"),
    [(Rule.SAMPLE, None), (Rule.EVERY, 1.0), (Rule.NEWEST, 1.0), (Rule.SAMPLE, 0.0), (Rule.SAMPLE, 1001.0)],
)
def test_a_rate_belongs_to_sampling_alone(rule: Rule, frames_per_s: Any) -> None:
    """And is one that a camera can have."""
    with pytest.raises(ValueError, match="frames_per_s"):
        CameraFreshness(rule, frames_per_s)


def test_a_camera_may_have_a_rule_of_its_own() -> None:
    """All others have the common one."""
    own = CameraFreshness(Rule.SAMPLE, 2.0)
    rule = FreshnessRule(Rule.NEWEST, cameras={"hall": own})
    assert rule.of("hall") is own
    assert rule.of("gate").rule is Rule.NEWEST
