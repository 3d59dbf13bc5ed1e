"""`beholden bench`: how fast it is, always as a ratio of two things measured in one run."""

import importlib
import importlib.util

import click

from loadtests.bench_pipeline import pipeline


@click.group()
def bench() -> None:
    """Measure how fast it is, as ratios that hold on any machine."""


bench.add_command(pipeline)
if importlib.util.find_spec("loadtests.bench_decode"):
    bench.add_command(importlib.import_module("loadtests.bench_decode").decode_command)
