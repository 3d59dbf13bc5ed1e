"""`beholden bench`: how fast it is, always as a ratio of two things measured in one run."""

import click

from loadtests.bench_cameras import cameras_command
from loadtests.bench_ceiling import ceiling_command
from loadtests.bench_churn import churn_command
from loadtests.bench_compare import compare_command
from loadtests.bench_decode import decode_command
from loadtests.bench_delivery import delivery_command
from loadtests.bench_index import index_command
from loadtests.bench_kafka import kafka_command
from loadtests.bench_node import node_command
from loadtests.bench_overload import overload_command
from loadtests.bench_peers import peers_command
from loadtests.bench_people import people_command
from loadtests.bench_pipeline import pipeline
from loadtests.bench_shards import shards_command
from loadtests.bench_telemetry import telemetry_command
from loadtests.load.generator_command import generator_command


@click.group()
def bench() -> None:
    """Measure how fast it is, as ratios that hold on any machine."""


bench.add_command(pipeline)
bench.add_command(cameras_command)
bench.add_command(ceiling_command)
bench.add_command(churn_command)
bench.add_command(compare_command)
bench.add_command(decode_command)
bench.add_command(delivery_command)
bench.add_command(generator_command)
bench.add_command(index_command)
bench.add_command(kafka_command)
bench.add_command(node_command)
bench.add_command(overload_command)
bench.add_command(peers_command)
bench.add_command(people_command)
bench.add_command(shards_command)
bench.add_command(telemetry_command)
