"""docs/reliability.md from the suite's own records: `python -m tests.faults.report docs/reliability.jsonl`."""

import json
import statistics
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

HEAD = """# What faults do

Written by `python -m tests.faults.report {records}` from the records of `tests/faults/suite.py`, one
line for each run; not by hand. A run: {passages} listed people walk by cameras, three frames each, 20 frames
a second, while the fault happens at a random moment. A generator knows every alert that is due, and a checker that
reads the topic `alerts` alone holds it against that. The cluster: two recognisers and two index shards of two replicas,
on two Ray nodes and one Kafka broker, all on one machine of two cores. It is not put right between runs but by itself.

- **lost**: passages without an alert. **doubled**: passages with alerts of different ids, which a reader that gives
  each id once gives twice. **wrong**: alerts about who was not there.
- **written twice**: records beyond the first of the same id: what such a reader hides.
- **whole again**: from the end of the fault (of a kill, from the kill) until the last alert that came more than half a
  second after its frame; 0 when none did.

What these runs have found is mended: decisions [0009](decisions/0009-living-with-kafka-python.md),
[0015](decisions/0015-delivery.md) and, so that others take over at once,
[0035](decisions/0035-an-end-is-heard-at-once.md) and [0038](decisions/0038-recognisers-that-stand-by.md); sections
tell of before and after, and of recognisers that stand by. That the checker finds what is there to find is shown by a
bug that is planted into a running cluster, frames committed before their alerts are published:
`tests/integration/test_faults.py`. Two hosts with a cable that is pulled: `tests/integration/test_two_hosts.py`.

`make faults` (17.5 minutes here) begins with ten thousand simulated schedules, in 93 s; a minute was asked. Each takes
18 ms of processor time, for it leads some 50 frames through real pipelines, disturbed and undisturbed, in 130 steps of
0.1 ms. No part of that is above a fifth; without garbage collection it was 5 % less, with larger batches for the
undisturbed one nothing.
"""
MEASURED = ("lost", "doubled", "wrong")


def render(records: Sequence[dict[str, Any]], source: str) -> str:
    """The page.

    Args:
        records: Of runs, as the suite writes them.
        source: The name of their file.
    """
    parts = [HEAD.format(records=source, passages=_common(each["verdict"]["expected"] for each in records))]
    for delivery in sorted({each["delivery"] for each in records}):
        runs = [each for each in records if each["delivery"] == delivery]
        parts += [f"## `delivery: {delivery}`", "", *_table(runs), "", _sum(runs), ""]
    about = sorted({(each["delivery"], each["machine"], each["at"]) for each in records})
    parts += ["Machine, versions and date of the runs:", ""]
    parts += [*(f"- `{delivery}`: {machine}; {at}" for delivery, machine, at in about), ""]
    return "\n".join(parts)


def render_soaks(soaks: Sequence[dict[str, Any]]) -> str:
    """What grows, of soaks as `tests/faults/soak.py` records them; each is a section."""
    parts = []
    for each in soaks:
        rows = [
            f"| {name} | {found['kib_a_minute']:+.1f} ± {found['error']:.1f} | {first} to {last} |"
            for name, found in each["processes"].items()
            for first, last in [found["files"]]
        ]
        parts += [
            f"## {each['minutes']:g} minutes without a fault",
            "",
            "`python -m tests.faults.soak`: the same cluster and the same traffic all the time. The slope of each",
            "process' own memory in the second half, with its error of 95 %.",
            f"{each['at']}, seed {each['seed']}; {each['machine']}.",
            "",
            "| process | KiB a minute | open files |",
            "| --- | ---: | ---: |",
            *rows,
            "",
        ]
    return "\n".join(parts)


def _table(runs: Sequence[dict[str, Any]]) -> list[str]:
    by_fault = defaultdict(list)
    for each in runs:
        by_fault[each["fault"]].append(each)
    names = ["fault", "runs", "passages", *MEASURED, "written twice", "whole again: p50", "longest, s", "seeds"]
    lines = ["| " + " | ".join(names) + " |", "| --- |" + " ---: |" * (len(names) - 2) + " --- |"]
    for fault, found in by_fault.items():
        verdicts = [each["verdict"] for each in found]
        seconds = [each["recovery_s"] for each in found]
        seeds = [each["seed"] for each in found]
        cells = [fault, len(found), sum(each["expected"] for each in verdicts)]
        cells += [sum(len(each[name]) for each in verdicts) for name in MEASURED]
        cells += [sum(each["repeated"] for each in verdicts)]
        cells += [f"{statistics.median(seconds):.1f}", f"{max(seconds):.1f}", f"{min(seeds)} to {max(seeds)}"]
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    return lines


def _sum(runs: Sequence[dict[str, Any]]) -> str:
    counts = Counter({name: sum(len(each["verdict"][name]) for each in runs) for name in MEASURED})
    passages = sum(each["verdict"]["expected"] for each in runs)
    said = ", ".join(f"**{counts[name]} {name}**" for name in MEASURED)
    return f"Together: {len(runs)} runs, {passages:,} passages: {said}."


def _common(values: Any) -> str:
    found = sorted(set(values))
    return str(found[0]) if len(found) == 1 else f"{found[0]} to {found[-1]}"


@click.command()
@click.argument("records", type=click.Path(exists=True, path_type=Path))
@click.option("--soaks", type=click.Path(path_type=Path), default="docs/soaks.jsonl", show_default=True)
@click.option("--page", type=click.Path(path_type=Path), default="docs/reliability.md", show_default=True)
def main(records: Path, soaks: Path, page: Path) -> None:
    """Write the page."""
    page.write_text("\n".join((render(_read(records), str(records)), render_soaks(_read(soaks)))))


def _read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


if __name__ == "__main__":
    main()
