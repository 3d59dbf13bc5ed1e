"""Writes docs/performance.md from what benchmarks have found: `python -m loadtests.performance_page`."""

from collections.abc import Sequence
from pathlib import Path

from loadtests.bench_result import BenchResult, Compared, read_result

DOCS = Path(__file__).resolve().parent.parent / "docs"
RESULTS, PAGE = DOCS / "performance", DOCS / "performance.md"
_HEAD = """\
# How fast it is, and what was asked

Ratios of two things that were measured in turn in one run, so that they say something on other machines, too. Medians
of all rounds, with the smallest and the largest round in brackets. What is **bold** is not as asked.

"""
_FOOT = """
## The same again

Each command above, with `--json FILE`, writes such a run. The runs that this page was made from lie in
[performance/](performance); `python -m loadtests.performance_page` makes it anew, and a test fails when it was not.

    beholden bench compare docs/performance/NAME.json                  # measures again, on the same kind of machine
    beholden bench compare docs/performance/NAME.json --with FILE      # compares a run that was made before
    make compare                                                       # all of them, one after the other

exits with 1 when a median has become worse by more than rounds differ in one of the two runs (largest less smallest,
3 % of the median at least), with 2 when that cannot be said: too little was quiet, rounds differ by more than 40 % of
the median, something could not be measured, or the processor is another one. Of two runs of the same thing with five
rounds each, 2 in 1,000 are called worse, and of those that have become worse by four times the standard deviation of a
round, 86 in 100 are. Where one round is all there is, what is asked is the limit; where nothing is asked, that cannot
be said. `make compare` looks at all runs, names at the end those that could not be compared, and fails when one is
worse or none was compared.

## Pages
"""


def page(results: Sequence[BenchResult], pages: Sequence[Path]) -> str:
    """The whole page, as Markdown.

    Args:
        results: What was found, in the order in which it is to be read.
        pages: Pages that say more.
    """
    machines = _machines(results)
    lines = ["| ratio | asked | reached | machine | command |", "| --- | --- | --- | --- | --- |"]
    for each in results:
        place = f"[{machines.index(_machine(each)) + 1}](#machines), {each.date}"
        lines += [_row(compared, place, each.command) for compared in each.compared]
    lines += ["", "## Machines", ""]
    lines += [f"{number}. {machine}" for number, machine in enumerate(machines, 1)]
    lines += ["", "## Runs", "", "| command | samples | rejected | versions |", "| --- | ---: | ---: | --- |"]
    lines += [f"| `{each.command}` | {each.taken} | {len(each.rejected)} | {_versions(each)} |" for each in results]
    links = "\n".join(f"- [{_title(file)}]({file.name})" for file in pages)
    return _HEAD + "\n".join(lines) + "\n" + _FOOT + "\n" + links + "\n"


def whole_page() -> str:
    """The page of all results in `RESULTS`."""
    results = [read_result(file) for file in sorted(RESULTS.glob("*.json"))]
    return page(results, sorted(DOCS.glob("performance-*.md")))


def _row(compared: Compared, place: str, command: str) -> str:
    found = f"**{compared.found}**" if compared.is_reached is False else compared.found
    return f"| {compared.name} | {compared.asked} | {found} | {place} | `{command}` |"


def _machines(results: Sequence[BenchResult]) -> list[str]:
    """Each once, in the order of its first result."""
    return list(dict.fromkeys(_machine(each) for each in results))


def _machine(result: BenchResult) -> str:
    on = result.machine
    gpu = f", {on['gpu']}" if "gpu" in on else ""
    return f"{on['processor']}, {on['cores']} cores, {on['memory']}{gpu}; {on['system']}"


def _versions(result: BenchResult) -> str:
    return ", ".join(f"{name} {version}" for name, version in result.versions.items())


def _title(file: Path) -> str:
    return file.read_text().splitlines()[0].removeprefix("# ")


if __name__ == "__main__":
    PAGE.write_text(whole_page())
