"""What a dashboard is made of, whatever draws it."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from enum import StrEnum

COLUMNS = 24  # of Grafana's grid


class Kind(StrEnum):
    """How a panel shows its series, by Grafana's names."""

    LINES = "timeseries"
    NUMBER = "stat"
    TABLE = "table"
    HEATMAP = "heatmap"


class Unit(StrEnum):
    """Of the numbers on a panel, by Grafana's names."""

    PLAIN = "short"
    SECONDS = "s"
    SHARE = "percentunit"
    BYTES = "bytes"
    A_SECOND = "cps"
    TIME = "dateTimeAsIso"


class Needs(StrEnum):
    """What a panel has data from beside beholden itself."""

    GPU = "gpu"
    RAY = "ray"


@dataclass(frozen=True, slots=True)
class Query:
    """One PromQL expression.

    Attributes:
        expr: It may hold `$deployment` and `$__rate_interval`.
        legend: Name of each series, with labels as `{{camera}}`.
        exemplars: Whether single observations with their trace are shown beside it.
        is_limit: Whether it is what the others are held against, drawn dashed; its legend holds no label.
    """

    expr: str
    legend: str = ""
    exemplars: bool = False
    is_limit: bool = False


@dataclass(frozen=True, slots=True)
class Limits:
    """From where a number is coloured.

    Attributes:
        warn: Yellow from here.
        bad: Red from here.
    """

    warn: float
    bad: float

    @property
    def low_is_bad(self) -> bool:
        """Whether small numbers are the bad ones."""
        return self.bad < self.warn


@dataclass(frozen=True, slots=True)
class Panel:
    """One picture on a dashboard.

    Attributes:
        title: What it shows.
        advice: What to do when it looks wrong; commands in backticks.
        queries: What is drawn.
        kind: How.
        unit: Of its numbers.
        width: Columns of 24.
        height: Rows of 30 px.
        limits: From where its numbers are coloured; a line is drawn there.
        stacked: Whether series are put on each other.
        words: Words in place of numbers.
        needs: What it has no data without.
    """

    title: str
    advice: str
    queries: tuple[Query, ...]
    kind: Kind = Kind.LINES
    unit: Unit = Unit.PLAIN
    width: int = 8
    height: int = 8
    limits: Limits | None = None
    stacked: bool = False
    words: dict[float, str] = field(default_factory=dict)
    needs: Needs | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """Panels under one heading, placed from left to right."""

    title: str
    panels: tuple[Panel, ...]


@dataclass(frozen=True, slots=True)
class Board:
    """One dashboard.

    Attributes:
        uid: For ever: links go by it.
        title: Its name.
        question: What it answers.
        rows: Its panels.
    """

    uid: str
    title: str
    question: str
    rows: tuple[Row, ...]

    @property
    def panels(self) -> Iterator[Panel]:
        """All of them, as they are read."""
        for row in self.rows:
            yield from row.panels


@dataclass(frozen=True, slots=True)
class Place:
    """Where a panel is: columns from the left, rows from the top."""

    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Placed:
    """A panel or, where there is none, the heading of a row."""

    title: str
    place: Place
    panel: Panel | None = None


def place(board: Board) -> list[Placed]:
    """All headings and panels with their places: no two overlap, and none is wider than the grid."""
    placed, y = list[Placed](), 0
    for row in board.rows:
        placed.append(Placed(row.title, Place(0, y, COLUMNS, 1)))
        x, y, tallest = 0, y + 1, 0
        for panel in row.panels:
            if x + panel.width > COLUMNS:
                x, y, tallest = 0, y + tallest, 0
            placed.append(Placed(panel.title, Place(x, y, panel.width, panel.height), panel))
            x, tallest = x + panel.width, max(tallest, panel.height)
        y += tallest
    return placed


def number(title: str, advice: str, expr: str, unit: Unit = Unit.PLAIN, limits: Limits | None = None) -> Panel:
    """A panel that shows one number, small."""
    return Panel(title, advice, (Query(expr),), Kind.NUMBER, unit, width=4, height=4, limits=limits)


def with_words(panel: Panel, words: dict[float, str]) -> Panel:
    """The panel with words in place of numbers."""
    return replace(panel, words=words)
