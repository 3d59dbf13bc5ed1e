"""From looks to figures, tables and verdicts: a small evaluation worked by hand, without any picture."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from loadtests.evaluate.counts import Counts
from loadtests.evaluate.detection import Scene
from loadtests.evaluate.findings import Findings
from loadtests.evaluate.identify import identify
from loadtests.evaluate.looks import Look, Sitter
from loadtests.evaluate.page import write_json, write_page
from loadtests.evaluate.plots import draw
from loadtests.evaluate.recall import detection
from loadtests.evaluate.report import show
from loadtests.evaluate.subjects import Subject
from loadtests.evaluate.verdicts import verdicts
from loadtests.people.nuisance import Picture
from loadtests.people.render import View

POLICY_THRESHOLD = 0.5
PICTURE = Picture(View(yaw_deg=5), width_px=80, motion_px=0, motion_deg=0, noise=0, quality=90, cover=0)
TURNED = replace(PICTURE, view=View(yaw_deg=-25), cover=0.2)


def look(person: int, cosine: float | None, entry: int = 0, picture: Picture = PICTURE) -> Look:
    """A picture of a person that is as alike to one entry of the watchlist as given; None when it was not found."""
    subject = Subject(person, person % 4, person // 4)
    if cosine is None:
        return Look(subject, picture, None, "not found", 0)
    vector = np.zeros(9, np.float32)
    vector[entry], vector[8] = cosine, np.sqrt(1 - cosine**2)
    return Look(subject, picture, vector, None, 0)


def sitters() -> list[Sitter]:
    """Eight people; the last could not be enrolled, one is taken for another, one is not found."""
    probes: list[list[Look]] = [[look(who, 0.9, who), look(who, 0.6, who, TURNED)] for who in range(8)]
    probes[1][0] = look(1, 0.95, entry=2)
    probes[3][1] = look(3, None, picture=TURNED)
    references = [look(who, None if who == 7 else 1.0, who) for who in range(8)]
    return [Sitter(*each) for each in zip(references, probes, strict=True)]


def passers() -> list[Look]:
    """A hundred other people: one reaches 0.7, one is not found, all others 0.2."""
    return [look(0, 0.7), look(1, None), *(look(who, 0.2, who % 7) for who in range(2, 100))]


@pytest.fixture
def findings() -> Findings:
    """What is found of them, and of one scene without anybody."""
    nothing = np.zeros((0, 4), np.float32), np.zeros((0, 5, 2), np.float32)
    scene = Scene(*nothing, np.zeros(0, np.float32), *nothing, np.zeros(0, bool), 0)
    found = identify(sitters(), passers(), {"sought": POLICY_THRESHOLD}, seed=1)
    return Findings({"command": "none"}, Counts(8, 2, 100, 1), found, detection([scene], 1))


def test_misses_and_alerts_are_counted(findings: Findings) -> None:
    """Of 16 mated probes, one finds another first, one is lost and two belong to somebody who is not listed."""
    found = findings.identification
    assert found.references.searched == 7
    assert (found.mated.taken, found.mated.lacking) == (16, {"not found": 1})
    loose, strict, policy = found.points
    # 1 % of 100 may alert: the threshold lies just above the rest, far below every mated probe.
    assert (loose.threshold, loose.fpir.hits, loose.tpir.hits, loose.misled) == (0.2001, 1, 12, 1)
    # 0.1 % of 100 is none: the threshold lies above all, the highest of which is 0.7 as float32, a little less.
    assert (strict.threshold, strict.fpir.hits, strict.tpir.hits, strict.is_told) == (0.7, 0, 6, False)
    assert (policy.threshold, policy.fpir.hits, policy.tpir.hits, policy.misled) == (POLICY_THRESHOLD, 1, 12, 1)
    # The two probes of the person who is not listed are equally unlike everybody.
    assert found.ties == 2


def test_conditions_part_the_probes(findings: Findings) -> None:
    """At the strict threshold only probes that look ahead are found; each probe is in one row of each kind."""
    rows = {each.label: each for each in findings.identification.conditions}
    ahead, aside = rows["turned 0 to 10 deg"], rows["turned 20 to 30 deg"]
    assert (ahead.tpir.hits, ahead.tpir.of, ahead.fpir.of) == (6, 8, 100)
    assert (aside.tpir.hits, aside.tpir.of, aside.lacking.hits) == (0, 8, 1)
    assert rows["partly covered"].tpir.of == 8
    for kind in {each.kind for each in rows.values()}:
        assert sum(each.tpir.of for each in rows.values() if each.kind == kind) == 16


def test_groups_of_skin_tone_are_compared(findings: Findings) -> None:
    """At the loose threshold the groups find 4, 3, 4 and 1 of 4."""
    tones = findings.identification.tones[0]
    assert [each.hits for each in tones.tpir.groups] == [4, 3, 4, 1]
    assert tones.tpir.largest == pytest.approx(0.75)


def test_the_curve_falls_and_the_histogram_holds_everybody(findings: Findings) -> None:
    """Higher thresholds find fewer; 13 mated probes were searched and have an entry, 99 others were."""
    curve, histogram = findings.identification.curve, findings.identification.histogram
    assert POLICY_THRESHOLD in curve.thresholds
    for rates in (curve.fpir, curve.tpir):
        hits = [each.hits for each in rates]
        assert hits == sorted(hits, reverse=True)
    assert (sum(histogram.mated), sum(histogram.unlisted)) == (13, 99)


def test_floors_and_goals_are_judged(findings: Findings) -> None:
    """Too little was seen for most: what cannot be told is not met."""
    judged = {each.asked: (each.met, each.is_floor) for each in verdicts(findings)}
    assert judged == {
        "recall of faces of 40 px and more at least 98 %": (False, True),
        "at most 1 false face in 100 frames": (True, True),
        "TPIR at least 95 % at FPIR 1 %": (False, True),
        "TPIR at least 97 % at FPIR 0.1 %": (False, False),
        "groups of skin tone within 2 points": (False, True),
    }


def test_everything_is_written_down(findings: Findings, tmp_path: Path) -> None:
    """Terminal, page, file and figures; rates with n, interval and threshold, and no talk of accuracy."""
    console = Console(record=True, width=100, file=(tmp_path / "terminal").open("w"))
    show(findings, console)
    plots = draw(findings, tmp_path / "plots")
    write_page(findings, tmp_path / "page.md", plots)
    write_json(findings, tmp_path / "all.json")
    console.file.close()
    page = (tmp_path / "page.md").read_text()
    for text in (console.export_text(), page):
        assert "0.2001" in text
        assert "75.00" in text  # 12 of 16
        assert "47.62 to 92.73" in text
        assert "NOT MET: TPIR at least 95 % at FPIR 1 %" in text
        assert "accuracy" not in text.lower()
    assert all(f"]({plot.relative_to(tmp_path)})" in page for plot in plots)
    assert all(0 < plot.stat().st_size < 150_000 for plot in plots)
    written = json.loads((tmp_path / "all.json").read_text())
    assert written["identification"]["points"][0]["threshold"] == 0.2001
    assert written["detection"]["landmark_median"] is None
    assert len(written["verdicts"]) == 5
