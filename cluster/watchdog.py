"""Calls that may never return, given up after a time."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

T = TypeVar("T")


class GivenUp(Exception):
    """A call has not returned in time; whether it has done its work is unknown."""


def within(timeout_s: float, call: Callable[[], T]) -> T:
    """What `call` returns or raises, on a thread of its own.

    A call that is given up goes on: its thread stays, idle, until the call returns or the process ends. Whatever it
    works with must not be used again.

    Args:
        timeout_s: Longest wait, seconds.
        call: What may hang.

    Raises:
        GivenUp: It has not returned within `timeout_s`.
    """
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(call())
        except BaseException as error:  # noqa: BLE001 - raised again where it is waited for
            future.set_exception(error)

    threading.Thread(target=run, name="watched", daemon=True).start()
    try:
        return future.result(timeout_s)
    except TimeoutError:
        if future.done():
            raise
        raise GivenUp(f"no answer within {timeout_s:g} s") from None
