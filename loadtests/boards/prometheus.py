"""What a Prometheus has of an expression."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.error import URLError
from urllib.parse import urlencode, urlsplit
from urllib.request import urlopen

import numpy as np
import numpy.typing as npt

from operators.errors import SettingsRefused

Float64 = npt.NDArray[np.float64]
TIMEOUT_S = 30.0


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """One series over time.

    Attributes:
        labels: What tells it from others.
        at_s: (n,) float64, seconds since 1970.
        values: (n,) float64.
    """

    labels: Mapping[str, str]
    at_s: Float64
    values: Float64


@dataclass(frozen=True, slots=True)
class Window:
    """The time that is shown, seconds since 1970."""

    begin_s: float
    end_s: float
    step_s: float


class Ask(Protocol):
    """Evaluates an expression over a window."""

    def __call__(self, expr: str, window: Window) -> Sequence[Series]:
        """The series that it gives."""


def asking(address: str) -> Ask:
    """Asks the Prometheus at an address such as `http://127.0.0.1:9090`.

    Raises:
        SettingsRefused: It is no address of one. So does the answer, if there is none.
    """
    if urlsplit(address).scheme not in ("http", "https"):
        raise SettingsRefused(f"{address!r}: must be the address of a Prometheus, such as http://127.0.0.1:9090")

    def ask(expr: str, window: Window) -> Sequence[Series]:
        about = {"query": expr, "start": window.begin_s, "end": window.end_s, "step": window.step_s}
        try:
            with urlopen(f"{address}/api/v1/query_range?{urlencode(about)}", timeout=TIMEOUT_S) as answer:  # noqa: S310 - scheme checked
                return series_of(json.load(answer))
        except (URLError, OSError) as error:
            raise SettingsRefused(f"{address} does not evaluate {expr!r}: {error}") from None

    return ask


def series_of(answer: Mapping[str, Any]) -> list[Series]:
    """The series of an answer of Prometheus' `query_range`."""
    return [
        Series(
            {name: text for name, text in each["metric"].items() if name != "__name__"},
            np.array([float(at) for at, _ in each["values"]]),
            np.array([float(value) for _, value in each["values"]]),
        )
        for each in answer["data"]["result"]
    ]
