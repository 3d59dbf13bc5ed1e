"""Samples of all that the supervisor has heard, against the catalogue."""

from math import inf

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cluster.account import Account, Shed
from cluster.recogniser_status import STANDING_BY
from cluster.status import DRAINED, READY, WATCHING, Member, PolicyShown
from cluster.telemetry.catalogue import CATALOGUE
from cluster.telemetry.metric import EVERYWHERE, Kind, Teller
from cluster.telemetry.samples import Sample, samples, state_of
from cluster.telemetry.scrape import text
from tests.builders import PEOPLE, FakeIndex, Lane, entry, record
from tests.cluster.telemetry.heard import busy_account, heard, recogniser


def value(found: list[Sample], name: str, **labels: str) -> float:
    """Of the one sample that has these labels."""
    [only] = [each for each in found if each.name == name and labels.items() <= each.labels.items()]
    return only.value


def test_there_is_a_sample_of_every_metric_and_none_of_any_other() -> None:
    """But for those that `beholden canary` tells."""
    expected = {name for name, metric in CATALOGUE.items() if metric.teller is Teller.SUPERVISOR}
    assert {each.name for each in samples(heard())} == expected


def test_each_sample_has_the_labels_of_its_metric() -> None:
    """All of them, and the deployment; histograms have durations, and nothing else has."""
    for each in samples(heard()):
        metric = CATALOGUE[each.name]
        assert set(each.labels) == {EVERYWHERE, *metric.labels}, each.name
        assert (each.durations is not None) == (metric.kind is Kind.HISTOGRAM), each.name


def test_no_two_samples_are_of_the_same() -> None:
    """Prometheus would refuse all of them."""
    found = [(each.name, *sorted(each.labels.items())) for each in samples(heard())]
    assert len(found) == len(set(found))


def test_what_is_given_back_never_makes_a_count_less() -> None:
    """Frames that were taken in or shed, and are another's to account for, stay counted here."""
    account = Account()
    account.take_in(5)
    account.shed(Shed.TOO_OLD, 2)
    counts = []
    for _ in range(2):
        found = samples(heard(Member("recogniser-0", WATCHING, recogniser(account))))
        shed = value(found, "beholden_frames_total", outcome="shed", reason="too_old")
        counts.append((value(found, "beholden_frames_in_total"), shed))
        account.give_back()
    assert counts == [(5, 2), (5, 2)]


def test_what_has_not_happened_yet_is_there_as_nothing() -> None:
    """So that its first time is seen as a change."""
    found = samples(heard(Member("recogniser-0", WATCHING, recogniser(Account()))))
    assert value(found, "beholden_frames_total", outcome="dead_lettered", reason="quarantined") == 0
    assert value(found, "beholden_stage_errors_total", stage="search") == 0


def test_a_halt_is_told_by_its_reason() -> None:
    """And only that one; a camera is expected while it may be looked at."""
    shown = PolicyShown(7, "d" * 64, "stopped by ada", halt_reason="stopped", cameras={"gate": False})
    found = samples(heard(policy=shown))
    told = {reason: value(found, "beholden_policy_halted", reason=reason) for reason in ("stopped", "lapsed")}
    assert told == {"stopped": 1, "lapsed": 0}
    assert value(found, "beholden_camera_expected", camera="gate") == 0


def test_a_topic_that_nothing_ends_can_become_as_old_as_it_likes() -> None:
    """How old a list's oldest entry is says nothing, and is not told; of what is kept for ever, nothing of ages."""
    found = samples(heard())
    assert value(found, "beholden_retention_possible_seconds", kind="watchlist") == inf
    assert [each.labels["kind"] for each in found if each.name == "beholden_retention_oldest_seconds"] == ["frames"]
    promised = [each.labels["kind"] for each in found if each.name == "beholden_retention_promised_seconds"]
    early = {each.labels["kind"]: each.value for each in found if each.name == "beholden_retention_early"}
    assert (promised, early) == (["frames", "watchlist"], {"frames": 0, "watchlist": 0, "policy": 1})


@pytest.mark.parametrize(
    ("member", "is_known", "state"),
    [
        (Member("shard-0-of-1-r0", READY), True, "at_work"),
        (Member("shard-0-of-1-r0", f"{READY}, asked until every recogniser asks the new shards"), True, "at_work"),
        (Member("recogniser-0", "stopped", recogniser(Account(), halted="stopped")), True, "halted"),
        (Member("recogniser-0", "shard 1 of 2 does not answer", recogniser(Account())), True, "waiting"),
        (Member("recogniser-0", "starting", recogniser(Account())), True, "starting"),
        (Member("recogniser-0", "starting, or too busy to answer"), False, "starting"),
        (Member("recogniser-0", "starting, or too busy to answer"), True, "silent"),
        (Member("recogniser-0", "restarting"), True, "restarting"),
        (Member("recogniser-0", "failed: ActorDiedError"), True, "failed"),
        (Member("recogniser-0", STANDING_BY, recogniser(Account())), True, "standing_by"),
        (Member("recogniser-0", "leaving: finishes what it has in hand"), True, "leaving"),
        (Member("recogniser-0", DRAINED), True, "drained"),
    ],
)
def test_states_are_told_in_few_words(member: Member, is_known: bool, state: str) -> None:
    """However they are said to people."""
    assert state_of(member, is_known) == state


def test_who_was_drained_is_not_down() -> None:
    """Somebody wanted it so."""
    found = samples(heard(Member("recogniser-0", DRAINED), Member("recogniser-1", "restarting")))
    assert value(found, "beholden_member_up", kind="recogniser") == 0
    assert value(found, "beholden_member_state", member="recogniser-0", state="drained") == 1


@settings(max_examples=5, deadline=None)
@given(st.from_regex(r"[a-z]{4,8}-[0-9]{4,8}", fullmatch=True))
def test_nobody_who_is_listed_can_be_told_of(ref: str) -> None:
    """Whoever is seen and alerted about, and whatever a camera sends as a trace: no text that is served has it."""
    lane = Lane(index=FakeIndex([entry(ref, PEOPLE["anna"])]))
    lane.run([record(b"anna", headers={"traceparent": f"00-{ref}-{ref}-01".encode(), "stream": ref.encode()})])
    assert lane.account.alerts == 1
    found = samples(heard(Member("recogniser-0", WATCHING, recogniser(lane.account))))
    assert all(ref not in text(found, as_openmetrics) for as_openmetrics in (False, True))
    assert value(found, "beholden_alerts_total", camera="gate", list="sought") == 1


def test_counts_of_a_busy_recogniser() -> None:
    """A few of them, as they were counted."""
    found = samples(heard(Member("recogniser-0", WATCHING, recogniser(busy_account()))))
    assert value(found, "beholden_alerts_late_total") == 1
    assert value(found, "beholden_member_restarts_total", kind="dataflow") == 1
    assert value(found, "beholden_lag_frames", partition="0") == 2
    assert value(found, "beholden_ledger_waits") == 1
