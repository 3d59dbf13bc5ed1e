"""The public notice of a deployment: who watches whom, where, when, why and for how long, from the policy in force.

Nothing in it is written by hand: what it says about keeping is what topics are made with and held against.
"""

import html
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from cluster.policies.in_force import PolicyInForce
from cluster.wire.text import counted
from operators.hours import WEEKDAYS
from operators.models import People
from operators.policy import Policy
from operators.retention import RetentionProfile

DAYS = dict(zip(WEEKDAYS, ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"), strict=True))
NOT_DONE = (
    "Nobody who is on no list is tracked, from camera to camera or from day to day.",
    "There is no search of past footage, and no store of faces of passers-by.",
    "Nobody is put on a list because a camera saw them.",
    "Age, sex, ethnicity and emotion are not estimated.",
    "A possible match is a lead for a person to judge. Nothing acts on it by itself.",
)


@dataclass(frozen=True, slots=True)
class Section:
    """One part of the notice.

    Attributes:
        heading: Of it.
        lines: Its text, a line each.
    """

    heading: str
    lines: Sequence[str]


def notice(in_force: PolicyInForce, profile: RetentionProfile) -> list[Section]:
    """The notice of a policy, and of how long things are kept under it now."""
    policy = in_force.policy
    return [
        Section(f"Live face recognition: {policy.deployment}", list(_opening(policy))),
        Section("Why", list(_why(policy))),
        Section("Who", list(_who(policy))),
        Section("Where", list(_where(policy))),
        Section("When", list(_when(policy))),
        Section("How long anything is kept", list(_kept(policy, profile))),
        Section("What is not done", NOT_DONE),
        Section("Questions and complaints", [f"Questions: {policy.contact}", f"Complaints: {policy.complaints}"]),
        Section("Documents", list(_documents(in_force, profile))),
    ]


def as_markdown(sections: Sequence[Section]) -> str:
    """For a web page or a repository."""
    first, *others = sections
    parts = [f"# {_plain(first.heading)}", *map(_plain, first.lines)]
    for section in others:
        parts += [f"## {_plain(section.heading)}", "\n".join(f"- {_plain(line)}" for line in section.lines)]
    return "\n\n".join(parts) + "\n"


def as_html(sections: Sequence[Section]) -> str:
    """A page of its own, without scripts, styles from elsewhere or pictures."""
    first, *others = sections
    title = html.escape(first.heading)
    parts = [f"<h1>{title}</h1>", *(f"<p>{html.escape(line)}</p>" for line in first.lines)]
    for section in others:
        items = "\n".join(f"<li>{html.escape(line)}</li>" for line in section.lines)
        parts += [f"<h2>{html.escape(section.heading)}</h2>", f"<ul>\n{items}\n</ul>"]
    body = "\n".join(parts)
    head = f'<head>\n<meta charset="utf-8">\n<title>{title}</title>\n</head>'
    return f'<!DOCTYPE html>\n<html lang="en">\n{head}\n<body>\n{body}\n</body>\n</html>\n'


def _opening(policy: Policy) -> Iterator[str]:
    yield (
        "Cameras here look for people who are on a list. Every face in view is measured and compared with that list; a "
        "face that matches nobody is forgotten at once."
    )
    yield "So data about the faces of all who pass are processed, also of those who match nobody."
    if policy.people is People.SYNTHETIC:
        yield "This is a demonstration or a test: nobody whom its cameras show exists."


def _why(policy: Policy) -> Iterator[str]:
    yield f"Purpose: {policy.purpose}"
    for name, rule in policy.watchlists.items():
        if rule.canary is not None:
            yield (
                f"List {name}: for trying that alerts come, on camera {rule.canary} alone; alerts about whoever is on "
                f"it are marked, and left out of those that people are shown. {rule.purpose}"
            )
            continue
        yield (
            f"List {name}: {rule.purpose} Who may be on it: {', '.join(rule.categories)}; at most "
            f"{counted(rule.most_entries, 'person', 'people')} at once, and nobody for longer than "
            f"{counted(rule.longest_days, 'day', 'days')} without a new decision."
        )
    yield f"Expected to come of it: {policy.expected_outcome}"


def _where(policy: Policy) -> Iterator[str]:
    canaries = sorted(set(policy.canaries.values()))
    yield f"Cameras: {', '.join(camera for camera in policy.cameras if camera not in canaries)}"
    if canaries:
        yield (
            "Cameras on which nobody who is sought is searched for, but that alerts come is tried: "
            f"{', '.join(canaries)}"
        )


def _who(policy: Policy) -> Iterator[str]:
    yield f"Who answers for it: {policy.controller}"
    yield f"Authorised by: {policy.authority}"
    yield f"Legal basis: {policy.legal_basis}"


def _when(policy: Policy) -> Iterator[str]:
    yield f"From {policy.start:%Y-%m-%d %H:%M} UTC until {policy.end:%Y-%m-%d %H:%M} UTC"
    yield f"Its use is reviewed by {policy.review_by:%Y-%m-%d %H:%M} UTC; without a review it ends then."
    for day, name in DAYS.items():
        windows = policy.hours.windows.get(day, ())
        yield f"{name}: {', '.join(windows) if windows else 'not at all'} ({policy.hours.zone})"


def _kept(policy: Policy, profile: RetentionProfile) -> Iterator[str]:
    yield profile.about
    yield (
        f"A face that matches nobody: in memory alone, for {policy.max_nonmatch_s:g} s; each time that takes longer is "
        "counted and told of."
    )
    kept = {
        "Camera images": profile.frames,
        "Possible matches, without pictures": profile.alerts,
        "The face that a possible match is about, encrypted": profile.evidence,
        "Where an image could not be looked at, without the image": profile.dead_letters,
        "Decisions, changes and counts, naming those who decided, and nobody who is sought or was seen": profile.ledger,
    }
    for what, how_long in kept.items():
        yield f"{what}: gone after {how_long.at_most} at the latest."
    # Kafka rewrites a part of a list only when something is written to it.
    yield (
        "Pictures and measures of people who are taken off a list: not searched for from then on, and gone from disks "
        f"{profile.watchlist.at_most} after the next change of that part of the list at the latest."
    )


def _documents(in_force: PolicyInForce, profile: RetentionProfile) -> Iterator[str]:
    policy = in_force.policy
    yield f"Data protection impact assessment: {policy.assessments.data_protection}"
    yield f"Equality impact assessment: {policy.assessments.equality}"
    asked = policy.public_engagement
    yield f"How the public was asked or told: {asked.reference} (SHA-256 {asked.sha256})"
    about = f"policy {policy.policy}, SHA-256 {in_force.digest}; retention profile {profile.profile}"
    yield f"Settings in force: {about}"


def _plain(text: str) -> str:
    """Text in which nothing is taken for markup."""
    return "".join(f"\\{letter}" if letter in r"\`*_[]<>#|" else letter for letter in " ".join(text.split()))
