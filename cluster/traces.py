"""What may be written down of an error, and kept with it, in a process that has faces in its memory."""

import traceback

from operators.errors import BeholdenError


def trace_of(error: BaseException) -> str:
    """Where it was raised and of which kind it is. Others' texts may hold what they were given, ours never do."""
    places = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(error.__traceback__)]
    said = f": {error}" if isinstance(error, BeholdenError) else ""
    return f"{type(error).__name__}{said} at {' < '.join(reversed(places))}"


def forget_frames(error: BaseException) -> None:
    """Forget what the functions that an error has left knew: pixels and vectors would live for as long as it does."""
    each: BaseException | None = error
    while each is not None:
        traceback.clear_frames(each.__traceback__)
        each = each.__context__
