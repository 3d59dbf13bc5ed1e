"""What an evaluation found, as tables and sentences."""

from rich.console import Console
from rich.padding import Padding

from loadtests.evaluate.detection import SAME_FACE, SMALLEST_PX
from loadtests.evaluate.findings import STRICT, Detection, Findings, Identification, Probes, Tones, percent
from loadtests.evaluate.parity import Parity
from loadtests.evaluate.rates import FEW, Interval, Rate
from loadtests.evaluate.scenes import VISIBLE
from loadtests.evaluate.sheets import Sheet
from loadtests.evaluate.subjects import GROUPS
from loadtests.evaluate.verdicts import TONES_FLOOR, Verdict, largest_difference, verdicts


def show(findings: Findings, console: Console) -> None:
    """Print it."""
    for sheet in sheets(findings):
        console.print(sheet.as_table())
        for note in sheet.notes:
            console.print(Padding(note, (0, 0, 0, 2)), highlight=False, style="bright_black")
        console.print()
    for name, value in findings.about.items():
        console.print(f"{name}: {value}", highlight=False, style="bright_black")
    console.print()
    for verdict in verdicts(findings):
        console.print(f"[{'green' if verdict.met else 'red'}]{line(verdict)}", highlight=False)


def line(verdict: Verdict) -> str:
    """A verdict in one line."""
    return f"{'met' if verdict.met else 'NOT MET'}: {verdict.asked} ({_kind(verdict)}): {verdict.found}"


def sheets(findings: Findings) -> list[Sheet]:
    """All tables."""
    there = findings.identification
    return [acquisition(there), operating(there), conditions(there), tones(there), detection(findings.detection)]


def acquisition(there: Identification) -> Sheet:
    """Which pictures never reached the search."""
    kinds = (
        ("references (studio)", there.references),
        ("mated probes (street)", there.mated),
        ("unlisted probes (street)", there.unlisted),
    )
    rows = tuple(
        (name, f"{each.taken:,}", f"{each.searched:,}", _lacking(each), f"{each.false_faces:,}") for name, each in kinds
    )
    return Sheet(
        "Pictures, and those that could not be compared",
        ("pictures", "taken", "compared", "not compared, by reason", "false faces"),
        rows,
        (
            f"The watchlist has N = {there.references.searched:,} entries of {there.references.taken:,} people. Probes "
            "of people who could not be enrolled are misses, as are mated probes that were not compared; other probes "
            "that were not compared raise no alert. False faces: further faces in a probe that pass the gates.",
        ),
    )


def operating(there: Identification) -> Sheet:
    """Both rates at each threshold."""
    rows: list[tuple[str, ...]] = []
    for point in there.points:
        name, threshold = point.name, f"{point.threshold:.4f}"
        rows += [
            (name, threshold, "FPIR", *_cells(point.fpir, 2)),
            ("", "", "TPIR", *_cells(point.tpir, 2)),
            (),
        ]
    few = [point.name for point in there.points if point.fpir.hits < FEW]
    misled = ", ".join(f"{point.misled} at {point.threshold:.4f}" for point in there.points)
    notes = [
        f"N = {there.references.searched:,}. FPIR: unlisted probes with an alert, of all. TPIR: mated probes whose own "
        "entry is the best and reaches the threshold, of all. Exact: Clopper and Pearson. By person: people drawn anew "
        f"with all their probes. Alerts for somebody else among mated probes (misses): {misled}. Ties for the best "
        f"entry: {there.ties}.",
    ]
    if few:
        notes.append(f"Fewer than {FEW} alerts ({', '.join(few)}): read the interval of FPIR, not its value.")
    notes += [
        f"{point.name} cannot be told from {point.fpir.of:,} probes: its threshold lies above all of them."
        for point in there.points
        if not point.is_told
    ]
    columns = ("threshold for", "cosine", "rate", "%", "of", "n", "95 % exact", "95 % by person")
    return Sheet("Identification", columns, tuple(rows[:-1]), tuple(notes))


def conditions(there: Identification) -> Sheet:
    """TPIR under each condition."""
    rows: list[tuple[str, ...]] = []
    for at, each in enumerate(there.conditions):
        if at and there.conditions[at - 1].kind != each.kind:
            rows.append(())
        value, _, n, exact, person = _cells(each.tpir, 1)
        alerts = f"{each.fpir.hits} of {each.fpir.of:,}"
        rows.append((each.label, n, _percent(each.lacking, 1), value, exact, person, alerts))
    columns = ("condition", "n", "lost %", "TPIR %", "95 % exact", "95 % by person", "unlisted alerts")
    note = (
        f"At the threshold for FPIR {percent(STRICT)}, {there.points[1].threshold:.4f}. Lost: not compared, a miss. "
        "Width: of the face seen from the front. From one side: 0.3 or more of the light. Each is drawn independently."
    )
    return Sheet("TPIR by condition", columns, tuple(rows), (note,))


def tones(there: Identification) -> Sheet:
    """Both rates by skin tone."""
    columns = [*((each.tpir, 1) for each in there.tones), *((each.fpir, 2) for each in there.tones)]
    rows: list[tuple[str, ...]] = []
    for group in range(GROUPS):
        label = f"{group / GROUPS:.2f} to {(group + 1) / GROUPS:.2f}"
        rows.append((label, *(_brief(parity.groups[group], digits) for parity, digits in columns)))
    rows += [
        (),
        ("points apart", *(f"{100 * parity.largest:.2f}" for parity, _ in columns)),
        ("by chance in", *(f"{100 * parity.chance:.0f} %" for parity, _ in columns)),
        ("would show, points", *(f"{100 * parity.detectable:.2f}" for parity, _ in columns)),
    ]
    heads = [f"{name} at {percent(each.target)}" for name in ("TPIR", "FPIR") for each in there.tones]
    title = "Skin tones (0 the lightest, 1 the darkest)"
    return Sheet(title, ("skin", *heads), tuple(rows), tuple(_about_tones(there.tones)))


def detection(seen: Detection) -> Sheet:
    """Recall by size, and what else the detector does."""
    rows: list[tuple[str, ...]] = [
        (each.label, *_cells(each.recall, 1), _percent(each.passing, 1)) for each in seen.sizes
    ]
    rows += [(), ("40 px and more", *_cells(seen.recall, 2), "")]
    rows += [("same, IoU 0.5", *_cells(seen.tight, 2), "")]
    low, high = seen.false_interval
    notes = (
        f"{seen.scenes} scenes of 1280x720, {seen.empty} of them without anybody, {seen.people:,} people. Found: a box "
        f"with IoU {SAME_FACE} or more. {seen.ignored} true faces count for nothing: narrower than {SMALLEST_PX:g} px, "
        f"or less than {percent(VISIBLE)} visible. By scene: scenes drawn anew.",
        f"False faces in 100 frames: {seen.per_100(seen.false_faces):.2f} (95 % {seen.per_100(low):.2f} to "
        f"{seen.per_100(high):.2f}): {seen.false_faces} boxes, {seen.false_in_empty} of them where nobody is, "
        f"{seen.false_passing} pass the gates and would be searched.",
        f"Landmarks are off by {100 * seen.landmark_median:.1f} % of the face's width (median), "
        f"{100 * seen.landmark_p95:.1f} % (95th percentile); median IoU {seen.overlap_median:.2f}.",
    )
    columns = ("width of the face", "recall %", "found", "n", "95 % exact", "95 % by scene", "past gates %")
    return Sheet("Detection", columns, tuple(rows), notes)


def _about_tones(found: tuple[Tones, ...]) -> list[str]:
    largest = largest_difference(found)
    notes = [
        "Equal groups of people, each photographed under the same conditions: what is drawn about a picture follows "
        "from the person's rank within the group, not from the person. In brackets the wider of the exact interval "
        "and the one by person.",
        f"The largest difference between two groups is {100 * largest:.2f} points: "
        f"{'within' if largest <= TONES_FLOOR else 'NOT within'} {100 * TONES_FLOOR:g} points.",
    ]
    named = [
        (f"{name} at the threshold for FPIR {percent(each.target)}", parity)
        for each in found
        for name, parity in _both(each)
    ]
    return notes + [_about_parity(name, parity) for name, parity in named]


def _about_parity(name: str, parity: Parity) -> str:
    furthest = f"{name}: {100 * parity.largest:.2f} points between the groups furthest apart"
    if parity.is_seen:
        return f"{furthest}, which chance brings about in {100 * parity.chance:.2g} % of cases: the groups differ."
    return (
        f"{furthest}, which chance brings about in {100 * parity.chance:.0f} % of cases: no difference is seen. One of "
        f"{100 * parity.detectable:.2f} points would be seen in 4 of 5 such evaluations; a smaller one may exist."
    )


def _both(each: Tones) -> tuple[tuple[str, Parity], ...]:
    return ("TPIR", each.tpir), ("FPIR", each.fpir)


def _lacking(probes: Probes) -> str:
    reasons = ", ".join(f"{reason.replace('_', ' ')} {count}" for reason, count in probes.lacking.items())
    missing = probes.taken - probes.searched
    return f"{100 * missing / probes.taken:.1f} %: {reasons}" if missing else "none"


def _cells(rate: Rate, digits: int) -> tuple[str, str, str, str, str]:
    person = _interval(rate.resampled, digits) if rate.resampled else ""
    return _percent(rate, digits), f"{rate.hits:,}", f"{rate.of:,}", _interval(rate.exact, digits), person


def _brief(rate: Rate, digits: int) -> str:
    low, high = rate.widest
    return f"{_percent(rate, digits)} ({100 * low:.{digits}f}-{100 * high:.{digits}f})"


def _percent(rate: Rate, digits: int) -> str:
    return f"{100 * rate.value:.{digits}f}" if rate.of else "-"


def _interval(interval: Interval, digits: int) -> str:
    low, high = interval
    return f"{100 * low:.{digits}f} to {100 * high:.{digits}f}"


def _kind(verdict: Verdict) -> str:
    return "floor" if verdict.is_floor else "goal"
