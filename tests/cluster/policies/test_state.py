"""What stands after any records of the policy topic."""

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cluster.account import Shed
from cluster.plan import Plan
from cluster.policies.signatures import Role
from cluster.policies.standing import Halt, Standing
from cluster.policies.state import Misfit, PolicyState, Refusal, fits
from cluster.ports import Record
from cluster.wire.order import Action, Order, encode_order
from cluster.wire.release import Release, encode_release
from operators.errors import ReleaseReason
from operators.hours import WEEKDAYS
from operators.models import People
from operators.policy import ModelChoice, Policy
from operators.retention import Kept
from tests.builders import NOW
from tests.releases import SIGNERS, approved, changed, in_topic, loosening, order, proposed, signed, threshold

UNFIT = "to nobody"
MADE: dict[tuple[Any, ...], Release] = {}
TOO_LATE = timedelta(minutes=5)


def follows(policy: Policy) -> tuple[Misfit, str] | None:
    """Stands for policies with other models."""
    return (Misfit.NEEDS_RESTART, "'beholden down', then 'beholden up'") if policy.complaints == UNFIT else None


def release(number: int, former: Release | None, **fields: str) -> Release:
    """A policy that follows another, stricter with every number; each is made once."""
    name = (number, former and former.digest, *fields.items())
    if name not in MADE:
        found = changed(number, threshold(0.6 + number / 1000), **fields)
        MADE[name] = approved(found, former)
    return MADE[name]


@dataclass
class Model:
    """What must stand, said in another way: whatever is good counts, in the order in which it came."""

    state: PolicyState = field(default_factory=lambda: PolicyState("test", SIGNERS, follows))
    good: list[Release] = field(default_factory=list)
    decides: Release | None = None
    stop: Order | None = None
    orders: int = 0
    offset: int = 0
    refused: list[int] = field(default_factory=list)
    told: list[Refusal] = field(default_factory=list)

    def write(self, value: bytes, key: str = "test", good: bool = False) -> None:
        """One more record."""
        refusal = self.state.take(replace(in_topic(value, self.offset, key)))
        if refusal is not None:
            self.told.append(refusal)
        if not good and key == "test":
            self.refused.append(self.offset)
        self.offset += 1

    def do(self, what: str, number: int) -> None:
        """Somebody writes something."""
        newest = self.good[-1] if self.good else None
        following = (newest.number if newest else 6) + 1
        if what in ("good", "unfit"):
            found = release(following, newest, complaints=UNFIT if what == "unfit" else "to us")
            self.good.append(found)
            self.decides = found if what == "good" else self.decides
            self.write(encode_release(found), good=what == "good")
        elif what == "older":
            self.write(encode_release(self.good[number % len(self.good)]) if self.good else b"")
        elif what == "order":
            self._order()
        else:
            whole = encode_release(release(following, newest))
            self.write(
                {
                    "unsigned": encode_release(replace(release(following, newest), signatures=())),
                    "half": whole[: len(whole) * (number % 10) // 10],
                    "flipped": whole[:number] + bytes([whole[number] ^ 1]) + whole[number + 1 :],
                    "foreign": encode_release(release(following, None, deployment="other")),
                    "nothing": b"",
                    "passed over": encode_release(release(following, None, deployment="other")),
                }[what],
                key="other" if what == "passed over" else "test",
            )

    def _order(self) -> None:
        self.orders += 1
        at = NOW + self.orders * timedelta(seconds=1)
        if self.stop is None:
            found = self.stop = order(Action.STOP, "dan", at=at)
        else:
            found, self.stop = order(Action.RESUME, "dan", "bob", ends=self.stop, at=at), None
        self.write(encode_order(found), good=True)


KINDS = ["good", "good", "unfit", "older", "unsigned", "half", "flipped", "foreign", "nothing", "passed over", "order"]


@settings(max_examples=30)
@given(st.lists(st.tuples(st.sampled_from(KINDS), st.integers(0, 999)), max_size=12))
def test_whatever_is_written_the_newest_good_one_stands_and_each_other_is_told_of_once(written: Any) -> None:
    """Old, unsigned, half-written, damaged, unfit, of other deployments; and stops and resumes in between."""
    model = Model()
    for what, number in written:
        model.do(what, number)
    standing = model.state.standing
    assert (standing and standing.release) == model.decides
    assert [refusal.offset for refusal in model.told] == model.refused
    if standing is not None:
        assert standing.newest == model.good[-1]
        assert standing.stopped_by == model.stop
    assert (model.state.lacks is None) == (model.decides is not None)


def test_a_record_is_judged_by_its_own_time() -> None:
    """A release that was refused because it came too early is not followed by those who read it later."""
    first = release(7, None)
    early = signed(proposed(changed(8, threshold(0.7)), first, effective_from=NOW + TOO_LATE), ada=Role.PROPOSE)
    state = PolicyState("test", SIGNERS, follows)
    assert state.take(in_topic(encode_release(first))) is None
    refusal = state.take(in_topic(encode_release(early), 1))
    assert refusal is not None
    assert (refusal.reason, refusal.offset, refusal.number) == (ReleaseReason.NOT_YET_EFFECTIVE, 1, 8)
    later = replace(in_topic(encode_release(early), 2), timestamp_ms=int((NOW + TOO_LATE).timestamp() * 1000))
    assert state.take(later) is None
    standing = state.standing
    assert standing is not None
    assert (standing.release.number, standing.newest_at) == (8, NOW + TOO_LATE)


@pytest.mark.parametrize("at_ms", [-(10**18), 10**18])
def test_a_time_outside_the_calendar_is_no_way_in(at_ms: int) -> None:
    """It counts as the calendar's beginning, where nothing had been proposed yet."""
    state = PolicyState("test", SIGNERS, follows)
    refusal = state.take(replace(in_topic(encode_release(release(7, None))), timestamp_ms=at_ms))
    assert refusal is not None
    assert refusal.reason is ReleaseReason.CLOCK


def test_what_is_lacking_is_said() -> None:
    """No policy at all, or none for the models that run."""
    state = PolicyState("test", SIGNERS, follows)
    assert state.lacks == "no policy of test is in force: 'beholden policy apply' puts one in force"
    state.take(in_topic(encode_release(release(7, None, complaints=UNFIT))))
    assert state.lacks == "'beholden down', then 'beholden up'"
    assert state.standing is None


def test_the_processes_of_a_plan_follow_what_needs_no_other_models_and_no_other_topics(drawn: Plan) -> None:
    """Everything else is switched while they run."""
    judge, runs = fits(drawn), drawn.in_force.policy
    assert judge(replace(runs, policy=2, purpose="Find others.", max_frame_age_ms=500)) is None
    for field_, value in (
        ("detector", ModelChoice("other", "a" * 64, "a" * 64)),
        ("embedder", replace(runs.embedder, sha256="c" * 64)),
        ("embedder", replace(runs.embedder, manifest="c" * 64)),
        ("retention", replace(runs.retention, alerts=Kept("1 h", "1 h", "3 h"))),
    ):
        misfit = judge(replace(runs, policy=2, **{field_: value}))
        assert misfit is not None
        assert misfit[0] is Misfit.NEEDS_RESTART
        assert f"policy 2 has another {field_} than what runs: 'beholden down', then 'beholden up'" == misfit[1]
    for other in (replace(runs, policy=2, people=People.REAL), replace(runs, policy=2, licences=("MIT",))):
        unfit = judge(other)
        assert unfit is not None
        assert unfit[0] is Misfit.UNFIT_MODELS


def halted(found: Release, seconds: float = 0, stop: Order | None = None) -> tuple[Shed | None, str] | None:
    """What halts everything so long after now."""
    state = PolicyState("test", SIGNERS, follows)
    former = release(7, None)
    for offset, each in enumerate([former, found] if found is not former else [found]):
        assert state.take(in_topic(encode_release(each), offset)) is None
    if stop is not None:
        assert state.take(in_topic(encode_order(stop), 2)) is None
    standing = state.standing
    assert standing is not None
    halt = standing.halt(NOW + timedelta(seconds=seconds))
    return (halt.reason, halt.why) if halt else None


def test_a_stop_halts_everything_and_says_who_and_why() -> None:
    """Until two people resume."""
    first = release(7, None)
    assert halted(first) is None
    assert halted(first, stop=order(Action.STOP, "dan")) == (Shed.STOPPED, "stopped by dan: the test")


def test_a_policy_that_is_superseded_decides_nothing_more() -> None:
    """Whoever goes by the one that stands goes on; a stop comes before everything."""
    first, second = release(7, None), release(8, release(7, None))
    standing = Standing(second, second, NOW)
    assert standing.halt(NOW, second.digest) is None
    assert standing.halt(NOW, first.digest) == Halt(None, "policy 8 stands, and is being changed over to")
    halt = replace(standing, stopped_by=order(Action.STOP, "dan")).halt(NOW, first.digest)
    assert halt is not None
    assert halt.reason is Shed.STOPPED


def test_a_loosening_whose_time_is_over_halts_everything() -> None:
    """It must be made stricter again by somebody; nobody falls back to what was before."""
    looser = changed(8, threshold(0.5))
    found = loosening(looser, release(7, None), expires_at=NOW + timedelta(seconds=10))
    assert halted(found, 9.9) is None
    reason, why = halted(found, 10) or (None, "")
    assert reason is Shed.LAPSED
    assert why == "policy 8 was looser for a time, which is over: apply a stricter one"


@pytest.mark.parametrize(
    ("times", "seconds", "expected"),
    [
        (("11:00:00", "12:00:10", "12:00:10"), 9, None),
        (("11:00:00", "12:00:10", "12:00:10"), 10, "policy 8 of test ended at 2026-01-31T12:00:10.000Z: whoever"),
        (("11:00:00", "12:00:20", "12:00:10"), 10, "policy 8 of test was to be reviewed by 2026-01-31T12:00:10.000Z"),
        (("12:00:10", "12:00:20", "12:00:20"), 9, "policy 8 begins at 2026-01-31T12:00:10.000Z"),
        (("12:00:10", "12:00:20", "12:00:20"), 10, None),
    ],
)
def test_its_times_halt_everything(times: tuple[str, str, str], seconds: float, expected: str | None) -> None:
    """Before its start, and from its end or the day of its review on."""
    start, end, review_by = (f"2026-01-31T{time}Z" for time in times)
    other = changed(8, threshold(0.61), start=start, end=end, review_by=review_by)
    found = halted(signed(proposed(other, release(7, None)), ada=Role.PROPOSE), seconds)
    if expected is None:
        assert found is None
    else:
        assert found is not None
        assert found[0] is (Shed.OUT_OF_HOURS if "begins" in expected else Shed.LAPSED)
        assert found[1].startswith(expected)


def test_outside_its_hours_it_says_so() -> None:
    """On the clock of the place; within them nothing halts."""
    hours = {"zone": "Europe/London", "windows": {day: ["08:00-12:01"] for day in WEEKDAYS}}
    found = signed(proposed(changed(8, threshold(0.61), hours=hours), release(7, None)), ada=Role.PROPOSE)
    assert halted(found, 59.9) is None
    assert halted(found, 60) == (Shed.OUT_OF_HOURS, "outside the hours of policy 8")


def test_records_of_other_deployments_are_passed_over() -> None:
    """They share the topic, and are not for us to judge."""
    state = PolicyState("test", SIGNERS, follows)
    assert state.take(Record(in_topic(b"").ref, b"other", b"rubbish", {}, 0)) is None
    assert state.take(Record(in_topic(b"").ref, None, b"rubbish", {}, 0)) is None
