from dataclasses import replace
from pathlib import Path

from loadtests.bench_result import BenchResult, Compared, read_result
from loadtests.performance_page import PAGE, RESULTS, page, whole_page

HERE = {"processor": "Some CPU", "cores": 2, "memory": "23 GiB", "system": "Linux"}
FOUND = BenchResult(
    name="pipeline",
    command="beholden bench pipeline --rounds 5",
    date="2026-11-26",
    machine=HERE,
    versions={"python": "3.11.7"},
    compared=[Compared("cluster / bare loop", (0.9, 0.94, 0.96), at_least=0.95), Compared("strict", (0.9,))],
    taken=35,
    rejected=["too loud"],
)


def test_the_page_is_that_of_its_results() -> None:
    """Otherwise: python -m loadtests.performance_page."""
    assert PAGE.read_text() == whole_page()


def test_every_result_is_called_like_its_benchmark() -> None:
    """So that a page's name says what is on it, and a baseline is found."""
    files = list(RESULTS.glob("*.json"))
    assert files, "no result is there: beholden bench NAME --json docs/performance/NAME.json"
    for file in files:
        assert file.stem.split("-")[0] == read_result(file).name


def test_a_row_says_what_was_asked_and_reached(tmp_path: Path) -> None:
    """What was missed is bold; where nothing is asked, nothing is missed."""
    more = tmp_path / "performance-pipeline.md"
    more.write_text("# How fast the whole cluster is\n\nText.\n")
    found = page([FOUND], [more])
    place, command = "[1](#machines), 2026-11-26", "`beholden bench pipeline --rounds 5`"
    assert f"| cluster / bare loop | at least 0.95 | **0.940 (0.900 to 0.960)** | {place} | {command} |" in found
    assert f"| strict |  | 0.900 | {place} | {command} |" in found
    assert "1. Some CPU, 2 cores, 23 GiB; Linux\n" in found
    assert f"| {command} | 35 | 1 | python 3.11.7 |" in found
    assert "- [How fast the whole cluster is](performance-pipeline.md)" in found


def test_a_machine_is_told_once() -> None:
    """Two runs on one machine share its number; with a GPU it is another machine."""
    other = replace(FOUND, machine={**HERE, "gpu": "Some GPU"})
    found = page([FOUND, other, FOUND], [])
    assert found.count("Some CPU") == 2
    assert found.count("[1](#machines)") == 4
    assert found.count("[2](#machines)") == 2
