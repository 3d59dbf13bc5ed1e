"""OpenTelemetry reads some fifty variables, OTEL_...: where to send, how much, with which headers. Here none counts."""

import os

PREFIX = "OTEL_"


def forget_variables() -> None:
    """Take them out of the environment of this process: what is sent where stands in the cluster file alone.

    Call it before OpenTelemetry is imported, since some are read then.
    """
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        del os.environ[name]
