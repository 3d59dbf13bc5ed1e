"""What makes a verdict."""

from dataclasses import replace

import pytest

from loadtests.load.scenario import Limits
from loadtests.load.verdict import Found, judge

WHOLE = Found(
    lost=0,
    wrong=0,
    repeated=0,
    missed_share=0.0,
    dead_lettered=0,
    expected=10,
    again=0,
    is_replaced=False,
    shed_share=0.0,
    p50_ms=50.0,
    p95_ms=90.0,
    p99_ms=100.0,
    fps=20.0,
    memory_mib=500.0,
    limit=None,
)
ASKED = Limits(
    lost=0,
    wrong=0,
    repeated=0,
    missed_share=0.0,
    dead_lettered=0,
    shed_share=0.0,
    p50_ms=50.0,
    p95_ms=90.0,
    p99_ms=100.0,
    least_fps=20.0,
    memory_mib=500.0,
)


def test_what_is_just_within_every_limit_is_good() -> None:
    """Limits belong to what is allowed."""
    verdict = judge(WHOLE, ASKED)
    assert verdict.is_good
    assert len(verdict.findings) == 12
    assert str(verdict) == "as it should be"


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("lost", 1, "frames lost 1, asked at most 0"),
        ("lost", None, "frames lost not known, asked at most 0"),
        ("dead_lettered", 1, "frames dead-lettered 1, asked at most 0"),
        ("expected", 0, "passages of listed people 0, asked at least 1"),
        ("again", 1, "records written twice 1, asked at most 0"),
        ("is_replaced", True, "recognisers replaced some, asked none"),
        ("wrong", 1, "wrong alerts 1"),
        ("repeated", 2, "repeated alerts 2"),
        ("missed_share", 0.012, "passages missed 1.2%"),
        ("shed_share", 0.5, "frames shed 50.0%"),
        ("p50_ms", 51.0, "p50 51 ms, asked at most 50 ms"),
        ("p95_ms", 91.0, "p95 91 ms"),
        ("p99_ms", 101.0, "p99 101 ms"),
        ("p99_ms", None, "p99 no alert came"),
        ("fps", 19.9, "frames ended, whatever became of them 19.9/s, asked at least 20.0/s"),
        ("memory_mib", 501.0, "memory of recognisers 501 MiB"),
        ("memory_mib", None, "memory of recognisers not known"),
        ("limit", "it was late", "it was late"),
    ],
)
def test_each_limit_is_judged(name: str, value: object, said: str) -> None:
    """One that is broken is named with what was found."""
    verdict = judge(replace(WHOLE, **{name: value}), ASKED)
    assert not verdict.is_good
    assert said in str(verdict)
    assert len(verdict.broken) == (name != "limit")


def test_what_is_not_asked_is_not_judged() -> None:
    """Null leaves it out; what must be asked has no null."""
    loose = replace(ASKED, shed_share=None, p50_ms=None, p95_ms=None, p99_ms=None, least_fps=None, memory_mib=None)
    verdict = judge(replace(WHOLE, again=None, shed_share=1.0, p99_ms=None, fps=0.0, memory_mib=1e9), loose)
    assert verdict.is_good
    assert len(verdict.findings) == 5
