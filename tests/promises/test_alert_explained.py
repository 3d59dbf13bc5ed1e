"""Promise: an alert is decided again from its records, without its frame, and every step comes out to the bit."""

import json
from dataclasses import dataclass, field, fields, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from cluster.clocks import HandClock
from cluster.keys import new_evidence_key, new_keys
from cluster.ledger.settings_history import FOR_EVER, Ordered, SettingsHistory, Span
from cluster.pipeline import Pipeline
from cluster.plan import Plan, open_vision, read_plan
from cluster.policies.in_force import policy_of
from cluster.privacy.evidence import EvidenceSink
from cluster.privacy.explain import AlertUnreadable, Records, differs, explain
from cluster.privacy.explain_settings import Settings
from cluster.privacy.explain_steps import Step, Verdict
from cluster.results import Outlets
from cluster.strict_yaml import read
from cluster.watchlists.admission import Origin, Person
from cluster.watchlists.enrol import Picture, enrol
from cluster.wire.entries import EntryRecord, parse_entry
from cluster.wire.order import Action
from indexes.backends import faiss_backend
from indexes.watchlist import Watchlist
from operators.embed import open_embedder
from operators.hours import WEEKDAYS
from operators.models import ModelManifest, read_model
from operators.onnx import Device
from operators.types import Float32
from tests.builders import EVIDENCE_KEY, NOW, Lane, chain, record
from tests.drawn import scene, write_deployment

MINUTE, MS = timedelta(minutes=1), timedelta(milliseconds=1)


@dataclass(slots=True)
class Told:
    """An alert about one of two listed people among strangers, and what it can be decided again from."""

    plan: Plan
    alert: dict[str, Any]
    records: Records
    entries: dict[str, EntryRecord] = field(default_factory=dict)

    def steps(self, *, alert: dict[str, Any] | None = None, **changes: Any) -> dict[str, Step]:
        """The steps by name, of the alert or of a changed one."""
        names = {field.name for field in fields(Settings)}
        settings = replace(self.records.settings, **{name: changes.pop(name) for name in names & changes.keys()})
        changed = replace(self.records, settings=settings, **changes)
        found = explain(json.dumps({**self.alert, **(alert or {})}).encode(), changed)
        return {step.what: step for step in found}


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Told:
    """Four faces in a frame, of which two are listed."""
    folder: Path = tmp_path_factory.mktemp("deployment")
    path = folder / "cluster.yaml"
    path.write_text(json.dumps({"cluster": "drawn", **write_deployment(folder)}))
    plan = read_plan(path)
    vision = open_vision(plan)
    watchlist, entries = Watchlist(0, 1, plan.contract.digest, faiss_backend(1)), {}
    for offset, seed in enumerate((0, 2)):
        person = Person(f"case-{seed}", "sought", "missing", "drawn", "the test", NOW + timedelta(days=1))
        picture = Picture(scene([seed], 320, 240), Origin("drawn", NOW.date()))
        value = enrol(person, [picture], plan, vision, new_keys(), NOW)
        entries[person.ref] = parse_entry(person.ref.encode(), value)
        watchlist.apply(0, offset, person.ref, entries[person.ref].entry)

    class Found:
        """An index over a watchlist."""

        def search(self, vectors: Float32, k: int, at_least: float) -> Any:
            """See `ports.Index`."""
            return watchlist.generation().search(vectors, k, at_least, NOW)

    lane = Lane()
    lane.source.records.append(record(scene([9, 2, 7, 0]), key=b"entrance"))
    outlets = Outlets(lane.alerts, lane.dead_letters, chain(lane.ledger), EvidenceSink(lane.evidence, EVIDENCE_KEY))
    clock = HandClock(NOW)
    Pipeline(
        lane.source, outlets, vision, cast("Any", Found()), plan.in_force, plan.context, clock, lane.account, 8
    ).step(0)
    [alert] = [found for each in lane.alerts.messages if (found := json.loads(each.value))["entry"] == "case-2"]
    again = open_vision(plan)
    records = Records(
        sealed=[each.value for each in lane.evidence.messages if each.key == alert["alert_id"]],
        key=EVIDENCE_KEY,
        settings=Settings(
            {plan.in_force.digest: plan.in_force},
            history=SettingsHistory(spans=[went_by(plan.in_force.digest)]),
        ),
        entries=entries,
        contract=plan.contract,
        provider=again.provider,
        embed=again._embedder.embed,
        age=timedelta(hours=1),
        kept=timedelta(hours=22),
    )
    return Told(plan, alert, records, entries)


def went_by(digest: str, since: timedelta = -MINUTE, until: timedelta | None = None) -> Span:
    """A recogniser that went by a policy from so long before the alert on, until so long after it or for ever."""
    return Span("recogniser-0", "c", 1, digest, NOW + since, FOR_EVER if until is None else NOW + until)


def test_every_step_of_an_alert_comes_out_to_the_bit(told: Told) -> None:
    """By models opened anew, one crop alone, though it was embedded together with three others."""
    steps = told.steps()
    assert list(steps) == [
        "id", "evidence", "key", "crop", "detector", "embedder", "contract", "policy", "in force", "stop", "camera",
        "times", "threshold", "confirmed", "confidence", "gates", "as recorded", "cosine 1", "decision",
    ]  # fmt: skip
    assert {step.verdict for step in steps.values()} == {Verdict.EQUAL}
    assert steps["cosine 1"].recomputed == repr(told.alert["cosine"])
    assert not differs(list(steps.values()))


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"threshold": 0.8}, "threshold"),
        ({"camera": "exit"}, "id"),
        ({"alert_id": "0" * 32}, "id"),
        ({"evidence": {"sha256": "0" * 64, "key_id": EVIDENCE_KEY.id, "crop_sha256": "0" * 64}}, "evidence"),
        ({"face": {"number": 1, "box_px": [0, 0, 1, 1], "confidence": 0.5}}, "confidence"),
        ({"policy": {"number": 2, "digest": "same"}}, "policy"),
        ({"models": {"detector": "0" * 64, "embedder": "same", "contract": "same"}}, "detector"),
        ({"models": {"detector": "same", "embedder": "0" * 64, "contract": "same"}}, "embedder"),
    ],
)
def test_an_alert_that_was_changed_is_found_out(told: Told, change: dict[str, Any], what: str) -> None:
    """Whatever was changed, the step that depends on it differs."""
    same = {
        name: {key: told.alert[name][key] if inner == "same" else inner for key, inner in value.items()}
        if isinstance(value, dict)
        else value
        for name, value in change.items()
    }
    steps = told.steps(alert=same)
    assert steps[what].verdict is Verdict.DIFFERS
    assert differs(list(steps.values()))


def test_a_cosine_that_is_off_by_its_last_bit_is_found_out(told: Told) -> None:
    """Equal means equal."""
    [candidate] = told.alert["candidates"]
    off = {"candidates": [{**candidate, "cosine": candidate["cosine"] - 2.0**-53}]}
    steps = told.steps(alert=off)
    assert steps["cosine 1"].verdict is Verdict.DIFFERS


def test_a_decision_that_does_not_follow_is_found_out(told: Told) -> None:
    """A cosine below the threshold is no possible match, whatever the alert says."""
    assert told.steps(alert={"threshold": 1.1})["decision"].verdict is Verdict.DIFFERS


@pytest.mark.parametrize("threads", [1, 2])
def test_a_vector_does_not_depend_on_who_else_was_in_view(threads: int) -> None:
    """With the model that is shipped: alone, in part of a batch and in a full one, to the bit."""
    folder = Path(__file__).resolve().parents[2] / "configs" / "models"
    manifest = read(folder / "synthetic-embedder-1.yaml", ModelManifest)
    embedder = open_embedder(manifest, read_model(manifest, folder), Device.CPU, threads)
    crops = np.random.default_rng(1).integers(0, 256, (8, 112, 112, 3), np.uint8)
    alone = np.concatenate([embedder.embed(crops[at : at + 1]) for at in range(8)])
    for faces in (3, 8):
        np.testing.assert_array_equal(embedder.embed(crops[:faces]), alone[:faces])


@pytest.mark.parametrize(
    ("change", "what", "why"),
    [
        ({"cameras": ["exit"]}, "camera", "no camera of policy 1"),
        ({"end": "2026-01-31T12:00:00Z", "review_by": "2026-01-31T12:00:00Z"}, "times", "before its start or"),
        ({"review_by": "2026-01-31T12:00:00Z"}, "times", "before its start or"),
        ({"start": "2026-01-31T12:00:01Z"}, "times", "before its start or"),
        ({"hours": {"zone": "UTC", "windows": {day: ["12:01-13:00"] for day in WEEKDAYS}}}, "times", "outside"),
        ({"sightings": {"confirm_frames": 2, "of_frames": 3}}, "confirmed", "2 of 3 are asked for"),
    ],
)
def test_an_alert_outside_what_its_policy_covers_is_found_out(
    told: Told, change: dict[str, Any], what: str, why: str
) -> None:
    """Its camera, its hours, its period, and the frames that have to agree, whatever its cosine is."""
    document = json.loads(told.plan.in_force.canonical)
    merged = {name: {**document[name], **new} if isinstance(new, dict) else new for name, new in change.items()}
    other = policy_of({**document, **merged})
    step = told.steps(policies={told.plan.in_force.digest: replace(told.plan.in_force, policy=other.policy)})[what]
    assert (step.verdict, why in step.recomputed) == (Verdict.DIFFERS, True), step


@pytest.mark.parametrize(
    ("alert", "what"),
    [
        ({"captured_at": "2025-12-31T23:59:59.999Z"}, "times"),
        ({"alerted_at": "2099-01-01T00:00:00.000Z"}, "times"),
        ({"passage": {"id": "p", "frames": 0, "of_frames": 1}}, "confirmed"),
        ({"passage": {"id": "p", "frames": 2, "of_frames": 1}}, "confirmed"),
        ({"passage": {"id": "p", "frames": 1, "of_frames": 9}}, "confirmed"),
    ],
)
def test_times_and_frames_of_an_alert_are_held_against_its_policy(told: Told, alert: dict[str, Any], what: str) -> None:
    """Both when the frame was taken and when somebody was alerted; its id holds neither these nor the frames."""
    steps = told.steps(alert=alert)
    assert steps["id"].verdict is Verdict.EQUAL
    assert steps[what].verdict is Verdict.DIFFERS


def test_a_loosening_explains_nothing_once_its_time_is_over(told: Told) -> None:
    """Until then it does."""
    digest = told.plan.in_force.digest
    assert told.steps(ends={digest: NOW + MINUTE})["loosened"].verdict is Verdict.EQUAL
    over = told.steps(ends={digest: NOW})["loosened"]
    assert (over.verdict, over.recomputed) == (Verdict.DIFFERS, "its time was over at 2026-01-31T12:00:00.000Z")


def test_a_policy_by_which_nobody_went_explains_nothing(told: Told) -> None:
    """It was put into the ledger, and perhaps into the topic; whoever alerts by one has acknowledged it before."""
    digest, other = told.plan.in_force.digest, "0" * 64
    for spans in ([], [went_by(other)], [went_by(digest, 2 * MS)], [went_by(digest, until=-2 * MS)]):
        step = told.steps(history=SettingsHistory(spans=spans))["in force"]
        assert (step.verdict, step.recomputed) == (Verdict.DIFFERS, "nobody has acknowledged to go by it then")
    for span in (went_by(digest, 0 * MS), went_by(digest, until=0 * MS)):  # told to the millisecond, as the alert is
        assert told.steps(history=SettingsHistory(spans=[span]))["in force"].verdict is Verdict.EQUAL


def test_an_alert_after_all_have_followed_a_stop_is_found_out(told: Told) -> None:
    """Until it is followed, and once somebody has resumed, there may be alerts."""
    digest = told.plan.in_force.digest
    stop = Ordered(Action.STOP, "dan", "the test", NOW - 10 * MS)
    resume = Ordered(Action.RESUME, "dan", "it is over", NOW - 2 * MS)
    for orders, followed_at, verdict in (
        ([stop], NOW + MS, Verdict.EQUAL),
        ([stop], NOW - 5 * MS, Verdict.DIFFERS),
        ([stop, resume], NOW - 5 * MS, Verdict.EQUAL),
    ):
        followed = {"recogniser-0": [(followed_at, True)]}
        history = SettingsHistory(spans=[went_by(digest)], orders=orders, _followed=followed)
        step = told.steps(history=history)["stop"]
        assert step.verdict is verdict, step
    began = SettingsHistory(spans=[went_by(digest, -5 * MS)], orders=[stop])
    step = told.steps(history=began)["stop"]
    assert (step.verdict, step.recomputed) == (Verdict.DIFFERS, "stopped by dan at 2026-01-31T11:59:59.990Z: the test")


def test_a_face_that_the_gates_refuse_is_found_out(told: Told) -> None:
    """Whoever compared it did not go by the policy."""
    policy = told.plan.in_force.policy
    strict = replace(policy, quality=replace(policy.quality, min_face_width_px=200))
    in_force = replace(told.plan.in_force, policy=strict)
    steps = told.steps(policies={told.plan.in_force.digest: in_force})
    assert (steps["gates"].recomputed, steps["gates"].verdict) == ("too_small", Verdict.DIFFERS)


@pytest.mark.parametrize(
    ("changes", "what", "why"),
    [
        ({"sealed": [], "age": timedelta(hours=22)}, "evidence", "its time is over"),
        ({"key": None}, "key", "the key is not here"),
        ({"key": new_evidence_key()}, "key", "destroyed, or on another machine"),
        ({"contract": None, "embed": None}, "models", "not here"),
        ({"entries": {}}, "cosine 1", "withdrawn"),
    ],
)
def test_what_is_gone_is_called_so_and_is_no_difference(
    told: Told, changes: dict[str, Any], what: str, why: str
) -> None:
    """Nothing stands in its place, and all that is left is still held against the alert."""
    steps = told.steps(**changes)
    assert steps[what].verdict is Verdict.GONE
    assert why in steps[what].recomputed
    assert "decision" not in steps
    assert steps["as recorded"].verdict is Verdict.EQUAL
    assert not differs(list(steps.values()))
    assert steps["id"].verdict is Verdict.EQUAL


def test_a_policy_of_a_former_form_is_no_difference(told: Told) -> None:
    """It came into force, and this version cannot say what follows from it."""
    before = {"policies": {}, "unread": {told.plan.in_force.digest}, "kept": None}
    steps = told.steps(**before)
    assert (steps["policy"].verdict, steps["policy"].recomputed) == (Verdict.GONE, "of a former form, cannot be read")
    assert not differs(list(steps.values()))
    steps = told.steps(**before, sealed=[])
    assert steps["evidence"].verdict is Verdict.GONE
    assert "of a former form, cannot be read: perhaps its time is over" in steps["evidence"].recomputed
    assert not differs(list(steps.values()))


@pytest.mark.parametrize(
    ("changes", "what", "why"),
    [
        ({"sealed": []}, "evidence", "it is kept for 22:00:00 and the alert is 1:00:00 old"),
        ({"sealed": [], "age": timedelta(hours=21)}, "evidence", "is kept for"),
        ({"sealed": [], "kept": None}, "evidence", "its policy is not known"),
        ({"policies": {}}, "policy", "no policy of this digest has come into force"),
        ({"history": SettingsHistory()}, "in force", "nobody has acknowledged to go by it then"),
    ],
)
def test_what_must_be_there_and_is_not_is_a_difference(
    told: Told, changes: dict[str, Any], what: str, why: str
) -> None:
    """Else an alert that somebody made up would be explained by nothing."""
    steps = told.steps(**changes)
    assert (steps[what].verdict, why in steps[what].recomputed) == (Verdict.DIFFERS, True)
    assert [step.what for step in steps.values() if step.verdict is Verdict.DIFFERS] == [what]


@pytest.mark.parametrize("change", ["below", "other"])
def test_a_recorded_cosine_is_held_against_the_threshold_when_all_else_is_gone(told: Told, change: str) -> None:
    """It is below, or not the one of the first candidate."""
    [candidate] = told.alert["candidates"]
    low = told.alert["threshold"] - 0.01
    alert = {"candidates": [{**candidate, "cosine": low}], "cosine": low} if change == "below" else {"cosine": 0.99}
    gone: dict[str, Any] = {"sealed": [], "age": timedelta(days=9), "entries": {}, "contract": None, "embed": None}
    steps = told.steps(alert=alert, **gone)
    assert [step.what for step in steps.values() if step.verdict is Verdict.DIFFERS] == ["as recorded"]


def test_an_entry_that_was_enrolled_anew_is_not_the_one_that_was_found(told: Told) -> None:
    """Its vectors may be others."""
    entry = told.entries["case-2"]
    other = replace(entry, entry=replace(entry.entry, digest="0" * 64))
    assert "replaced" in told.steps(entries={"case-2": other})["cosine 1"].recomputed


def test_evidence_that_does_not_open_is_a_difference(told: Told) -> None:
    """Sealed for another alert, under the key that this one names."""
    steps = told.steps(alert={"alert_id": "0" * 32})
    assert (steps["key"].recomputed, steps["key"].verdict) == ("does not open it", Verdict.DIFFERS)


@pytest.mark.parametrize("value", [b"", b"[]", b"{}", b"\xff", b'{"evidence": {}}', b"[" * 100_000])
def test_what_is_no_alert_is_refused(told: Told, value: bytes) -> None:
    """In words, not with a traceback."""
    with pytest.raises(AlertUnreadable, match="not an alert"):
        explain(value, told.records)
