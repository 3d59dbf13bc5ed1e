"""What all tests share: repeatable properties, and no Ray that nobody has asked for."""

import gc
import os

from hypothesis import HealthCheck, settings

os.environ["RAY_ENABLE_AUTO_CONNECT"] = "0"  # else a call that a test forgets to replace starts one, in seconds

# The same examples on every machine and every run; deadlines measure the machine, not the code.
settings.register_profile(
    "repeatable",
    derandomize=True,
    deadline=None,
    max_examples=40,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.load_profile("repeatable")


def pytest_collection_finish() -> None:
    """What was collected stays: whoever collects garbage, as recognisers do, need not look through all of it."""
    gc.freeze()
