"""What a Prometheus rule is made of, and how it is written."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import yaml

RUNBOOKS = "docs/runbooks"


class Severity(StrEnum):
    """Who is told, and when."""

    PAGE = "page"  # somebody is woken
    TICKET = "ticket"  # somebody looks at it on the next working day


@dataclass(frozen=True, slots=True)
class Condition:
    """Something that is compared.

    Attributes:
        value: PromQL that has a value whether or not anything is wrong.
        holds: Comparison, as `> 60`.
        on: Labels by which it is brought together with the condition before it.
    """

    value: str
    holds: str
    on: str = "deployment"

    def __str__(self) -> str:
        """As PromQL."""
        return f"({self.value}) {self.holds}"


@dataclass(frozen=True, slots=True)
class Alarm:
    """An alarm.

    Attributes:
        name: Also the name of its page in docs/runbooks; an alarm of two severities has two rules and one page.
        severity: See `Severity`.
        summary: One sentence, with labels as `{{ $labels.camera }}`.
        either: Ways in which it can be wrong; each is conditions that must all hold.
        lasts: For how long.
    """

    name: str
    severity: Severity
    summary: str
    either: tuple[tuple[Condition, ...], ...]
    lasts: str = "0s"

    @property
    def expr(self) -> str:
        """As PromQL."""
        return "\nor\n".join(_all(conditions) for conditions in self.either)

    @property
    def values(self) -> list[str]:
        """PromQL that always has a value."""
        return [condition.value for conditions in self.either for condition in conditions]


@dataclass(frozen=True, slots=True)
class Recorded:
    """A series that Prometheus computes as time goes on.

    Attributes:
        name: `level:metric:operation`.
        expr: PromQL.
        labels: Put on each of its series.
    """

    name: str
    expr: str
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Group:
    """Rules that are evaluated one after the other, every so often."""

    name: str
    rules: tuple[Alarm | Recorded, ...]
    every: str = "30s"


def write(groups: Sequence[Group], runbooks: str = RUNBOOKS) -> str:
    """A rule file of Prometheus, YAML.

    Args:
        groups: What is in it.
        runbooks: Where the pages are: an address or a folder.
    """
    document = {"groups": [_group(group, runbooks) for group in groups]}
    return yaml.dump(document, Dumper=_Dumper, sort_keys=False, width=1000, allow_unicode=True)


def _all(conditions: Sequence[Condition]) -> str:
    text = str(conditions[0])
    for condition in conditions[1:]:
        text += f"\nand on ({condition.on}) {condition}"
    return text


def _group(group: Group, runbooks: str) -> dict[str, Any]:
    return {"name": group.name, "interval": group.every, "rules": [_rule(rule, runbooks) for rule in group.rules]}


def _rule(rule: Alarm | Recorded, runbooks: str) -> dict[str, Any]:
    if isinstance(rule, Recorded):
        return {"record": rule.name, "expr": rule.expr, **({"labels": dict(rule.labels)} if rule.labels else {})}
    return {
        "alert": rule.name,
        "expr": rule.expr,
        **({"for": rule.lasts} if rule.lasts != "0s" else {}),
        "labels": {"severity": str(rule.severity)},
        "annotations": {"summary": rule.summary, "runbook_url": f"{runbooks}/{rule.name}.md"},
    }


class _Dumper(yaml.SafeDumper):
    """Expressions of several lines stay so."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)
