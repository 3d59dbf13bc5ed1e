"""How stages are told apart by colour, in a terminal and on a page."""

from dataclasses import dataclass

from cluster.telemetry import names
from cluster.telemetry.waterfall import Row


@dataclass(frozen=True, slots=True)
class Look:
    """Colours of one kind of work.

    Attributes:
        label: What kind it is.
        terminal: In a terminal of 256 colours.
        light: On a light page.
        dark: On a dark page.
    """

    label: str
    terminal: str
    light: str
    dark: str


WAITING = Look("waiting", "grey50", "#b6bcc6", "#555c69")
SEEING = Look("seeing", "dodger_blue1", "#2f7de1", "#5aa2ff")
SEARCHING = Look("searching", "medium_purple2", "#8b5cd6", "#b18cf5")
DECIDING = Look("deciding", "orange1", "#e08a1e", "#f5b04d")
TELLING = Look("telling", "spring_green3", "#1f9d6b", "#43c997")
WHOLE = Look("all of it", "grey70", "#dfe3e8", "#3a404b")
FAILED = Look("failed", "red", "#d43d3d", "#ff6b6b")
LEGEND = (WAITING, SEEING, SEARCHING, DECIDING, TELLING)

_LOOKS = {
    **dict.fromkeys((names.IN_TOPIC, names.FOR_TURN, names.FOR_BATCH), WAITING),
    **dict.fromkeys((names.DECODE, names.DETECT, names.GATE, names.EMBED), SEEING),
    **dict.fromkeys((names.SEARCH, names.ASK_SHARD, names.SEARCH_SHARD), SEARCHING),
    **dict.fromkeys((names.DECIDE, names.EVIDENCE), DECIDING),
}


def look_of_name(name: str) -> Look:
    """The look of a stage by the name of its span."""
    return _LOOKS.get(name, TELLING)


def look_of(row: Row) -> Look:
    """The look of a row; what has parts is quiet."""
    if row.span.error:
        return FAILED
    is_whole = names.OUTCOME in row.span.attributes or row.depth == 0
    return WHOLE if is_whole or row.is_missing else look_of_name(row.span.name)


def shown_ms(ms: float) -> str:
    """A length of time, with as many digits as matter."""
    if ms >= 1000:
        return f"{ms / 1000:.2f} s"
    return f"{ms:.0f} ms" if ms >= 100 else f"{ms:.1f} ms" if ms >= 10 else f"{ms:.2f} ms"
