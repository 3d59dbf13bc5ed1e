"""Numbers and names as a dashboard shows them."""

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime

_STEPS = ((1e9, "G"), (1e6, "M"), (1e3, "k"))
_BYTES = ((2.0**40, "TiB"), (2.0**30, "GiB"), (2.0**20, "MiB"), (2.0**10, "KiB"))
_SECONDS = ((86400 * 2, 86400, "d"), (7200, 3600, "h"), (120, 60, "min"))
_LABEL = re.compile(r"\{\{\s*(\w+)\s*\}\}")


def readable(value: float, unit: str) -> str:
    """A number with its unit, by Grafana's name for that; a dash for none."""
    if not math.isfinite(value):
        return "-"
    if unit == "s":
        return _seconds(value)
    if unit == "percentunit":
        return f"{_short(100 * value)} %"
    if unit == "bytes":
        return _scaled(value, _BYTES) or f"{value:.0f} B"
    if unit == "dateTimeAsIso":
        return f"{datetime.fromtimestamp(value / 1000, UTC):%Y-%m-%d %H:%M}"
    return f"{_scaled(value, _STEPS) or _short(value)}{'/s' if unit == 'cps' else ''}"


def base_of(value: float, unit: str) -> float:
    """The unit that such a number is read in, as part of its own: 60 where minutes are read and seconds are meant."""
    sizes: dict[str, list[float]] = {"s": [size for _, size, _ in _SECONDS], "bytes": [size for size, _ in _BYTES]}
    return next((size for size in sizes.get(unit, []) if value >= 2 * size), 1.0)


def named(legend: str, labels: Mapping[str, str]) -> str:
    """The name of a series: its legend filled in or, where there is none, what its labels say."""
    if legend == "__auto":
        return ", ".join(text for name, text in sorted(labels.items()) if name != "deployment")
    return _LABEL.sub(lambda found: labels.get(found[1], ""), legend)


def _seconds(value: float) -> str:
    for least, size, unit in _SECONDS:
        if abs(value) >= least:
            return f"{_short(value / size)} {unit}"
    if value == 0 or abs(value) >= 1:
        return f"{_short(value)} s"
    if abs(value) >= 1e-3:
        return f"{_short(1e3 * value)} ms"
    return f"{_short(1e6 * value)} µs"


def _scaled(value: float, steps: tuple[tuple[float, str], ...]) -> str | None:
    for size, unit in steps:
        if abs(value) >= size:
            return f"{_short(value / size)} {unit}"
    return None


def _short(value: float) -> str:
    """Three digits, and no zeros that say nothing."""
    if value == round(value) or abs(value) >= 100:
        return f"{value:.0f}"
    return f"{value:.3g}"
