"""Calls that may never return, given up after a time, or the process with them."""

import faulthandler
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")

STANDARD_ERROR = 2  # the file itself: Ray and pytest put other things where Python keeps it


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


@contextmanager
def or_die(timeout_s: float | None) -> Iterator[None]:
    """End this process, at once and with nothing tidied up, should the block take longer; None lets it take for ever.

    Also when it hangs in native code that never lets Python go on: the clock runs outside the interpreter. Where every
    thread stood goes to standard error, by file and line and without any value. One such block at a time.
    """
    if timeout_s is None:
        yield
        return
    faulthandler.dump_traceback_later(timeout_s, exit=True, file=STANDARD_ERROR)
    try:
        yield
    finally:
        faulthandler.cancel_dump_traceback_later()
