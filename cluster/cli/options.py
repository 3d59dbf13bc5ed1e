"""Options that several commands share."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import click

from cluster.wire.text import parse_time

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


def cluster_file(command: Callable[..., Any]) -> Callable[..., Any]:
    """`-f FILE`, required."""
    return click.option("-f", "--file", type=_FILE, required=True, metavar="FILE", help="Cluster file.")(command)


def kafka_place(command: Callable[..., Any]) -> Callable[..., Any]:
    """`--bootstrap` and `-f`, for commands that need a Kafka and nothing else."""
    command = click.option("-f", "--file", type=_FILE, metavar="FILE", help="Cluster file that names the Kafka.")(
        command
    )
    return click.option("--bootstrap", metavar="HOST:PORT", help="Kafka to talk to, instead of the cluster file's.")(
        command
    )


class Time(click.ParamType[datetime]):
    """A time with its zone, or a number of days from now such as `30d`."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """See the class."""
        if isinstance(value, datetime):
            return value
        try:
            if value.endswith("d") and value[:-1].isdigit():
                return datetime.now(UTC) + timedelta(days=int(value[:-1]))
            return parse_time(value)
        except (ValueError, OverflowError):
            self.fail(f"{value!r}: write a time as 2026-01-31T12:00:00Z, or days from now as 30d", param, ctx)


class Day(click.ParamType[date]):
    """A day."""

    name = "day"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> date:
        """See the class."""
        if isinstance(value, date):
            return value
        try:
            return date.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r}: write a day as 2026-01-31", param, ctx)
