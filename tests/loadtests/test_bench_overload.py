from collections import Counter
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import yaml

from cluster.policies.in_force import read_policy
from cluster.wire.text import format_time
from loadtests.bench_overload import Outcomes, percentile, policy_of
from loadtests.bench_pipeline import POLICY, policy_document
from loadtests.overload_passages import APART, IN_VIEW, WITHIN, Passages
from loadtests.quiet import Load
from operators.freshness import Rule
from tests.builders import NOW

GOOD = Outcomes(1.5, 90.0, 100, 60, {"superseded": 39}, 1, 39, 2, 450.0, 0.9, 10, 1.0, Load(1.0, 1.0, 0.0, 0.0))


def test_what_is_as_promised_has_no_fault() -> None:
    """At 3 times capacity nothing is promised of passages."""
    assert GOOD.faults() == []
    assert replace(GOOD, factor=3.0, found=0.2).faults() == []


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (replace(GOOD, p99_age_ms=1050.0), "p99 age is 1050 ms"),
        (replace(GOOD, smallest_share=0.79), "0.79 of its share"),
        (replace(GOOD, found=0.94), "0.940 of passages"),
        (replace(GOOD, published=101), "frames are missing"),
        (replace(GOOD, in_ledger=38), "the ledger has 38 frames and the account 39"),
        (replace(GOOD, p99_age_ms=float("nan")), "p99 age is nan"),
    ],
)
def test_each_promise_is_checked(fault: Outcomes, words: str) -> None:
    """By itself, and named."""
    [found] = fault.faults()
    assert words in found


def test_a_percentile_is_the_end_of_its_step() -> None:
    """Of nothing it is no number, which is within no bound."""
    assert percentile(Counter({50: 98, 100: 1, 950: 1}), 0.99) == 100.0
    assert percentile(Counter({50: 97, 100: 1, 950: 2}), 0.99) == 950.0
    assert percentile(Counter(), 0.99) != percentile(Counter(), 0.99)


def test_a_passage_is_found_by_an_alert_in_time() -> None:
    """About its own person, of a frame in which that person was to be seen."""
    passages = Passages({7: "anna", 9: "bert"}, [1, 2])
    seen = [passages.picture("gate", NOW + timedelta(seconds=at)) for at in (0, 1, 2, 3, 4)]
    assert seen[:2] == [7, 7]
    assert set(seen[2:4]) <= {1, 2}
    assert seen[4] == 9
    assert [(each.entry, each.begin) for each in passages.all] == [("anna", NOW), ("bert", NOW + APART)]
    for captured, alerted, entry, found in (
        (timedelta(), WITHIN, "anna", 0.5),
        (timedelta(), WITHIN + timedelta(milliseconds=1), "anna", 0.0),
        (IN_VIEW, WITHIN, "anna", 0.0),
        (timedelta(), WITHIN, "bert", 0.0),
    ):
        times = {"captured_at": format_time(NOW + captured), "alerted_at": format_time(NOW + alerted)}
        assert passages.found([{"camera": "gate", "entry": entry, **times}]) == found


def test_the_benchs_policy_is_one(tmp_path: Path) -> None:
    """With cameras of both rules, and the age of a street."""
    file = tmp_path / "policy.yaml"
    file.write_text(yaml.safe_dump(policy_of(policy_document(POLICY))))
    policy = read_policy(file).policy
    rules = Counter(policy.freshness.of(camera).rule for camera in policy.cameras)
    assert rules == {Rule.EVERY: 64, Rule.NEWEST: 64}
    assert policy.max_frame_age_ms == 1000
