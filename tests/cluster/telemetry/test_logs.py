"""Lines of logs as JSON: keys from a list, one line each, and the trace of the frame that is at hand."""

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from cluster.telemetry.context import TraceContext
from cluster.telemetry.logs import KEYS, LONGEST_CHARACTERS, OURS, write_logs
from cluster.telemetry.settings import LogForm
from cluster.telemetry.stamps import AT_HAND
from tests.builders import record
from tests.cluster.telemetry.lanes import Traced, lane

log = logging.getLogger("beholden.test")


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    """Other tests log as ever."""
    ours = logging.getLogger(OURS)
    handlers, propagate, level = list(ours.handlers), ours.propagate, ours.level
    yield
    ours.handlers, ours.propagate = handlers, propagate
    ours.setLevel(level)
    AT_HAND.set(None)


def _written(form: LogForm = LogForm.JSON) -> io.StringIO:
    stream = io.StringIO()
    write_logs(form, "recogniser", "recogniser-0", stream)
    return stream


def _lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_has_the_keys_that_are_listed_and_no_others() -> None:
    """Whatever else a record has been given; newlines and quotes are escaped."""
    stream = _written()
    log.warning('first "line"\nsecond %d', 2, extra={"entry": "Jane-Canary-Doe"})
    [line] = _lines(stream)
    assert set(line) == set(KEYS) - {"trace_id", "traceback"}
    assert line["message"] == 'first "line"\nsecond 2'
    assert (line["level"], line["logger"], line["instance"]) == ("warning", "beholden.test", "recogniser-0")
    assert "Canary" not in stream.getvalue()


def test_what_is_too_long_is_cut() -> None:
    """A log is no place for a document."""
    stream = _written()
    log.info("x" * 2 * LONGEST_CHARACTERS)
    assert len(_lines(stream)[0]["message"]) == LONGEST_CHARACTERS


def test_a_traceback_is_one_line_too() -> None:
    """Its end is what tells."""
    stream = _written()
    try:
        int("broken")
    except ValueError:
        log.exception("failed")
    [line] = _lines(stream)
    assert line["traceback"].endswith("'broken'")


def test_text_leaves_logs_alone() -> None:
    """As they were before there was a choice."""
    before = list(logging.getLogger(OURS).handlers)
    stream = _written(LogForm.TEXT)
    log.warning("said")
    assert stream.getvalue() == ""
    assert logging.getLogger(OURS).handlers == before


def test_lines_about_a_frame_name_its_trace() -> None:
    """While it is decided; afterwards no frame is at hand."""
    context = TraceContext(0xAB, 1)

    stream, traced = _written(), Traced()
    there = lane(traced)
    pipeline = there.pipeline()
    barred = pipeline._intake.is_barred

    def says(admitted: Any) -> bool:
        log.info("deciding")
        return barred(admitted)

    pipeline._intake.is_barred = says  # type: ignore[method-assign]
    there.source.records.append(record(b"stranger", headers={"traceparent": str(context).encode()}))
    pipeline.step(0)
    log.info("idle")
    traces = [line.get("trace_id") for line in _lines(stream)]
    assert f"{0xAB:032x}" in traces
    assert traces[-1] is None
