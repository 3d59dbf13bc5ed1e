"""Tables that read the same on a terminal and on a page."""

from dataclasses import dataclass

from rich import box
from rich.table import Table


@dataclass(frozen=True, slots=True)
class Sheet:
    """A table.

    Attributes:
        title: What it shows.
        columns: Their headings; all but the first stand to the right.
        rows: Texts; an empty row is a line between others.
        notes: What must be read with it.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()

    def as_table(self) -> Table:
        """For a terminal."""
        table = Table(box=box.SIMPLE_HEAD, title=self.title, title_justify="left", title_style="bold")
        for at, column in enumerate(self.columns):
            table.add_column(column, justify="right" if at else "left", overflow="fold")
        for row in self.rows:
            table.add_row(*row) if row else table.add_section()
        return table

    def as_markdown(self) -> str:
        """For a page."""
        lines = [f"## {self.title}", "", _line(self.columns), _line(("---", *["---:"] * (len(self.columns) - 1)))]
        lines += [_line(row) for row in self.rows if row]
        lines += [f"\n{note}" for note in self.notes]
        return "\n".join(lines)


def _line(cells: tuple[str, ...]) -> str:
    return f"| {' | '.join(cells)} |"
