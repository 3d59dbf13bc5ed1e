"""Which release of this software runs."""

from functools import cache
from importlib.metadata import version


@cache
def software() -> str:
    """Its version; it does not change while a process lives, and to look it up reads files."""
    return version("beholden")
