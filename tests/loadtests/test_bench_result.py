import json
from dataclasses import replace
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from loadtests.bench import bench
from loadtests.bench_result import FORM, BenchResult, Compared, json_option, read_result, result, save
from loadtests.quiet import Gate, Load, look

RATIO = Compared("ours / theirs", (0.9, 0.98, 0.95), at_least=0.95)
SLOW = Compared("longest", (3.0, 5.0), at_most=3.5, unit="ms")
FOUND = BenchResult("pipeline", "beholden bench pipeline", "2026-11-26", {"cores": 2}, {"python": "3.11.7"}, [RATIO])


@pytest.mark.parametrize(
    ("compared", "reached", "asked", "found"),
    [
        (RATIO, True, "at least 0.95", "0.950 (0.900 to 0.980)"),
        (replace(RATIO, at_least=0.96), False, "at least 0.96", "0.950 (0.900 to 0.980)"),
        (SLOW, False, "at most 3.5 ms", "4 ms (3 to 5)"),
        (replace(SLOW, at_most=4.0), True, "at most 4 ms", "4 ms (3 to 5)"),
        (Compared("alone", (1234.5,)), None, "", "1,234"),
    ],
)
def test_what_is_asked_and_what_was_found(compared: Compared, reached: bool | None, asked: str, found: str) -> None:
    """The median counts; nothing asked is neither reached nor missed."""
    assert (compared.is_reached, compared.asked, compared.found) == (reached, asked, found)


def test_a_result_comes_back_from_its_file(tmp_path: Path) -> None:
    """With all that was in it; the file also has what can be computed."""
    file = tmp_path / "found.json"
    whole = replace(FOUND, compared=[RATIO, SLOW], samples={"fps": [1.5]}, taken=4, rejected=["too loud"])
    save(whole, file)
    assert read_result(file) == whole
    ratio = json.loads(file.read_text())["ratios"][0]
    assert (ratio["median"], ratio["min"], ratio["max"]) == (0.95, 0.9, 0.98)


@pytest.mark.parametrize(
    "content",
    ["", "[]", "{}", '{"form": "other.v1"}', json.dumps({"form": FORM, "ratios": [{"name": "without rounds"}]})],
)
def test_another_file_is_refused(content: str, tmp_path: Path) -> None:
    """With what would have written such a file."""
    file = tmp_path / "found.json"
    file.write_text(content)
    with pytest.raises(ValueError, match="is not what 'beholden bench NAME --json FILE' writes"):
        read_result(file)


@click.command("numbers")
@click.option("--rounds", type=int, default=5)
@click.option("--rows", type=int, multiple=True, default=(1, 2))
@click.option("--models", type=click.Path(path_type=Path))
@click.option("--check", is_flag=True)
@json_option
def numbers(rounds: int, rows: tuple[int, ...], models: Path | None, check: bool, file: Path | None) -> None:
    """A benchmark."""
    gate = Gate(look, sleep=lambda _: None, patience_s=0.0, attempts=1)
    gate.take(lambda: (1.0, Load(1.0, 0.0, 0.5, 0.0)))
    save(result([RATIO, Compared("never", ())], {"rounds": rounds}, gate, packages=["no-such-package"]), file)


def test_the_command_is_told_as_somebody_else_would_give_it(tmp_path: Path) -> None:
    """What was given, but for the file that was written and folders above one that was read."""
    file = tmp_path / "found.json"
    given = ["--rows", "10", "--rows", "20", "--models", str(tmp_path / "my models"), "--check", "--json", str(file)]
    assert CliRunner().invoke(numbers, given).exit_code == 0
    found = read_result(file)
    assert found.command == "beholden bench numbers --rows 10 --rows 20 --models 'my models' --check"
    assert str(tmp_path) not in file.read_text()


def test_a_result_names_the_machine_and_what_was_rejected(tmp_path: Path) -> None:
    """What was never compared is left out, and of what is not installed nothing is said."""
    file = tmp_path / "found.json"
    assert CliRunner().invoke(numbers, ["--json", str(file)]).exit_code == 0
    found = read_result(file)
    assert [each.name for each in found.compared] == ["ours / theirs"]
    assert {"processor", "cores", "memory", "system"} == set(found.machine)
    assert {"python", "numpy"} <= set(found.versions)
    assert "no-such-package" not in found.versions
    assert (found.taken, len(found.rejected)) == (1, 1)


@pytest.mark.parametrize("name", [name for name in bench.commands if name != "compare"])
def test_every_benchmark_writes_its_result(name: str) -> None:
    """In the same form, by the same option."""
    assert "--json" in {option for parameter in bench.commands[name].params for option in parameter.opts}
