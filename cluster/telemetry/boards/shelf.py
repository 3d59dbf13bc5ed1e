"""All dashboards and rules, every expression in them, and the files they are written to."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cluster.telemetry.boards import alarms, index, objectives, overview, pipeline, policy, substrate
from cluster.telemetry.boards.grafana import dashboard
from cluster.telemetry.boards.panels import Needs
from cluster.telemetry.boards.promql import filled
from cluster.telemetry.boards.rules import RUNBOOKS, Alarm, write

BOARDS = (overview.BOARD, pipeline.BOARD, index.BOARD, policy.BOARD, substrate.BOARD)
GROUPS = (*objectives.GROUPS, *alarms.GROUPS)
RULES_FILE = "beholden.rules.yaml"
_ABOUT = "# Written by 'beholden boards export'; a test holds it against the code. 'promtool check rules' reads it.\n"


@dataclass(frozen=True, slots=True)
class Expression:
    """One PromQL expression that is shown or decided by.

    Attributes:
        where: The panel or rule that it is of.
        expr: As Prometheus takes it. Of an alarm: the values that it compares, which are there while all is well.
        needs: What it has no data without.
    """

    where: str
    expr: str
    needs: Needs | None = None


def expressions(interval: str = "1m", window: str = "1h") -> Iterator[Expression]:
    """Every expression of every dashboard and rule.

    Args:
        interval: Time over which rates are taken, at least four scrapes.
        window: Time that is shown.
    """
    for board in BOARDS:
        for panel in board.panels:
            for query in panel.queries:
                where = f"{board.uid}: {panel.title}"
                yield Expression(where, filled(query.expr, interval, window), panel.needs)
    for group in GROUPS:
        for rule in group.rules:
            for expr in rule.values if isinstance(rule, Alarm) else [rule.expr]:
                yield Expression(f"{group.name}: {rule.name}", expr)


def files(runbooks: str = RUNBOOKS) -> dict[str, str]:
    """Every file that is written, by name.

    Args:
        runbooks: Address or folder of the runbooks' pages, put into each alarm.
    """
    change = alarms.NEW_POLICY
    boards = {f"{board.uid}.json": json.dumps(dashboard(board, change), indent=1) + "\n" for board in BOARDS}
    return {**boards, RULES_FILE: _ABOUT + write(GROUPS, runbooks)}


def export(folder: Path, runbooks: str = RUNBOOKS) -> list[Path]:
    """Write every dashboard and the rules into a folder, which is made; the files."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, text in files(runbooks).items():
        path = folder / name
        path.write_text(text)
        written.append(path)
    return written
