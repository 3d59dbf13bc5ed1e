"""What all tests share: repeatable properties, no Ray that nobody has asked for, and no terminal."""

import gc
import os
import signal
import threading
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

os.environ["RAY_ENABLE_AUTO_CONNECT"] = "0"  # else a call that a test forgets to replace starts one, in seconds
for variable in ("COLUMNS", "LINES", "FORCE_COLOR", "NO_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
    os.environ.pop(variable, None)  # what is printed is held against words, wherever tests are started from

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

SIGNALS = (signal.SIGINT, signal.SIGTERM)
LEAVE_S = 60.0  # for a thread that has been told to end, on a machine that has much else to do
STAY = "faiss"  # threads of searches, which are kept for the next one


@pytest.fixture(autouse=True)
def ends_its_threads(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Of a unit test no thread goes on: it would work in the place of the next one, without what this one replaced."""
    before = set(threading.enumerate())
    yield
    if request.node.get_closest_marker("integration"):
        return
    left = [each for each in threading.enumerate() if each not in before and not each.name.startswith(STAY)]
    for thread in left:
        thread.join(LEAVE_S)
    assert [thread.name for thread in left if thread.is_alive()] == []


@pytest.fixture(autouse=True)
def leaves_signals_alone() -> Iterator[None]:
    """What a command does when it is told to end, it does no longer once its test is over."""
    before = {each: signal.getsignal(each) for each in SIGNALS}
    yield
    for each, handler in before.items():
        signal.signal(each, handler)


def pytest_collection_finish() -> None:
    """What was collected stays: whoever collects garbage, as recognisers do, need not look through all of it."""
    gc.freeze()


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """No test is named by raw bytes: packed ones hold the second, and processes that share tests name them alike."""
    return argname if isinstance(val, bytes) and not val.isascii() else None
