"""Alarms, by Prometheus' own tool: each comes when it is to, and only then."""

import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from cluster.observe.prometheus import HOW_TO_GET
from cluster.telemetry.boards.shelf import RULES_FILE, export
from tests.rule_cases import CASES, Case, promtool

pytestmark = pytest.mark.integration
PROMTOOL = shutil.which("promtool")
ABSENT = next(str(case) for case in CASES if not case.courses)
needs_promtool = pytest.mark.skipif(PROMTOOL is None, reason=f"no rule was tried, promtool comes with it: {HOW_TO_GET}")


@pytest.fixture(scope="module")
def failed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What promtool says of each case that fails, by its name."""
    folder = tmp_path_factory.mktemp("rules")
    export(folder)
    test = folder / "test.yaml"
    test.write_text(yaml.safe_dump(promtool(CASES, RULES_FILE), width=1000))
    done = subprocess.run([str(PROMTOOL), "test", "rules", str(test)], capture_output=True, text=True, timeout=600)
    assert done.returncode in (0, 1), done.stderr
    failures = re.split(r"^ +expr: ", done.stdout + done.stderr, flags=re.MULTILINE)[1:]
    numbers = [re.search(r'deployment=\\"(\d+)', text.partition("\n")[0]) for text in failures]
    names = [str(CASES[int(number[1])]) if number else ABSENT for number in numbers]
    found = dict(zip(names, failures, strict=True))
    assert bool(found) == bool(done.returncode), done.stdout + done.stderr
    return found


@needs_promtool
@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_alarm_comes_when_it_is_to(case: Case, failed: dict[str, str]) -> None:
    """And does not otherwise."""
    assert str(case) not in failed, failed[str(case)]


@needs_promtool
def test_promtool_takes_the_rules(tmp_path: Path) -> None:
    """`promtool check rules`."""
    export(tmp_path)
    done = subprocess.run([str(PROMTOOL), "check", "rules", RULES_FILE], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "80 rules found" in done.stdout


@needs_promtool
def test_a_wrong_expectation_would_be_seen(tmp_path: Path) -> None:
    """The positive control: each case fails that is turned round."""
    export(tmp_path)
    turned = [replace(case, fires=[] if case.fires else [{}]) for case in CASES[::12]]
    (tmp_path / "test.yaml").write_text(yaml.safe_dump(promtool(turned, RULES_FILE)))
    done = subprocess.run([str(PROMTOOL), "test", "rules", "test.yaml"], cwd=tmp_path, capture_output=True, text=True)
    assert (done.stdout + done.stderr).count(" expr: ") == len(turned)
