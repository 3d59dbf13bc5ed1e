"""Lines of logs as JSON, for whoever collects them: keys from a list, and the trace of the frame that is at hand.

What a log call may be given is another list: see tests/promises/test_logs_name_nobody.py.
"""

import json
import logging
import os
import sys
from datetime import UTC, datetime
from typing import TextIO

from cluster.telemetry.context import parse_traceparent
from cluster.telemetry.settings import LogForm
from cluster.telemetry.stamps import AT_HAND
from cluster.wire.text import format_time

KEYS = ("at", "level", "logger", "message", "service", "instance", "pid", "trace_id", "traceback")
LONGEST_CHARACTERS = 4_000  # of a message or a traceback
OURS = "beholden"


class JsonLines(logging.Formatter):
    """Writes each record as one line of JSON. Of a record nothing counts but what `KEYS` names.

    Args:
        service: What the process is.
        instance: Which of them.
    """

    def __init__(self, service: str, instance: str) -> None:
        super().__init__()
        self._said = {"service": service, "instance": instance, "pid": os.getpid()}

    def format(self, record: logging.LogRecord) -> str:
        """See the class."""
        line = {
            "at": format_time(datetime.fromtimestamp(record.created, UTC)),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage()[:LONGEST_CHARACTERS],
            **self._said,
            "trace_id": _trace_at_hand(),
            "traceback": self.formatException(record.exc_info)[-LONGEST_CHARACTERS:] if record.exc_info else None,
        }
        return json.dumps({key: line[key] for key in KEYS if line[key] is not None}, ensure_ascii=False)


def write_logs(form: LogForm, service: str, instance: str, stream: TextIO | None = None) -> None:
    """Have this process write its logs so; as text they are left to Python and to Ray.

    Args:
        form: From the cluster file.
        service: What the process is.
        instance: Which of them.
        stream: Where to; by default standard error, which Ray keeps in a file for each process.
    """
    if form is LogForm.TEXT:
        return
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonLines(service, instance))
    log = logging.getLogger(OURS)
    log.handlers, log.propagate = [handler], False
    log.setLevel(logging.INFO)


def _trace_at_hand() -> str | None:
    entry = AT_HAND.get()
    context = entry and (entry.sender or parse_traceparent(entry.traceparent))
    return f"{context.trace_id:032x}" if context else None
