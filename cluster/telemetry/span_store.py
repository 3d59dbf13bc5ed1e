"""Spans that were received, in one SQLite file, for as long and as many as were agreed."""

import json
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cluster.telemetry import names
from cluster.telemetry.unix_time import LATEST_NS
from operators.errors import SettingsRefused

KEEP_S = 24 * 3600.0
KEEP_SPANS = 500_000  # some 300 MB
TRIM_EVERY = 2_000  # spans between two looks at what is too old or too much, and seconds
TRIM_EVERY_S = 60.0
_BESIDE = ("-wal", "-shm")  # SQLite's own files beside it
_SCHEMA = """
    CREATE TABLE IF NOT EXISTS span (
        trace_id TEXT NOT NULL, span_id TEXT NOT NULL, parent_id TEXT, name TEXT NOT NULL, kind TEXT NOT NULL,
        began_ns INTEGER NOT NULL, ended_ns INTEGER NOT NULL, process TEXT NOT NULL, attributes TEXT NOT NULL,
        error TEXT, age_ms REAL, alert_id TEXT, PRIMARY KEY (trace_id, span_id)
    );
    CREATE INDEX IF NOT EXISTS span_began ON span (began_ns);
    CREATE INDEX IF NOT EXISTS span_alert ON span (alert_id) WHERE alert_id IS NOT NULL;
    CREATE INDEX IF NOT EXISTS span_age ON span (age_ms) WHERE age_ms IS NOT NULL;
"""
_COLUMNS = "trace_id, span_id, parent_id, name, kind, began_ns, ended_ns, process, attributes, error"


@dataclass(frozen=True, slots=True)
class StoredSpan:
    """A span as it was received.

    Attributes:
        trace_id: 32 hexadecimal digits.
        span_id: 16.
        parent_id: 16; None for the first of a trace.
        name: What was done.
        kind: See `spans.Kind`.
        began_ns: Unix nanoseconds.
        ended_ns: Unix nanoseconds.
        process: Which process: service, instance, machine and process id.
        attributes: What it says.
        error: Of which kind the failure was; None when it did not fail.
    """

    trace_id: str
    span_id: str
    parent_id: str | None
    name: str
    kind: str
    began_ns: int
    ended_ns: int
    process: Mapping[str, Any] = field(default_factory=dict)
    attributes: Mapping[str, Any] = field(default_factory=dict)
    error: str | None = None


class SpanStore:
    """Received spans. Thread-safe; several processes may read while one writes.

    Args:
        file: Where; made when it is missing.
        keep_s: How long spans are kept.
        keep_spans: How many of them.
        now_s: Gives the present, Unix seconds.

    Raises:
        SettingsRefused: The file is no such store.
    """

    def __init__(
        self,
        file: Path,
        keep_s: float = KEEP_S,
        keep_spans: int = KEEP_SPANS,
        now_s: Callable[[], float] = time.time,
    ) -> None:
        self._keep_s = keep_s
        self._keep_spans = keep_spans
        self._now_s = now_s
        self._added = 0
        self._trimmed_s = now_s()
        self._lock = threading.Lock()
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.touch(mode=0o600)
            self._database = sqlite3.connect(file, isolation_level=None, timeout=5.0, check_same_thread=False)
            self._database.execute("PRAGMA journal_mode = WAL")
            self._database.execute("PRAGMA synchronous = NORMAL")
            self._database.executescript(_SCHEMA)
            for each in (file, *(Path(f"{file}{name}") for name in _BESIDE)):
                if each.exists():  # from before, perhaps for all to read
                    each.chmod(0o600)
            self._trim()
        except (sqlite3.Error, OSError) as error:
            raise SettingsRefused(f"{file}: no store of traces ({error}): name another file with --store") from None

    def add(self, spans: Sequence[StoredSpan]) -> None:
        """Keep these, all or none; one that is there already is replaced.

        Raises:
            ValueError: One of them has no time that can be kept, or says what cannot be.
            sqlite3.Error: The file takes nothing.
        """
        processes = {id(span.process): span.process for span in spans}  # spans that came together are of one
        texts = {key: json.dumps(dict(process)) for key, process in processes.items()}
        rows = [_row(span, texts[id(span.process)]) for span in spans]
        with self._lock, self._database:  # rolls back whatever goes wrong
            self._database.execute("BEGIN")
            self._database.executemany(
                f"INSERT OR REPLACE INTO span ({_COLUMNS}, age_ms, alert_id) VALUES (?,?,?,?,?,?,?,?,?,?,?,?)",  # noqa: S608
                rows,
            )
            self._added += len(spans)
            if self._added >= TRIM_EVERY or self._now_s() - self._trimmed_s >= TRIM_EVERY_S:
                self._trim()

    def trace(self, trace_id: str) -> list[StoredSpan]:
        """All spans of a trace, by when they began."""
        return self._select("WHERE trace_id = ? ORDER BY began_ns, ended_ns DESC", trace_id)

    def of_alert(self, alert_id: str) -> str | None:
        """The trace in which an alert was written, the last one if it was written more than once."""
        return self._first("SELECT trace_id FROM span WHERE alert_id = ? ORDER BY began_ns DESC LIMIT 1", alert_id)

    def slowest(self, limit: int) -> list[StoredSpan]:
        """Spans of the frames that were oldest when they were decided."""
        return self._select("WHERE age_ms IS NOT NULL ORDER BY age_ms DESC LIMIT ?", limit)

    def errors(self, limit: int) -> list[StoredSpan]:
        """The last spans that failed."""
        return self._select("WHERE error IS NOT NULL ORDER BY began_ns DESC LIMIT ?", limit)

    def latest(self, limit: int) -> list[StoredSpan]:
        """Spans of the last frames."""
        return self._select("WHERE age_ms IS NOT NULL ORDER BY began_ns DESC LIMIT ?", limit)

    def __len__(self) -> int:
        with self._lock:
            return int(self._database.execute("SELECT count(*) FROM span").fetchone()[0])

    def close(self) -> None:
        """Let go of the file; what is too old by now does not stay in it."""
        with self._lock:
            with suppress(sqlite3.Error):  # the next one to open it tries again
                self._trim()
            self._database.close()

    def _select(self, where: str, *values: object) -> list[StoredSpan]:
        with self._lock:
            rows: Iterable[tuple[Any, ...]] = self._database.execute(
                f"SELECT {_COLUMNS} FROM span {where}",  # noqa: S608 - our own texts
                values,
            ).fetchall()
        return [_span(row) for row in rows]

    def _first(self, question: str, *values: object) -> str | None:
        with self._lock:
            row = self._database.execute(question, values).fetchone()
        return str(row[0]) if row else None

    def _trim(self) -> None:
        """Take out what is too old, and the oldest of what is too much."""
        self._added, self._trimmed_s = 0, self._now_s()
        oldest_ns = int((self._now_s() - self._keep_s) * 1e9)
        self._database.execute("DELETE FROM span WHERE began_ns < ?", (oldest_ns,))
        self._database.execute(
            "DELETE FROM span WHERE began_ns < (SELECT began_ns FROM span ORDER BY began_ns DESC LIMIT 1 OFFSET ?)",
            (self._keep_spans - 1,),
        )


def _span(row: tuple[Any, ...]) -> StoredSpan:
    said = dict(zip(_COLUMNS.split(", "), row, strict=True))
    return StoredSpan(**{**said, **{name: json.loads(said[name]) for name in ("process", "attributes")}})


def _row(span: StoredSpan, process: str) -> tuple[object, ...]:
    if not (0 <= span.began_ns <= LATEST_NS and 0 <= span.ended_ns <= LATEST_NS):
        raise ValueError("a span begins and ends between 1970 and 2262")
    return (
        *(span.trace_id, span.span_id, span.parent_id, span.name, span.kind, span.began_ns, span.ended_ns),
        *(process, json.dumps(dict(span.attributes)), span.error),
        *(span.attributes.get(names.AGE_MS), span.attributes.get(names.MESSAGE_ID)),
    )
