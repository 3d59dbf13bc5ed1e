"""All dashboards and rules, against the catalogue of metrics and the files that are kept of them."""

import re
from collections import defaultdict
from pathlib import Path

import yaml
from click.testing import CliRunner

from cluster.cli import beholden
from cluster.telemetry.boards.panels import Needs
from cluster.telemetry.boards.promql import filled, grown, mean, rate, within
from cluster.telemetry.boards.rules import Alarm, Recorded, write
from cluster.telemetry.boards.shelf import GROUPS, RULES_FILE, expressions, files
from cluster.telemetry.catalogue import CATALOGUE
from cluster.telemetry.metric import Kind
from tests.rule_cases import CASES

KEPT = Path(__file__).parents[4] / "configs" / "telemetry"
RULES = [rule for group in GROUPS for rule in group.rules]
ALARMS = [rule for rule in RULES if isinstance(rule, Alarm)]
EXPRESSIONS = list(expressions())


def metrics_in(expr: str) -> set[str]:
    """Names of metrics of beholden's own, without those that rules record."""
    return set(re.findall(r"(?<![\w:])beholden_[a-z_]+(?![\w:])", expr))


def series_of(name: str) -> set[str]:
    """What a metric is called where it is fetched."""
    is_histogram = CATALOGUE[name].kind is Kind.HISTOGRAM
    return {f"{name}_{each}" for each in ("bucket", "sum", "count")} if is_histogram else {name}


def test_the_kept_files_are_those_that_are_written() -> None:
    """`beholden boards export configs/telemetry` writes them anew."""
    assert {path.name: path.read_text() for path in KEPT.iterdir()} == files()


def test_no_expression_names_a_metric_that_there_is_not() -> None:
    """Nor one in another form than it is fetched in."""
    there = set().union(*map(series_of, CATALOGUE))
    unknown = {each.where: found for each in EXPRESSIONS if (found := metrics_in(each.expr) - there)}
    assert not unknown
    assert sum(bool(metrics_in(each.expr)) for each in EXPRESSIONS) > 150


def test_every_recorded_series_is_recorded() -> None:
    """What is asked for under a name with colons has a rule."""
    recorded = {rule.name for rule in RULES if isinstance(rule, Recorded)}
    asked = set().union(*(re.findall(r"[a-z_]+:[a-z_]+:[a-z0-9]+", each.expr) for each in EXPRESSIONS))
    assert asked
    assert asked <= recorded


def test_every_metric_is_looked_at() -> None:
    """On a board or by a rule, but for the one of which another says the same."""
    asked = set().union(*(metrics_in(each.expr) for each in EXPRESSIONS))
    unasked = {name for name in CATALOGUE if not series_of(name) & asked}
    assert unasked == {"beholden_canary_last_alert_timestamp_seconds"}


def test_expressions_have_no_variables_left_and_say_what_they_need() -> None:
    """Whoever evaluates them needs no Grafana."""
    assert not [each for each in EXPRESSIONS if "$" in each.expr.replace('"$1"', "")]
    needy = defaultdict(set)
    for each in EXPRESSIONS:
        if each.needs:
            needy[each.needs].add(each.where)
    assert all("GPU" in where for where in needy[Needs.GPU])
    assert len(needy[Needs.GPU]) == 2
    assert {each.where for each in EXPRESSIONS if "ray_" in each.expr} == needy[Needs.RAY]


def test_every_alarm_says_who_is_told_and_where_to_read_on() -> None:
    """Address or folder of the runbooks is put before each name."""
    document = yaml.safe_load(write(GROUPS, "https://wiki.example/runbooks"))
    alarms = [rule for group in document["groups"] for rule in group["rules"] if "alert" in rule]
    assert len(alarms) == len(ALARMS)
    for rule in alarms:
        assert rule["alert"].startswith("Beholden")
        assert rule["labels"]["severity"] in ("page", "ticket")
        assert rule["annotations"]["runbook_url"] == f"https://wiki.example/runbooks/{rule['alert']}.md"


def test_every_rule_is_tried_both_ways() -> None:
    """An alarm that nobody has seen come, or stay away, is none: tests/integration/test_alarms.py tries them."""
    tried = defaultdict(set)
    for case in CASES:
        tried[f"Beholden{case.alarm}", case.severity].add(bool(case.fires))
    assert set(tried) == {(rule.name, str(rule.severity)) for rule in ALARMS}
    assert all(ways == {True, False} for ways in tried.values())


def test_a_summary_names_only_labels_that_its_alarm_has() -> None:
    """Another would be empty in whatever wakes somebody."""
    has = defaultdict(set)
    for case in CASES:
        has[f"Beholden{case.alarm}", case.severity].update({"deployment"}, *case.fires)
    for rule in ALARMS:
        named = set(re.findall(r"\$labels\.(\w+)", rule.summary))
        assert named <= has[rule.name, str(rule.severity)], rule.summary


def test_the_command_writes_all_files_into_a_folder(tmp_path: Path) -> None:
    """And names them."""
    done = CliRunner().invoke(beholden, ["boards", "export", str(tmp_path / "new"), "--runbooks", "https://w.example/"])
    assert done.exit_code == 0, done.output
    assert {path.name for path in (tmp_path / "new").iterdir()} == set(files())
    assert "runbook_url: https://w.example/BeholdenShardDown.md" in (tmp_path / "new" / RULES_FILE).read_text()
    assert len(done.output.splitlines()) == len(files())


def test_promql_is_filled_in() -> None:
    """The few forms that panels are made of."""
    assert rate("m_total", 'a="b"', by="c") == (
        'sum by (c) (rate(m_total{deployment=~"$deployment", a="b"}[$__rate_interval]))'
    )
    assert filled(grown("m_total"), "1m", "2h") == (
        'round (sum by (deployment) (increase(m_total{deployment=~".*"}[2h])))'
    )
    assert within(0.99, "h", by="s").startswith("histogram_quantile(0.99, sum by (le, s) (rate(h_bucket")
    assert mean("h").count("rate(h_") == 2
