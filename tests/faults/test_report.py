from typing import Any

from tests.faults.report import render, render_soaks


def run(fault: str, seed: int, recovery_s: float, **verdict: Any) -> dict[str, Any]:
    """A record as the suite writes it."""
    found = {"expected": 24, "lost": [], "doubled": [], "wrong": [], "repeated": 0, **verdict}
    about = {"delivery": "at-least-once", "machine": "two cores", "at": "2026-01-31"}
    return {"fault": fault, "seed": seed, "recovery_s": recovery_s, "verdict": found, **about}


def test_every_fault_is_a_line_with_what_its_runs_have_left() -> None:
    """Counts are sums, times are the middle and the longest."""
    runs = [run("kill", 1, 1.0, lost=[["gate", "anna"]]), run("kill", 4, 2.0), run("kill", 3, 9.0, repeated=2)]
    page = render([*runs, run("none", 2, 0.0)], "records.jsonl")
    assert "| kill | 3 | 72 | 1 | 0 | 0 | 2 | 2.0 | 9.0 | 1 to 4 |" in page
    assert "| none | 1 | 24 | 0 | 0 | 0 | 0 | 0.0 | 0.0 | 2 to 2 |" in page
    assert "Together: 4 runs, 96 passages: **1 lost**, **0 doubled**, **0 wrong**." in page
    assert "- `at-least-once`: two cores; 2026-01-31" in page


def test_each_mode_has_a_table() -> None:
    """What one promises is not held against the other."""
    page = render([run("kill", 1, 1.0), {**run("kill", 2, 1.0), "delivery": "exactly-once"}], "records.jsonl")
    assert page.index("## `delivery: at-least-once`") < page.index("## `delivery: exactly-once`")


def test_a_soak_is_a_table_of_its_processes() -> None:
    """Slope, error, and files at the beginning and the end."""
    found = {"kib_a_minute": 12.34, "error": 5.0, "files": [40, 41]}
    page = render_soaks(
        [{"minutes": 30.0, "seed": 1, "machine": "two cores", "at": "2026-01-31", "processes": {"raylet 0": found}}]
    )
    assert "## 30 minutes without a fault" in page
    assert "| raylet 0 | +12.3 ± 5.0 | 40 to 41 |" in page
