import io
import sys

import pytest
from click.testing import CliRunner
from rich.console import Console

from loadtests import bench_kafka, quiet
from loadtests.bench_bare import Work
from loadtests.bench_kafka import OURS, YARDSTICK, Client, compared, kafka_command, measure, table
from loadtests.quiet import Gate, Load

QUIET = Load(wall_s=5.0, own_cores=2.0, foreign_cores=0.0, stolen_cores=0.0)


def client(write_ms: float, read_ms: float, rate: float = 1000.0) -> Client:
    """One that takes so much processor time for each message."""
    return Client(Work(1000, 1000 / rate, write_ms), Work(1000, 1000 / rate, read_ms))


def test_a_message_is_written_and_read() -> None:
    """Both cost processor time."""
    assert client(0.1, 0.2).cpu_ms == pytest.approx(0.3)


def test_ratios_are_paired_by_round() -> None:
    """Of processor time at most so much is asked; of rates nothing."""
    rounds = [
        {OURS: client(0.2, 0.4, 500.0), YARDSTICK: client(0.1, 0.2)},
        {OURS: client(1, 1), YARDSTICK: client(2, 2)},
    ]
    cpu, written, read = compared(rounds)
    assert cpu.rounds == pytest.approx((2.0, 0.5))
    assert (cpu.at_most, cpu.is_reached) == (3.5, True)
    assert written.rounds == read.rounds == (0.5, 1.0)
    assert written.is_reached is None


def test_who_comes_first_alternates(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that neither always finds the broker warm."""
    monkeypatch.setattr(bench_kafka, "load", lambda before, after: QUIET)
    monkeypatch.setattr(bench_kafka, "look", lambda: None)
    asked: list[str] = []

    def ask(name: str) -> Client:
        asked.append(name)
        return client(0.1, 0.1)

    found = measure(ask, 2, Gate(quiet.look), Console(file=io.StringIO()))
    assert asked == [OURS, YARDSTICK, YARDSTICK, OURS]
    assert len(found) == 2
    console = Console(record=True, width=120)
    console.print(table(found, 100_000))
    assert "messages of 100,000 bytes" in console.export_text()


def test_without_the_yardstick_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before a broker is started."""
    monkeypatch.setitem(sys.modules, "confluent_kafka", None)
    refused = CliRunner().invoke(kafka_command, [])
    assert refused.exit_code == 1
    assert "pip install --target FOLDER confluent-kafka" in refused.output
