import dataclasses
from typing import Any

import pytest

from operators.retention import Kept, RetentionProfile, Withdrawn, lasts_ms

KEPT = Kept("22 h", "1 h", "24 h")
PROFILE = RetentionProfile(
    "uk-strict", "How long.", KEPT, KEPT, KEPT, KEPT, Withdrawn("24 h"), Kept("730 d", "7 d", "740 d")
)


@pytest.mark.parametrize(
    "text", ["", "10", "10min", "0 h", "-1 d", "1.5 h", "10 m", "9999999 d", " 1 h", "1 h\n", "٣ h"]
)
def test_what_is_no_length_of_time_is_refused(text: str) -> None:
    """The message shows the form."""
    with pytest.raises(ValueError, match="as 10 min"):
        lasts_ms(text)


def test_a_promise_that_cannot_be_kept_is_refused() -> None:
    """Before any topic is made."""
    with pytest.raises(ValueError, match="at_most: a record kept for 31 d in a segment of 7 d grows older than 31 d"):
        Kept("31 d", "7 d", "31 d")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"ledger": Kept("30 d", "1 d", "40 d")}, "ledger.keep: must be at least 183 d"),
        ({"evidence": Kept("800 d", "1 d", "900 d")}, "the ledger must outlast evidence"),
        ({"about": " "}, "about: must not be empty"),
        *(({"profile": name}, "profile: must be the name of a profile") for name in ("", "../uk", "UK", "a b", "a\n")),
    ],
)
def test_a_profile_that_promises_too_little_or_too_much_is_refused(change: dict[str, Any], words: str) -> None:
    """By key."""
    with pytest.raises(ValueError, match=words):
        dataclasses.replace(PROFILE, **change)
