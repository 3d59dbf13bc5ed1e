"""Where this user's files lie: what is running, and what was fetched."""

import os
from pathlib import Path


def state_folder() -> Path:
    """What runs is written down here: under XDG_STATE_HOME or ~/.local/state."""
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "beholden"


def cache_folder() -> Path:
    """What was fetched is kept here: under XDG_CACHE_HOME or ~/.cache."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "beholden"
