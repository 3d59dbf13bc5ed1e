import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from cluster.policies.in_force import check_period, policy_of, read_manifest, read_manifests, read_pinned, read_policy
from cluster.strict_yaml import read
from cluster.wire.text import parse_time
from operators.align import TEMPLATE_NAME
from operators.errors import SettingsRefused
from operators.hours import WEEKDAYS
from operators.models import ModelManifest, People
from operators.policy import ModelChoice, Policy
from tests.builders import policy, policy_document


def _refusal(path: Path) -> str:
    with pytest.raises(SettingsRefused) as refused:
        read_policy(path)
    return str(refused.value)


def _places(document: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """Every value of a document with its path."""
    if isinstance(document, dict | list):
        for key, value in document.items() if isinstance(document, dict) else enumerate(document):
            yield from _places(value, (*at, key))
    else:
        yield at, document


def _put(document: Any, at: tuple[Any, ...], value: Any) -> None:
    for key in at[:-1]:
        document = document[key]
    document[at[-1]] = value


def _drop(document: Any, at: tuple[Any, ...]) -> None:
    for key in at[:-1]:
        document = document[key]
    del document[at[-1]]


PLACES = {at: value for at, value in _places(policy_document()) if not {*WEEKDAYS[1:]} & {*at}}
DIGEST = policy_of(policy_document()).digest
EXCEPTION = ("watchlists", "sought", "cameras", "hall")
DAYS = {("hours", "windows", day) for day in WEEKDAYS}
KEYS = sorted(
    {at[:n] for at in PLACES for n in range(1, len(at) + 1) if isinstance(at[n - 1], str)} - {EXCEPTION} - DAYS
)


def test_a_policy_file_becomes_a_policy(write_document: Any) -> None:
    """With the digest of its canonical form."""
    found = read_policy(write_document(policy_document()))
    assert found.policy == policy()
    assert len(found.digest) == 64


def test_the_digest_is_that_of_the_canonical_json(write_document: Any) -> None:
    """RFC 8785 for a document of ASCII keys and small numbers: sorted keys, no blanks. Anyone can compute it again."""
    document = policy_document()
    canonical = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert read_policy(write_document(document)).digest == hashlib.sha256(canonical.encode()).hexdigest()


@pytest.mark.parametrize("key", [key for key in KEYS if key[-1] not in ("cameras", "sought") or len(key) == 1])
def test_nothing_has_a_default(key: tuple[str, ...]) -> None:
    """Each key left out is named; only exceptions by camera may be missing."""
    document = policy_document()
    _drop(document, key)
    with pytest.raises(SettingsRefused) as refused:
        policy_of(document)
    assert f"{'.'.join(key)}: is missing" in str(refused.value)


@pytest.mark.parametrize(
    "part",
    [
        (),
        ("detect",),
        ("watchlists", "sought"),
        ("sightings",),
        ("detector",),
        ("public_engagement",),
        ("retention",),
        ("retention", "alerts"),
        ("assessments",),
    ],
)
def test_a_key_nobody_knows_is_refused(write_document: Any, part: tuple[str, ...]) -> None:
    """In every part of the document: a misspelt exception must not pass as none."""
    document = policy_document()
    _put(document, (*part, "treshold"), 0.5)
    assert f"{'.'.join((*part, 'treshold'))}: is not a known key" in _refusal(write_document(document))


@pytest.mark.parametrize("at", PLACES, ids=lambda at: ".".join(map(str, at)))
def test_no_value_may_be_of_another_kind(at: tuple[Any, ...]) -> None:
    """No coercion of any value, in particular not of `true` to 1 nor of a number to text; from a file or a message."""
    for wrong in (True, None, [PLACES[at]], 7 if isinstance(PLACES[at], str) else str(PLACES[at])):
        document = policy_document()
        _put(document, at, wrong)
        with pytest.raises(SettingsRefused, match=re.escape(str(at[0]))):
            policy_of(document)


@pytest.mark.parametrize(
    ("at", "value", "words"),
    [
        (("watchlists", "sought", "threshold"), 0.49, "below the floor"),
        (("watchlists", "sought", "threshold"), 1.01, "cosine lies in"),
        (EXCEPTION, 0.49, "below the floor"),
        (("watchlists", "sought", "cameras"), {"threshold": 0.9, "hall": 0.7}, "not among the policy's cameras"),
        (("watchlists", "sought", "cameras", "roof"), 0.9, "not among the policy's cameras: roof"),
        (("cameras",), ["gate", "hall", "gate"], "twice"),
        (("cameras",), [], "cameras"),
        (("policy",), 0, "start at 1"),
        (("policy",), 2**53, "2^53"),
        (("max_frame_age_ms",), 2**64, "2^53"),
        (("max_frame_age_ms",), 10**400, "2^53"),
        (("sightings", "cool_down_s"), 1e300, "cool_down_s"),
        (("sightings", "cool_down_s"), 10**20, "cool_down_s"),
        (("detector", "sha256"), "A" * 64, "sha256"),
        (("hours", "windows", "mon"), ["22:00-02:00"], "hours: windows.mon: '22:00-02:00' is no window"),
        (("hours", "windows", "monday"), [], "hours: windows: name each of mon"),
        (("hours", "zone"), "Mars/Base", "hours: zone: 'Mars/Base' is no time zone"),
        (("start",), "2026-01-01", "start: "),
        (("start",), "2026-01-01T00:00:00", "start: must be in UTC, written as 2026-01-31T12:00:00Z"),
        (("start",), "2026-01-01T01:00:00+01:00", "start"),
        (("start",), "2026-01-01 00:00:00Z", "start: write a time in UTC"),
        (("start",), "1767225600", "start: write a time in UTC"),
        (("start",), "2026-02-30T00:00:00Z", "start: "),
        (("end",), "2026-01-01T00:00:00Z", "end: must be after start"),
        (("review_by",), "2100-01-01T00:00:00Z", "review_by: must be"),
        (("public_engagement", "sha256"), "0", "public_engagement: sha256"),
        (("licences",), [], "licences"),
        (("retention",), "uk-strict", "retention"),
        (("retention", "profile"), "/etc/passwd", "name of a profile"),
        (("retention", "frames", "keep"), 10, "retention.frames.keep"),
        (("retention", "frames", "keep"), "2 h", "grows older than"),
        (("retention", "nonmatches"), {"at_most": "1 h"}, "retention.nonmatches: is not a known key"),
        (("max_nonmatch_s",), 0, "max_nonmatch_s"),
        *(
            (("watchlists", "sought", "most_entries"), wrong, "watchlists.sought.most_entries")
            for wrong in ("100", 1.5, True, None)
        ),
        (("watchlists", "sought", "most_entries"), 0, "most_entries: must be at least 1"),
        (("watchlists", "sought", "most_entries"), 10**20, "below 2^53 only"),
        (("freshness", "rule"), "latest", "'every', 'newest' or 'sample'"),
        (("freshness", "rule"), "sample", "frames_per_s: is given with"),
        (("freshness", "frames_per_s"), 2, "frames_per_s: is given with"),
        (("freshness",), {"rule": "sample", "frames_per_s": 0}, "between 0.001 and 1000"),
        (("freshness", "cameras"), {"roof": {"rule": "newest"}}, "freshness.cameras: not among the policy's cameras"),
        (("freshness", "cameras"), {"hall": {"rule": "sample"}}, "frames_per_s: is given with"),
        (("freshness", "cameras"), {"hall": {"rule": "newest", "cameras": {}}}, "is not a known key"),
    ],
)
def test_a_policy_that_must_not_come_into_force_is_refused(
    write_document: Any, at: tuple[str, ...], value: Any, words: str
) -> None:
    """By the same checks as the values themselves, with the file before the reason."""
    document = policy_document()
    _put(document, at, value)
    path = write_document(document)
    text = _refusal(path)
    assert words in text
    assert text.startswith(str(path))


def test_thresholds_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    """NaN compares false with everything, the infinite and the too large never match or always do."""
    for wrong in (".nan", ".inf", "-.inf", "1e999", "NaN", "'0.6'"):
        path = tmp_path / "policy.yaml"
        path.write_text(json.dumps(policy_document()).replace('"threshold": 0.6', f'"threshold": {wrong}'))
        assert "watchlists.sought.threshold" in _refusal(path)


@settings(max_examples=10)
@given(st.randoms(use_true_random=False))
def test_the_digest_does_not_depend_on_how_it_is_written(tmp_path: Path, random: Any) -> None:
    """Order of keys, style, comments and the spelling of numbers do not matter."""

    def shuffled(value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        keys = list(value)
        random.shuffle(keys)
        return {key: shuffled(value[key]) for key in keys}

    plain, other = tmp_path / "plain.yaml", tmp_path / "other.yaml"
    plain.write_text(json.dumps(policy_document()))
    text = yaml.safe_dump(
        shuffled(policy_document()),
        sort_keys=False,
        allow_unicode=True,
        default_flow_style=random.choice([True, False]),
        width=1000,
    )
    other.write_text(
        "# a comment\n" + text.replace("0.7", "0.70").replace("cool_down_s: 60", "cool_down_s: 60.0") + "\n# another\n"
    )
    found = read_policy(other)
    assert found == read_policy(plain)


OTHERS = {
    ("people",): "real",
    ("freshness", "rule"): "newest",
    ("start",): "2026-01-01T00:00:01Z",
    ("end",): "2099-12-31T00:00:01Z",
    ("review_by",): "2099-01-01T00:00:01Z",
    ("hours", "zone"): "Europe/Paris",
    ("max_nonmatch_s",): 1.999999999,
}


@pytest.mark.parametrize("at", [*PLACES, ("cameras",)], ids=lambda at: ".".join(map(str, at)))
def test_the_digest_changes_with_every_value(at: tuple[Any, ...]) -> None:
    """However little."""
    before = DIGEST
    document = policy_document()
    old = PLACES.get(at)
    changed: Any = ["gate", "hall"] if old is None else None
    if isinstance(old, str):
        changed = old[:-1] + ("0" if old.endswith("b") else "b")
    elif old is not None:
        changed = old + (1 if isinstance(old, int) else 1e-9)
    if at in OTHERS:
        changed = OTHERS[at]
    if at[0] == "retention" and len(at) == 3:
        number, unit = old.split()  # a longer promise, or a shorter time; the ledger's has a floor
        changed = f"{int(number) + 1} {unit}" if "ledger" in at or "at_most" in at else f"{number} s"
    if at[:2] == ("hours", "windows"):
        changed = "00:00-23:59"
    if at == ("cameras", 1):
        _drop(document, EXCEPTION)
    if at == ("sightings", "confirm_frames"):
        document["sightings"]["of_frames"] = changed = 2
        before = policy_of(document).digest
    _put(document, at, changed)
    assert policy_of(document).digest != before


@pytest.mark.parametrize(
    ("at", "words"),
    [
        ("2026-01-01T00:00:00Z", ""),
        ("2098-12-31T23:59:59Z", ""),
        ("2099-01-01T00:00:00Z", "was to be reviewed by 2099-01-01T00:00:00.000Z: review what came of it"),
        ("2099-12-31T00:00:00Z", "ended at 2099-12-31T00:00:00.000Z: whoever authorised it decides anew"),
    ],
)
def test_a_policy_whose_time_is_over_is_not_started(at: str, words: str) -> None:
    """The message says what to do; before its time it may be started."""
    if not words:
        check_period(policy(), parse_time(at))
        return
    with pytest.raises(SettingsRefused, match=f"policy 7 of test {words}"):
        check_period(policy(), parse_time(at))


def test_policy_and_digest_are_of_the_same_bytes(write_document: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that is replaced while it is read must not be named by the other one's digest."""
    first, second = policy_document(), {**policy_document(), "policy": 8}
    path = write_document(first)
    expected = read_policy(path)
    original, reads = Path.read_bytes, []

    def read_bytes(self: Path) -> bytes:
        reads.append(self)
        return original(self) if len(reads) == 1 else json.dumps(second).encode()

    monkeypatch.setattr(Path, "read_bytes", read_bytes)
    assert read_policy(path) == expected


MANIFEST = {
    "name": "sees",
    "adapter": "yunet",
    "file": "sees.onnx",
    "size_bytes": 5,
    "sha256": "a" * 64,
    "licence": "Apache-2.0",
    "training_data": "none",
    "evaluation": "none",
    "people": "synthetic",
    "colour": "bgr",
    "mean": [0, 0, 0],
    "scale": [1, 1, 1],
}


def chosen(file: Path, **changes: str) -> ModelChoice:
    """What a policy says of the model of this manifest."""
    manifest, digest = read_pinned(file)
    return replace(ModelChoice(manifest.name, manifest.sha256, digest), **changes)


def test_a_manifest_is_found_by_name_and_digest(write_document: Any, tmp_path: Path) -> None:
    """Both must be what the policy says."""
    own = chosen(write_document(MANIFEST, "sees.yaml"))
    assert read_manifest(own, tmp_path).sha256 == "a" * 64
    with pytest.raises(SettingsRefused, match="decide which one was approved"):
        read_manifest(replace(own, sha256="b" * 64), tmp_path)
    with pytest.raises(SettingsRefused, match=r"no manifest knows\.yaml .*there: sees"):
        read_manifest(replace(own, model="knows"), tmp_path)
    with pytest.raises(SettingsRefused, match="there: none"):
        read_manifest(own, tmp_path / "elsewhere")


@pytest.mark.parametrize(
    "change",
    [
        {"mean": [0, 0, 1e-9]},
        {"scale": [1, 1, 2]},
        {"colour": "rgb"},
        {"adapter": "scrfd"},
        {"licence": "MIT"},
        {"people": "real"},
        {"training_data": "unknown"},
        {"note": "another"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_manifest_that_was_changed_after_approval_is_refused(
    write_document: Any, tmp_path: Path, change: dict[str, Any]
) -> None:
    """How a model is fed and on whom it was trained is approved with it; a wrong mean moves every cosine."""
    own = chosen(write_document(MANIFEST, "sees.yaml"))
    changed = write_document({**MANIFEST, **change}, "sees.yaml")
    with pytest.raises(SettingsRefused) as refused:
        read_manifest(own, tmp_path)
    assert str(refused.value) == (
        f"{changed}: has digest {chosen(changed).manifest}, the policy pins {own.manifest}: it has been changed since; "
        "put back what was approved, or have the change approved in a new policy"
    )


def test_how_a_manifest_is_written_does_not_matter_nor_where_it_was_measured(
    write_document: Any, tmp_path: Path
) -> None:
    """A model is measured under the policy that pins it, whose digest the measurement names."""
    own = chosen(write_document(MANIFEST, "sees.yaml"))
    measured = {**dict(reversed(MANIFEST.items())), "mean": [0.0, 0.0, 0.0], "evaluation": "d" * 64}
    write_document(measured, "sees.yaml")
    assert read_manifest(own, tmp_path).evaluation == "d" * 64


def test_a_manifest_under_another_name_is_refused(write_document: Any, tmp_path: Path) -> None:
    """The policy approved a model by the name that stands in its manifest, too."""
    own = chosen(write_document({**MANIFEST, "name": "other"}, "sees.yaml"), model="sees")
    with pytest.raises(SettingsRefused, match="other"):
        read_manifest(own, tmp_path)


@pytest.mark.parametrize("name", ["../sees", "sub/sees", "/etc/sees", "..", ""])
def test_a_manifest_is_never_looked_for_elsewhere(write_document: Any, tmp_path: Path, name: str) -> None:
    """The name of a model is a name, not a path."""
    folder = tmp_path / "models"
    (folder / "sub").mkdir(parents=True)
    for place in (tmp_path, folder / "sub"):
        (place / "sees.yaml").write_text(json.dumps({**MANIFEST, "name": name or "x"}))
    with pytest.raises(SettingsRefused):
        read_manifest(ModelChoice(name, "a" * 64, "a" * 64), folder)


@pytest.mark.parametrize(("document", "into"), [(policy_document(), Policy), (MANIFEST, ModelManifest)])
def test_whom_a_policy_or_a_manifest_is_about_is_never_assumed(write_document: Any, document: Any, into: Any) -> None:
    """Left out or misspelt, it is refused by file and line."""
    path = write_document({key: value for key, value in document.items() if key != "people"})
    with pytest.raises(SettingsRefused, match=re.escape(f"{path}:1: people: is missing: there is no default")):
        read(path, into)
    path = write_document({**document, "people": "drawn"})
    line = 1 + path.read_text().splitlines().index(' "people": "drawn",')
    with pytest.raises(SettingsRefused, match=rf"{re.escape(str(path))}:{line}: people: .*'real' or 'synthetic'"):
        read(path, into)


def test_the_manifests_of_the_project_are_good() -> None:
    """Each is named after its model, and says whom it was trained on."""
    files = sorted((Path(__file__).resolve().parents[3] / "configs" / "models").glob("*.yaml"))
    assert files
    for file in files:
        assert read_manifest(chosen(file, model=file.stem), file.parent).people in People


@pytest.mark.parametrize(
    ("people", "detector", "embedder", "unfit"),
    [
        ("real", "synthetic", "real", ["detector"]),
        ("real", "real", "synthetic", ["embedder"]),
        ("real", "synthetic", "synthetic", ["detector", "embedder"]),
        ("real", "real", "real", []),
        ("synthetic", "synthetic", "synthetic", []),
        ("synthetic", "real", "real", []),
    ],
)
def test_models_that_know_no_real_face_are_refused_to_a_policy_for_real_people(
    write_document: Any, tmp_path: Path, people: str, detector: str, embedder: str, unfit: list[str]
) -> None:
    """One line a model, each with the policy's file; otherwise both manifests are given, detector first."""
    sees = write_document({**MANIFEST, "people": detector}, "sees.yaml")
    knows = {"name": "knows", "adapter": "embedder112", "dimension": 8, "sha256": "b" * 64, "people": embedder}
    knows |= {"template": TEMPLATE_NAME}
    models = {"detector": sees, "embedder": write_document({**MANIFEST, **knows}, "knows.yaml")}
    pinned = {name: asdict(chosen(file)) for name, file in models.items()}
    path = write_document({**policy_document(), **pinned, "people": people}, "policy.yaml")
    named = read_policy(path).policy
    if not unfit:
        assert [found.name for found in read_manifests(path, named, tmp_path)] == ["sees", "knows"]
        return
    with pytest.raises(SettingsRefused) as refused:
        read_manifests(path, named, tmp_path)
    lines = str(refused.value).splitlines()
    assert [line.partition(".model: ")[0] for line in lines] == [f"{path}: {field}" for field in unfit]
