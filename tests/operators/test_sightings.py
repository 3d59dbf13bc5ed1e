from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from operators.decide import Match
from operators.sightings import Sighting, Sightings, SightingSettings, Verdict
from operators.types import Float32, FrameRef
from tests.builders import NOW, hit

ALERT, UNCONFIRMED, REPEATED = Verdict.ALERT, Verdict.UNCONFIRMED, Verdict.REPEATED
HERE = (0, 0, 80, 80)
THERE = (300, 0, 380, 80)


def _settings(**changes: Any) -> SightingSettings:
    fields = {"confirm_frames": 1, "of_frames": 1, "passage_overlap": 0.3, "passage_gap_ms": 1000, "cool_down_s": 60.0}
    return SightingSettings(**{**fields, **changes})


def _match(*names: str, watchlist: str = "sought") -> list[Match]:
    return [Match(watchlist, "Find them.", 0.6, tuple(hit(name) for name in names))] if names else []


class Camera:
    """Shows frames to `Sightings`, in seconds since the start."""

    def __init__(self, **changes: Any) -> None:
        self.sightings = Sightings(_settings(**changes))
        self._offset = 0

    def show(self, at_s: float, *faces: tuple[tuple[float, ...], list[Match]], camera: str = "gate") -> list[Sighting]:
        """One frame with these faces."""
        self._offset += 1
        boxes: Float32 = np.array([box for box, _ in faces], np.float32).reshape(-1, 4)
        at = NOW + timedelta(seconds=at_s)
        ref = FrameRef("frames", 0, self._offset)
        return self.sightings.update(camera, ref, at, boxes, [matches for _, matches in faces])

    def verdict(self, at_s: float, *names: str, box: tuple[float, ...] = HERE, camera: str = "gate") -> Verdict | None:
        """What becomes of one face that matches these entries, best first."""
        found = self.show(at_s, (box, _match(*names)), camera=camera)
        return found[0].verdict if found else None


@pytest.mark.parametrize(
    "changes",
    [
        {"confirm_frames": 0},
        {"confirm_frames": 3, "of_frames": 2},
        {"passage_overlap": 0.0},
        {"passage_overlap": 1.1},
        {"passage_overlap": float("nan")},
        {"passage_gap_ms": 0},
        {"passage_gap_ms": 10**18},
        {"cool_down_s": -1.0},
        {"cool_down_s": 1e15},
        {"cool_down_s": float("nan")},
        {"cool_down_s": float("inf")},
    ],
)
def test_settings_out_of_range_are_refused(changes: dict[str, Any]) -> None:
    """Before they come into force, not when the first frame arrives."""
    with pytest.raises(ValueError, match=next(iter(changes))):
        _settings(**changes)


def test_one_frame_is_enough_where_one_is_asked_for() -> None:
    """And the passage then stays quiet."""
    camera = Camera()
    assert [camera.verdict(at / 10, "anna") for at in range(3)] == [ALERT, REPEATED, REPEATED]


def test_no_face_and_no_match_make_no_sighting() -> None:
    """Zero faces are a frame like any other."""
    camera = Camera()
    assert camera.show(0) == []
    assert camera.show(0.1, (HERE, [])) == []


def test_confirmation_needs_n_of_the_last_m_frames_of_the_passage() -> None:
    """Two of three: a frame that disagrees counts among the three, a frame without the face does not."""
    camera = Camera(confirm_frames=2, of_frames=3)
    assert camera.verdict(0.0, "anna") is UNCONFIRMED
    assert camera.verdict(0.1) is None
    assert camera.verdict(0.2) is None
    assert camera.verdict(0.3, "anna") is UNCONFIRMED
    camera.show(0.4)
    assert camera.verdict(0.5, "anna") is ALERT


def test_a_sighting_counts_the_frames_that_agree() -> None:
    """This frame included, and never more than the last m."""
    camera = Camera(confirm_frames=1, of_frames=3)
    frames = [camera.show(at / 10, (HERE, _match("anna")))[0].frames for at in range(5)]
    assert frames == [1, 2, 3, 3, 3]


def test_an_entry_counts_in_every_frame_in_which_it_reached_the_threshold() -> None:
    """One person enrolled twice, each entry best in turn, is confirmed all the same."""
    camera = Camera(confirm_frames=2, of_frames=2)
    assert camera.verdict(0.0, "anna", "anna-2") is UNCONFIRMED
    assert camera.verdict(0.1, "anna-2", "anna") is ALERT


def test_different_entries_do_not_confirm_each_other() -> None:
    """Agreement is about one entry of one list."""
    camera = Camera(confirm_frames=2, of_frames=2)
    assert camera.verdict(0.0, "anna") is UNCONFIRMED
    assert camera.verdict(0.1, "bert") is UNCONFIRMED
    other = camera.show(0.2, (HERE, _match("bert", watchlist="other")))
    assert other[0].verdict is UNCONFIRMED


def test_passages_are_followed_by_place() -> None:
    """Two people apart keep their own passages when the detector swaps their order."""
    camera = Camera(confirm_frames=2, of_frames=2)
    first = camera.show(0.0, (HERE, _match("anna")), (THERE, _match("bert")))
    second = camera.show(0.1, (THERE, _match("bert")), (HERE, _match("anna")))
    assert first[0].passage == second[1].passage != first[1].passage == second[0].passage
    assert [one.verdict for one in second] == [ALERT, ALERT]


def test_boxes_that_overlap_too_little_are_two_passages() -> None:
    """A third of the joint area is the limit here: 40 of 120 px pass, 36 of 124 do not."""
    for shift, same in ((40, True), (44, False)):
        camera = Camera(passage_overlap=0.3)
        first = camera.show(0, (HERE, _match("anna")))
        second = camera.show(0.1, ((shift, 0, 80 + shift, 80), _match("anna")))
        assert (first[0].passage == second[0].passage) is same


def test_each_passage_is_taken_once_by_the_box_that_fits_best() -> None:
    """Of two boxes over one earlier face the nearer continues it, the other begins anew."""
    camera = Camera()
    [before] = camera.show(0, (HERE, _match("anna")))
    far, near = camera.show(0.1, ((30, 0, 110, 80), _match("bert")), ((5, 0, 85, 80), _match("cleo")))
    assert near.passage == before.passage != far.passage


def test_a_passage_ends_after_the_gap() -> None:
    """At the gap it goes on, beyond it a new one begins and must be confirmed anew."""
    camera = Camera(confirm_frames=2, of_frames=2, passage_gap_ms=1000)
    camera.verdict(0, "anna")
    assert camera.verdict(1.0, "anna") is ALERT
    assert camera.verdict(2.001, "bert") is UNCONFIRMED


def test_the_cool_down_spans_passages_of_one_camera() -> None:
    """The same entry is quiet until it is over, on that camera alone; other entries are not."""
    camera = Camera(cool_down_s=60)
    assert camera.verdict(0, "anna") is ALERT
    assert camera.verdict(30, "anna") is REPEATED
    assert camera.verdict(30, "anna", camera="hall") is ALERT
    assert camera.verdict(31, "bert", box=THERE) is ALERT
    assert camera.verdict(59.999, "anna") is REPEATED
    assert camera.verdict(62, "anna") is ALERT


def test_the_cool_down_is_over_when_it_has_passed() -> None:
    """At its very end a new passage alerts."""
    camera = Camera(cool_down_s=60)
    assert [camera.verdict(at, "anna") for at in (0, 30, 60)] == [ALERT, REPEATED, ALERT]


def test_without_cool_down_every_passage_alerts_once() -> None:
    """The passage alone keeps it quiet."""
    camera = Camera(cool_down_s=0)
    assert [camera.verdict(at, "anna") for at in (0, 0.5, 5)] == [ALERT, REPEATED, ALERT]


def test_a_frame_from_the_future_does_not_hold_a_passage_open() -> None:
    """One wrong camera clock must not keep everyone in that place quiet for years, nor keep the state of a passage."""
    camera = Camera(cool_down_s=1)
    assert camera.verdict(10 * 365 * 86400, "anna") is ALERT
    assert camera.verdict(0, "anna") is ALERT
    assert camera.verdict(3600, "anna") is ALERT


def test_frames_a_little_out_of_order_are_one_passage() -> None:
    """Within the gap the order does not matter."""
    camera = Camera(confirm_frames=2, of_frames=2)
    camera.verdict(0.2, "anna")
    assert camera.verdict(0.1, "anna") is ALERT


def test_one_face_may_match_several_lists() -> None:
    """Each list is judged by itself."""
    camera = Camera()
    found = camera.show(0, (HERE, [*_match("anna"), *_match("anna-b", watchlist="other")]))
    assert [(one.match.watchlist, one.verdict) for one in found] == [("sought", ALERT), ("other", ALERT)]


def test_nothing_is_left_of_a_camera_after_gap_and_cool_down() -> None:
    """State ends with the passage; a camera with nothing left is forgotten whole."""
    camera = Camera(cool_down_s=5)
    camera.verdict(0, "anna")
    assert camera.sightings.cameras == ["gate"]
    camera.show(2)
    assert camera.sightings.cameras == ["gate"]
    camera.show(6)
    assert camera.sightings.cameras == []


def test_forget_drops_all_of_a_camera_and_nothing_of_others() -> None:
    """What another process watches is no longer known here."""
    camera = Camera()
    camera.verdict(0, "anna")
    camera.verdict(0, "anna", camera="hall")
    camera.sightings.forget(["gate", "unheard of"])
    assert camera.sightings.cameras == ["hall"]
    assert camera.verdict(0.1, "anna") is ALERT


FRAMES = st.lists(
    st.tuples(
        st.sampled_from(["gate", "hall"]),
        st.floats(0.01, 3),
        st.lists(st.tuples(st.sampled_from([HERE, THERE, (40, 0, 120, 80)]), st.sampled_from(["", "anna", "bert"]))),
    ),
    max_size=30,
)


@given(FRAMES, st.integers(1, 3), st.integers(0, 2), st.sampled_from([0.0, 1.5, 5.0]))
def test_alerts_are_confirmed_and_apart(frames: list[Any], confirm: int, more: int, cool_down_s: float) -> None:
    """Every alert has its n frames; one entry never alerts twice within the cool-down nor twice in one passage."""
    camera = Camera(confirm_frames=confirm, of_frames=confirm + more, cool_down_s=cool_down_s)
    clock, last, alerted = 0.0, dict[Any, datetime](), set()
    for name, pause, faces in frames:
        clock += pause
        shown = [(box, _match(*[who] if who else [])) for box, who in faces]
        found = camera.show(clock, *shown, camera=name)
        assert len(found) == sum(bool(matches) for _, matches in shown)
        for one in found:
            key = (name, one.match.best.entry)
            assert 1 <= one.frames <= confirm + more
            assert (one.verdict is UNCONFIRMED) == (one.frames < confirm)
            if one.verdict is ALERT:
                now = NOW + timedelta(seconds=clock)
                assert key not in last or now - last[key] >= timedelta(seconds=cool_down_s)
                assert (one.passage, key) not in alerted
                last[key] = now
                alerted.add((one.passage, key))


def test_frames_that_count_towards_an_alert_are_waited_for() -> None:
    """Until it is given, or until they count no more; one frame is enough for some policies, then none is."""
    camera = Camera(confirm_frames=2, of_frames=3)
    waits_for = camera.sightings.waits_for
    camera.verdict(0.0, "anna")
    camera.verdict(0.1)
    assert waits_for("gate") == {FrameRef("frames", 0, 1)}
    camera.verdict(0.2, "anna", "bert")
    assert waits_for("gate") == {FrameRef("frames", 0, 3)}  # of anna none, of bert one
    for at_s in (0.3, 0.4, 0.5):
        camera.verdict(at_s)
    assert waits_for("gate") == set()
    assert waits_for("nowhere") == set()
    alone = Camera()
    alone.verdict(0.0, "anna")
    assert alone.sightings.waits_for("gate") == set()


def test_what_another_process_has_alerted_about_is_not_alerted_again() -> None:
    """Neither in that passage nor, within the cool-down, in a later one; other entries and cameras are."""
    camera = Camera(cool_down_s=10.0)
    box = np.array(HERE, np.float32)
    camera.sightings.recall("gate", ("sought", "anna"), "p", box, NOW)
    camera.sightings.recall("gate", ("sought", "anna"), "p", box, NOW - timedelta(seconds=5))
    found = camera.show(0.5, (HERE, _match("anna")))
    assert [(one.passage, one.verdict) for one in found] == [("p", REPEATED)]
    assert camera.verdict(0.5, "anna", box=THERE) is REPEATED
    assert camera.verdict(0.6, "bert") is ALERT
    assert camera.verdict(0.6, "anna", camera="hall") is ALERT
    assert camera.verdict(10.1, "anna") is ALERT


def test_an_alert_that_was_not_written_is_due_again() -> None:
    """Its frame counts no more, others that were alerted about stay so."""
    camera = Camera(confirm_frames=2, of_frames=3)
    for at_s in (0.0, 0.1):
        there = camera.show(at_s, (THERE, _match("bert")))
    assert [one.verdict for one in there] == [ALERT]
    camera.show(0.2, (HERE, _match("anna")), (THERE, _match("bert")))
    found = camera.show(0.3, (HERE, _match("anna")), (THERE, _match("bert")))
    due = [one for one in found if one.verdict is ALERT]
    assert [one.match.best.entry for one in due] == ["anna"]
    camera.sightings.take_back("gate", FrameRef("frames", 0, 4), due)
    assert camera.sightings.waits_for("gate") == {FrameRef("frames", 0, 3)}
    again = camera.show(0.4, (HERE, _match("anna")), (THERE, _match("bert")))
    assert [(one.verdict, one.frames) for one in again] == [(ALERT, 2), (REPEATED, 3)]
