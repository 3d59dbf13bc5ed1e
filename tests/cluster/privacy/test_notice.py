"""The public notice: a golden file, and proof that everything it says is what is done."""

import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from cluster.kafka.admin import _topics
from cluster.kafka_settings import KafkaSettings
from cluster.policies.in_force import PolicyInForce
from cluster.privacy.notice import as_html, as_markdown, notice
from cluster.privacy.retention_check import ages
from operators.decide import WatchlistRule
from operators.models import People
from operators.policy import Policy
from operators.retention import Kept, RetentionProfile
from tests.builders import policy, profile
from tests.cluster.privacy.test_retention import configs

GOLDEN = Path(__file__).parent / "golden" / "notice.md"


def rendered(of: Policy | None = None, kept: RetentionProfile | None = None) -> tuple[str, str]:
    """Both forms."""
    found = replace(of or policy(), retention=kept or profile())
    sections = notice(PolicyInForce(found, b"{}"), found.retention)
    return as_markdown(sections), as_html(sections)


def test_the_notice_is_word_for_word_what_it_was() -> None:
    """A change of the text is a change of what the public is told; it is made on purpose, with the golden file."""
    assert rendered()[0] == GOLDEN.read_text()


def _artefacts(kept: RetentionProfile) -> dict[str, object]:
    """Everything that is made of a profile."""
    markdown, page = rendered(kept=kept)
    promised = {age.topic: age.at_most_ms for age in ages(kept, configs(kept))}
    return {"topics": _topics(KafkaSettings(), kept), "check": promised, "markdown": markdown, "page": page}


@pytest.mark.parametrize("name", ["frames", "alerts", "evidence", "dead_letters", "ledger"])
@pytest.mark.parametrize("field", ["keep", "roll", "at_most"])
def test_a_length_of_time_that_changes_changes_everything_that_is_made_of_it(name: str, field: str) -> None:
    """What is done, and what is promised where it is checked and where it is published."""
    before, kept = _artefacts(profile()), getattr(profile(), name)
    later = {
        "keep": "184 d" if name == "ledger" else "2 s",
        "roll": "3 s",
        "at_most": "999 d" if name == "ledger" else "720 d",
    }[field]
    after = _artefacts(replace(profile(), **{name: replace(kept, **{field: later})}))
    changed = {what for what in before if before[what] != after[what]}
    assert changed == ({"check", "markdown", "page"} if field == "at_most" else {"topics"})


def test_what_is_promised_of_withdrawn_entries_is_told() -> None:
    """It is held against the topic as the others are."""
    before = _artefacts(profile())
    after = _artefacts(replace(profile(), watchlist=replace(profile().watchlist, at_most="5 h")))
    assert {what for what in before if before[what] != after[what]} == {"check", "markdown", "page"}


TEXTS = ("purpose", "authority", "legal_basis", "expected_outcome", "controller", "contact", "complaints")


@pytest.mark.parametrize("name", TEXTS)
def test_what_the_policy_says_to_the_public_is_told(name: str) -> None:
    """In its own words, in both forms."""
    for form in rendered(policy(**{name: "Words of our own"})):
        assert "Words of our own" in form


@pytest.mark.parametrize(
    "change",
    [
        lambda of: {"people": People.REAL},
        lambda of: {"cameras": (*of.cameras, "another")},
        lambda of: {"max_nonmatch_s": 1.5},
        lambda of: {"start": of.start.replace(day=2)},
        lambda of: {"end": of.end.replace(day=2)},
        lambda of: {"review_by": of.review_by.replace(day=2)},
        lambda of: {"hours": replace(of.hours, windows={**of.hours.windows, "sun": ("10:00-12:00",)})},
        lambda of: {"hours": replace(of.hours, zone="Europe/Paris")},
        lambda of: {"assessments": replace(of.assessments, equality="EIA 2")},
        lambda of: {"assessments": replace(of.assessments, data_protection="DPIA 2")},
        lambda of: {"public_engagement": replace(of.public_engagement, sha256="0" * 64)},
        lambda of: {"watchlists": {"sought": replace(of.watchlists["sought"], longest_days=3)}},
        lambda of: {"watchlists": {"sought": replace(of.watchlists["sought"], most_entries=1)}},
    ],
)
def test_what_the_policy_does_to_the_public_is_told(change: Callable[[Policy], dict[str, Any]]) -> None:
    """Each of these changes both forms."""
    changed = rendered(policy(**change(policy())))
    for before, after in zip(rendered(), changed, strict=True):
        assert before != after


class _Seen(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)


def test_a_policy_cannot_put_markup_into_the_page() -> None:
    """A camera or a controller may be called anything."""
    wicked = "<script>alert(1)</script> [x](javascript:y) ![z](http://z) # h\n## more"
    rule = WatchlistRule(wicked, (wicked,), 3, 9, 0.6, 0.5)
    markdown, page = rendered(policy(controller=wicked, cameras=(wicked,), watchlists={wicked: rule}))
    seen = _Seen()
    seen.feed(page)
    assert set(seen.tags) <= {"html", "head", "meta", "title", "body", "h1", "h2", "p", "ul", "li"}
    assert not re.search(r"(?<!\\)[<\[]", markdown)
    assert markdown.count("\n## ") == 8


def test_a_week_without_hours_says_so() -> None:
    """Not at all is an answer."""
    windows = {**policy().hours.windows, "sun": ()}
    assert "Sunday: not at all" in rendered(policy(hours=replace(policy().hours, windows=windows)))[0]


def test_kept_is_shown_as_promised() -> None:
    """The promise, not what Kafka is told."""
    kept = replace(profile(), evidence=Kept("5 h", "1 h", "7 h"))
    markdown, _ = rendered(kept=kept)
    assert "encrypted: gone after 7 h at the latest" in markdown
    assert "5 h" not in markdown


def test_a_canarys_camera_is_told_apart_by_what_the_software_does_there() -> None:
    """Whether it shows anybody who exists no software can tell, and the notice is made by one."""
    rule = replace(policy().watchlists["sought"], canary="gate", cameras={})
    markdown, _ = rendered(policy(watchlists={**policy().watchlists, "test": rule}))
    assert "Cameras on which nobody who is sought is searched for, but that alerts come is tried: gate" in markdown
    assert "- List test: for trying that alerts come, on camera gate alone" in markdown
    assert "List test: nobody" not in markdown
    assert "- Cameras: hall, Süd-Tor 3 出口\n" in markdown
