"""`beholden evaluate`: how well a policy's detector and embedder do on people who do not exist."""

import os
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from cluster.plan import Plan
from loadtests.bench_result import command
from loadtests.evaluate.counts import Counts
from loadtests.evaluate.subjects import Cast
from loadtests.evaluate.verdicts import verdicts
from loadtests.temporary import CONFIGS

_FILE = click.Path(path_type=Path, dir_okay=False)
_FOLDER = click.Path(path_type=Path, file_okay=False)
_COUNT = click.IntRange(1)
_WIDTH = 100  # characters, where output is no terminal
_MACHINE = ("processor", "cores", "system", "python", "beholden", "onnxruntime", "opencv-python-headless", "numpy")


@click.command()
@click.option("--policy", type=_FILE, default=CONFIGS / "policies" / "demo-1.yaml", help="What is measured.")
@click.option("--manifests", type=_FOLDER, default=CONFIGS / "models", help="Manifests of its models.")
@click.option("--models", type=_FOLDER, default=CONFIGS / "models", help="Files of its models.")
@click.option("--enrolled", type=_COUNT, default=1000, show_default=True, help="People on the watchlist.")
@click.option("--mated", type=_COUNT, default=5, show_default=True, help="Probes of each of them.")
@click.option("--unlisted", type=_COUNT, default=10_000, show_default=True, help="Probes, each of somebody on no list.")
@click.option("--scenes", type=_COUNT, default=500, show_default=True, help="Street scenes for the detector.")
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True, help="Of everything but the people.")
@click.option("--workers", type=_COUNT, help="Processes; as many as cores when not given.")
@click.option("--json", "file", type=_FILE, help="Write everything there.")
@click.option("--plots", type=_FOLDER, help="Draw figures there.")
@click.option("--markdown", type=_FILE, help="Write the tables there, with links to the figures.")
@click.pass_context
def evaluate(
    ctx: click.Context,
    /,
    policy: Path,
    manifests: Path,
    models: Path,
    workers: int | None,
    file: Path | None,
    plots: Path | None,
    markdown: Path | None,
    **numbers: int,
) -> None:
    """Measure how well a policy's operators find and identify people who do not exist.

    Detection settings, gates and models are the policy's. The figures say nothing about real people. Exits
    with 1 when a floor is missed.
    """
    _require("scipy", *(["matplotlib"] if plots else []))
    from loadtests.evaluate.chain import plan_of
    from loadtests.evaluate.measure import measure
    from loadtests.evaluate.page import write_json, write_page
    from loadtests.evaluate.report import show

    console, begun = _console(), time.monotonic()
    counts, cast = _cast(numbers)
    plan = plan_of(policy, manifests, models)
    findings = measure(plan, counts, cast, workers or _cores(), _about(ctx, plan, plots is not None), console)
    drawn: list[Path] = []
    if plots:
        from loadtests.evaluate.plots import draw

        drawn = draw(findings, plots)
    if file:
        write_json(findings, file)
    if markdown:
        write_page(findings, markdown, drawn)
    show(findings, console)
    console.print(f"took {time.monotonic() - begun:.0f} s", highlight=False, style="bright_black")
    if any(not each.met for each in verdicts(findings) if each.is_floor):
        raise SystemExit(1)


def _cast(numbers: Mapping[str, int]) -> tuple[Counts, Cast]:
    try:
        counts = Counts(**numbers)
        return counts, Cast.of(counts)
    except ValueError as error:
        raise click.UsageError(str(error)) from None


def _console() -> Console:
    found = Console()
    return found if found.is_terminal else Console(width=_WIDTH)


def _require(*packages: str) -> None:
    missing = [package for package in packages if find_spec(package) is None]
    if missing:
        raise click.ClickException(
            f"{' and '.join(missing)} not installed; add the extra: pip install 'beholden[cpu,evaluate]'"
        )


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _about(ctx: click.Context, plan: Plan, plots: bool) -> dict[str, Any]:
    from loadtests.bench_report import machine

    policy, on = plan.in_force.policy, machine()
    packages = ("scipy", "matplotlib") if plots else ("scipy",)
    return {
        "command": command(ctx, "beholden"),
        "date": datetime.now(UTC).date().isoformat(),
        "policy": f"{policy.policy} of {policy.deployment}, digest {plan.in_force.digest}",
        "detector": f"{plan.detector.name}, sha256 {plan.detector.sha256}",
        "embedder": f"{plan.embedder.name}, sha256 {plan.embedder.sha256}",
        "seeds": "enrolled people from 100000, unlisted from 200000, people in scenes from 900000; streets from 300000 "
        f"(probes) and 400000 (scenes); everything else from {ctx.params['seed']}",
        **{name: on[name] for name in _MACHINE},
        **{package: version(package) for package in packages},
    }
