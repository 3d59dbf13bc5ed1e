"""Where telemetry goes. Without this section of the cluster file nothing is sent and nothing listens."""

from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import urlsplit


class LogForm(StrEnum):
    """How a line of a log is written."""

    TEXT = "text"
    JSON = "json"


@dataclass(frozen=True, slots=True)
class TraceSettings:
    """Traces: the way of one frame.

    Attributes:
        otlp: Address of a collector that speaks OTLP over HTTP, http://HOST:4318; None: no traces. /v1/traces is added.
        share: Part of all frames whose traces are kept whatever becomes of them. Those of alerts, of errors and of
            frames that are later than `objective_ms` are always kept. 1 keeps all, which costs throughput.
    """

    otlp: str | None = None
    share: float = 0.01

    def __post_init__(self) -> None:
        _be_address("otlp", self.otlp)
        if not 0 <= self.share <= 1:
            raise ValueError(f"share: must be from 0 to 1, found {self.share}")


@dataclass(frozen=True, slots=True)
class MetricSettings:
    """Metrics: counts and sizes of the whole cluster.

    Attributes:
        otlp: Address of a collector that speaks OTLP over HTTP, http://HOST:4318; None: none are sent. /v1/metrics is
            added.
        every_s: Time between two sendings.
        listen: HOST:PORT on which Prometheus may fetch them; None: nothing listens.
    """

    otlp: str | None = None
    every_s: float = 10.0
    listen: str | None = None

    def __post_init__(self) -> None:
        _be_address("otlp", self.otlp)
        if not self.every_s > 0:
            raise ValueError(f"every_s: must be above 0, found {self.every_s}")
        if self.listen is not None:
            host_and_port(self.listen)


@dataclass(frozen=True, slots=True)
class TelemetrySettings:
    """What leaves the processes about their own work. It decides about nobody.

    Attributes:
        objective_ms: Latency objective: how old a frame may be when its alert can be read. Traces of
            frames that are older when they are decided are kept.
        traces: The way of one frame.
        metrics: Counts and sizes.
        logs: How lines of logs are written.
    """

    objective_ms: int = 1000
    traces: TraceSettings = field(default_factory=TraceSettings)
    metrics: MetricSettings = field(default_factory=MetricSettings)
    logs: LogForm = LogForm.TEXT

    def __post_init__(self) -> None:
        if self.objective_ms < 1:
            raise ValueError(f"objective_ms: must be at least 1, found {self.objective_ms}")


def host_and_port(text: str) -> tuple[str, int]:
    """The two parts of HOST:PORT; an IPv6 address stands in brackets.

    Raises:
        ValueError: It is not that.
    """
    try:
        parts = urlsplit(f"//{text}")
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
    if not host or port is None or parts.netloc != text or "@" in text:
        raise ValueError(f"listen: must be HOST:PORT, found {text!r}")
    return host, port


def signal_address(otlp: str, signal: str) -> str:
    """Where one kind of telemetry is sent to, as OTLP over HTTP has it.

    Args:
        otlp: Address of the collector.
        signal: `traces` or `metrics`.
    """
    return f"{otlp.rstrip('/')}/v1/{signal}"


def _be_address(name: str, address: str | None) -> None:
    if address is None:
        return
    try:
        parts = urlsplit(address)
        is_address = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_address = False
    if not is_address or parts.query or parts.fragment:
        raise ValueError(f"{name}: must be http://HOST:PORT or https://HOST:PORT")
    if parts.username is not None or parts.password is not None:
        raise ValueError(f"{name}: must hold no password: whoever reads the cluster file would know it")
