"""What it costs to ask index shards instead of searching in one's own process, and what the loss of one does."""

import os
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click
import numpy as np
from rich.console import Console
from rich.table import Table

from cluster.shards.layout import Replica
from loadtests.bench_index import DIMENSION, THRESHOLD, draw
from loadtests.bench_report import machine, tell_rejected
from loadtests.bench_result import Compared, json_option, result, save
from loadtests.quiet import Gate, Load, Snapshot, load
from loadtests.shard_loss import INCOMPLETE, WHOLE, WRONG, Course, course
from loadtests.stopwatch import mean_s
from operators.types import Float32, Hit

if TYPE_CHECKING:
    from loadtests.shard_cluster import ShardCluster  # it loads Ray, for which no other benchmark should wait

QUERIES, K, SHARDS = 32, 3, 4
MOST_MORE_MS = 4.0
_BATCHES = 40  # different ones, in turn
_SEARCHES = 80  # of each way, in one sample
_PATIENCE_S = 60.0
Search = Callable[[Float32, int, float], list[list[Hit]]]
Values = list[list[tuple[str, str, str, float]]]
Pair = tuple[list[float], list[float]]
"""Milliseconds of searches in this process, and of the same searches over shards."""


@dataclass(frozen=True, slots=True)
class Found:
    """Everything about one number of rows.

    Attributes:
        rows: In the list.
        queries: Whose answers were held against each other.
        pairs: Searches of both ways, one pair a quiet round.
        differ: Queries with another answer.
        courses: After a kill, with one replica of each shard and with two.
        reasons: Why rounds were rejected.
    """

    rows: int
    queries: int
    pairs: Sequence[Pair]
    differ: int
    courses: Sequence[Course]
    reasons: Sequence[str] = ()

    @property
    def more_ms(self) -> list[float]:
        """How much longer the median search over shards took, round by round."""
        return [float(np.median(other) - np.median(own)) for own, other in self.pairs]


def values(hits: Sequence[Sequence[Hit]]) -> Values:
    """What counts of an answer; the generation names the shard and so differs."""
    return [[(hit.entry, hit.entry_digest, hit.watchlist, hit.cosine) for hit in row] for row in hits]


def disagreements(own: Search, other: Search, batches: Sequence[Float32]) -> int:
    """Queries whose answers differ in anything that counts."""
    pairs = [(values(own(asked, K, THRESHOLD)), values(other(asked, K, THRESHOLD))) for asked in batches]
    return sum(ours != theirs for one, two in pairs for ours, theirs in zip(one, two, strict=True))


def compare(
    own: Search, other: Search, batches: Sequence[Float32], searches: int, look: Callable[[], Snapshot]
) -> tuple[Pair, Load]:
    """Search in both ways, in turn."""
    before, own_ms, other_ms = look(), list[float](), list[float]()
    for number in range(searches):
        asked = batches[number % len(batches)]
        own_ms.append(_took_ms(partial(own, asked, K, THRESHOLD)))
        other_ms.append(_took_ms(partial(other, asked, K, THRESHOLD)))
    return (own_ms, other_ms), load(before, look())


def verdict(found: Found, strict: bool) -> list[str]:
    """What was asked and is not so.

    Args:
        found: One number of rows.
        strict: Also what is only slow or did not come back; wrong answers always count.
    """
    missed = [f"{found.differ} queries have another answer"] if found.differ else []
    missed += [
        f"{each.count(WRONG)} answers were not whole after one of {each.replicas} replicas was lost"
        for each in found.courses
        if each.count(WRONG)
    ]
    if not strict:
        return missed
    if (more := float(np.median(found.more_ms))) > MOST_MORE_MS:
        missed.append(f"shards take {more:.2f} ms longer, at most {MOST_MORE_MS} are asked")
    for each in found.courses:
        if each.replicas > 1 and (failed := each.count(INCOMPLETE)):
            missed.append(f"{failed} searches failed after one of {each.replicas} replicas was lost")
        if max(each.again_s, each.rebuilt_s) == float("inf"):
            missed.append(f"one of {each.replicas} replicas was lost and did not come back")
    return missed


@click.command("shards")
@click.option("--rows", type=click.IntRange(1), multiple=True, default=(10_000, 100_000), show_default=True)
@click.option("--threads", type=click.IntRange(1), default=os.cpu_count() or 1, show_default=True, help="In process.")
@click.option("--rounds", type=click.IntRange(1), default=5, show_default=True)
@click.option("--check", is_flag=True, help="Fail when a floor is missed.")
@json_option
def shards_command(rows: tuple[int, ...], threads: int, rounds: int, check: bool, file: Path | None) -> None:
    """Search four shards on four nodes of this machine, against a search in this process; then kill a shard.

    Each shard searches with one thread. Exits with 1 when an answer is wrong or, with --check, when anything else that
    is asked is missed; with 2 when the machine was not quiet.
    """
    console = Console()
    tell = partial(console.print, style="bright_black", highlight=False)
    missed: list[str] = []
    every: list[Found] = []
    for size in sorted(rows):
        found = _measure(size, threads, rounds, console, tell)
        every.append(found)
        show(found, console)
        if not found.pairs:
            raise SystemExit(2)
        missed += [f"{size:,} rows: {each}" for each in verdict(found, strict=check)]
    about = machine() | {"threads": f"{threads} in process, 1 in each of {SHARDS} shards on as many nodes"}
    console.print(", ".join(f"{name} {value}" for name, value in about.items()), highlight=False)
    reasons = [why for each in every for why in each.reasons]
    taken = sum(len(each.pairs) for each in every) + len(reasons)
    timed = {str(each.rows): each.pairs for each in every}
    save(replace(result(compared(every), timed), taken=taken, rejected=reasons), file)
    for why in missed:
        console.print(f"[bold red]{why}")
    raise SystemExit(1 if missed else 0)


def compared(found: Sequence[Found]) -> list[Compared]:
    """What is compared at each number of rows."""
    both = []
    for each in found:
        longer = f"shards longer than in the process, p50, {each.rows:,} rows"
        both += [
            Compared(longer, tuple(each.more_ms), at_most=MOST_MORE_MS, unit="ms"),
            Compared(f"other answers over shards, {each.rows:,} rows", (float(each.differ),), at_most=0.0),
        ]
    return both


def show(found: Found, console: Console) -> None:
    """Print one number of rows."""
    table = Table(f"searches of {QUERIES} queries, ms", "p50", "p95", title=f"{found.rows:,} rows of {DIMENSION}")
    for name, column in (("in this process", 0), (f"over {SHARDS} shards", 1)):
        if found.pairs:
            ms = np.percentile(np.concatenate([pair[column] for pair in found.pairs]), [50, 95])
            table.add_row(name, *(f"{each:.2f}" for each in ms))
    console.print(table)
    if found.pairs:
        more = found.more_ms
        console.print(f"shards take {np.median(more):.2f} ms longer at p50 ({min(more):.2f} to {max(more):.2f})")
    console.print(f"{found.differ} of {found.queries:,} queries have another answer")
    for each in found.courses:
        counts = ", ".join(f"{each.count(outcome)} {outcome}" for outcome in (WHOLE, INCOMPLETE, WRONG))
        slowest = max((one.ms for one in each.tried if one.outcome == WHOLE), default=float("nan"))
        console.print(
            f"replicas: {each.replicas}; one killed: {counts}; answered again after {each.again_s:.1f} s, "
            f"slowest answer {slowest:.0f} ms; its successor was ready after {each.rebuilt_s:.1f} s"
        )


def _measure(size: int, threads: int, rounds: int, console: Console, tell: Callable[[str], None]) -> Found:
    """One number of rows, from an empty topic to the last kill."""
    from loadtests.shard_cluster import in_process, listed, sharded

    held, asked = draw(size, QUERIES * _BATCHES)
    batches = np.split(asked, _BATCHES)
    with listed(held, SHARDS, tell) as (plan, records):
        generation = in_process(records, plan.contract.digest, threads)
        own = partial(generation.search, now=datetime.now(UTC))
        with sharded(plan, tell) as cluster:
            gate = Gate(cluster.look, told=partial(tell_rejected, console))
            with cluster.search() as search:
                differ = disagreements(own, search, batches)
                sample = partial(compare, own, search, batches, _SEARCHES, cluster.look)
                pairs = [pair for _ in range(rounds) if (pair := gate.take(sample))]
            courses = []
            for replicas in (1, 2):
                cluster.use(replicas)
                with cluster.search() as search:
                    courses.append(_lose(cluster, replicas, search, batches[0]))
    return Found(size, len(asked), pairs, differ, courses, gate.reasons)


def _lose(cluster: "ShardCluster", replicas: int, search: Search, asked: Float32) -> Course:
    """Kill the replica of the first shard that is asked, and search on."""
    whole = values(search(asked, K, THRESHOLD))
    victim = str(Replica(0, SHARDS, 0))
    pid = cluster.ready()[victim]
    os.kill(pid, signal.SIGKILL)
    return course(
        lambda: values(search(asked, K, THRESHOLD)),
        whole,
        replicas,
        lambda: cluster.ready().get(victim, pid) != pid,
        _PATIENCE_S,
    )


def _took_ms(call: Callable[[], object]) -> float:
    return 1000 * mean_s(call)
