import contextlib
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.strict_yaml import MAX_BYTES, load, read, read_both
from operators.errors import SettingsRefused


class Colour(StrEnum):
    """A choice."""

    RED = "red"


@dataclass(frozen=True)
class Inner:
    """A part."""

    x: float
    secret: str | None = None


@dataclass(frozen=True)
class Outer:
    """A document with one field of every kind."""

    number: int
    share: float
    name: str
    on: bool
    colour: Colour
    where: Path
    names: tuple[str, ...]
    parts: dict[str, Inner] = field(default_factory=dict)
    maybe: str | None = None


GOOD = """\
number: 3
share: 0.5
name: a name
on: true
colour: red
where: a/b
names: [x, y]
parts:
  one: {x: 1}
"""


@pytest.fixture
def write(tmp_path: Path) -> Any:
    """Writes a file and gives its path."""

    def build(text: str | bytes) -> Path:
        path = tmp_path / "file.yaml"
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    return build


def _refusal(path: Path) -> str:
    with pytest.raises(SettingsRefused) as refused:
        read(path, Outer)
    return str(refused.value)


def test_a_good_file_becomes_its_dataclass(write: Any) -> None:
    """Whole numbers may stand where fractions are asked for; text stays text."""
    found = read(write(GOOD), Outer)
    expected = Outer(3, 0.5, "a name", True, Colour.RED, Path("a/b"), ("x", "y"), {"one": Inner(1.0)})
    assert found == expected
    assert read_both(write(GOOD), Outer) == (found, load(write(GOOD)))


def test_merge_keys_merge_nothing(write: Any) -> None:
    """They are keys like any other."""
    assert read(write(GOOD.replace("one: {x: 1}", "<<: {x: 1}")), Outer).parts == {"<<": Inner(1.0)}


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ("number: 3", "number: 3\nnumber: 4", 2, "'number' is given twice"),
        ("number: 3", 'number: 3\n"number": 4', 2, "'number' is given twice"),
        ("number: 3", "number: 3\nextra: 4", 2, "extra: is not a known key"),
        ("number: 3\n", "", 1, "number: is missing"),
        ("number: 3", "number: '3'", 1, "number: "),
        ("number: 3", "number: true", 1, "number: "),
        ("number: 3", "number: 3.5", 1, "number: "),
        ("number: 3", "number: 0x10", 1, "number: "),
        ("number: 3", "number: 1_000", 1, "number: "),
        ("number: 3", "number: 010", 1, "number: "),
        ("number: 3", "number: 2026-01-31", 1, "number: "),
        ("number: 3", "number: 12:30:45", 1, "number: "),
        ("number: 3", "number:", 1, "number: "),
        ("share: 0.5", "share: .nan", 2, "share: "),
        ("share: 0.5", "share: .inf", 2, "share: "),
        ("share: 0.5", "share: -.inf", 2, "share: "),
        ("share: 0.5", "share: 1e999", 2, "share: "),
        ("share: 0.5", "share: '0.5'", 2, "share: "),
        ("share: 0.5", "share: true", 2, "share: "),
        ("share: 0.5", "share: 0,5", 2, "share: "),
        ("name: a name", "name: 5", 3, "name: "),
        ("name: a name", "name: true", 3, "name: "),
        ("name: a name", "name: null", 3, "name: "),
        ("name: a name", "name: [a]", 3, "name: "),
        ("on: true", "on: yes", 4, "on: "),
        ("on: true", "on: 1", 4, "on: "),
        ("on: true", "on: True", 4, "on: "),
        ("colour: red", "colour: blue", 5, "colour: "),
        ("names: [x, y]", "names: x", 7, "names: "),
        ("names: [x, y]", "names: [x, 2]", 7, "names.1: "),
        ("{x: 1}", "{x: 1, x: 2}", 9, "'x' is given twice"),
        ("{x: 1}", "{x: 1, z: 2}", 9, "parts.one.z: is not a known key"),
        ("{x: 1}", "{x: .nan}", 9, "parts.one.x: "),
        ("{x: 1}", "{}", 9, "parts.one.x: is missing"),
        ("one:", "1:", 9, "key 1 is not text"),
        ("one:", "[a]:", 9, "is not text"),
        ("number: 3", "number: &a 3", 1, "anchors and aliases"),
        ("name: a name", "name: !!str 5", 3, "tag"),
        ("name: a name", "name: ! 5", 3, "tag"),
        ("name: a name", "name: !!python/name:os.system x", 3, "tag"),
        ("name: a name", 'name: "a', 0, "not valid YAML"),
        ("number: 3", "number: 3\n---\nnumber: 4", 0, "not valid YAML"),
        ("name: a name", "name: \x07", 0, "not valid YAML"),
    ],
)
def test_what_could_be_read_in_two_ways_is_refused(write: Any, old: str, new: str, line: int, words: str) -> None:
    """The message names file, line and key."""
    assert old in GOOD
    path = write(GOOD.replace(old, new))
    text = _refusal(path)
    assert words in text
    assert text.startswith(f"{path}:{line}: " if line else str(path))
    assert "\n" not in text


@pytest.mark.parametrize("digits", [400, 1000, 1001, 50_000])
def test_a_number_of_any_length_is_refused(write: Any, digits: int) -> None:
    """Python itself gives up above 4,300 digits."""
    assert _refusal(write(GOOD.replace("share: 0.5", f"share: {'9' * digits}")))
    assert _refusal(write(GOOD.replace("share: 0.5", f"share: '{'9' * digits}'")))


def test_text_that_is_no_unicode_is_refused(write: Any) -> None:
    """Half a surrogate pair, which cannot be written to any topic."""
    assert _refusal(write(GOOD.replace("a name", '"\\ud800"')))


def test_all_faults_are_named_at_once(write: Any) -> None:
    """One line each, so that nobody mends a file in ten rounds."""
    text = _refusal(write(GOOD.replace("number: 3", "other: 3").replace("on: true", "on: yes")))
    assert len(text.splitlines()) == 3
    for words in ("other: is not a known key", "number: is missing", "on: "):
        assert words in text


def test_a_key_that_is_misspelt_is_one_fault(write: Any) -> None:
    """Told to add the one that is missing, too, somebody would have both."""
    text = _refusal(write(GOOD.replace("number: 3", "numbr: 3")))
    assert text.endswith("numbr: is not a known key: did you mean number?")
    assert len(text.splitlines()) == 1


def test_a_file_of_another_kind_is_one_fault(write: Any) -> None:
    """Somebody has named the wrong file: to go through its keys one by one would not help."""
    with pytest.raises(SettingsRefused) as refused:
        read(write("number: x\ncluster: one\nkafka: {}\nmodels: []\n"), Outer)
    message = str(refused.value)
    assert message.count("\n") == 0
    assert ":1: this seems to be another kind of file: cluster, kafka, models are not known here, and " in message
    with pytest.raises(SettingsRefused) as refused:
        read(write(GOOD.replace("name: a name", "cluster: one\nkafka: {}")), Outer)
    assert str(refused.value).count("\n") == 2


def test_a_yaml_bomb_is_refused_at_its_first_anchor(write: Any) -> None:
    """Nothing is expanded."""
    lines = ["a: &a [x, x, x, x, x, x, x, x, x]"]
    lines += [
        f"{b}: &{b} [*{a}, *{a}, *{a}, *{a}, *{a}, *{a}, *{a}, *{a}]"
        for a, b in zip("abcdefgh", "bcdefghi", strict=True)
    ]
    path = write("\n".join(lines))
    assert _refusal(path).startswith(f"{path}:1: anchors and aliases")


@pytest.mark.parametrize("depth", [90, 220, 300, 400])
@pytest.mark.parametrize("pair", ["[]", "{}"])
def test_deep_nesting_is_refused_at_any_depth(write: Any, depth: int, pair: str) -> None:
    """Whichever step gives up first, the error is ours."""
    opening = "{a: " if pair == "{}" else "["
    _refusal(write(GOOD.replace("a name", opening * depth + "1" + pair[1] * depth)))


@pytest.mark.parametrize("text", ["", "# nothing\n", "5", "[1, 2]", "text", "null"])
def test_what_is_no_document_of_keys_is_refused(write: Any, text: str) -> None:
    """A file must have keys and values at its top."""
    assert "expected keys and values" in _refusal(write(text))


def test_files_that_cannot_be_settings_are_refused(write: Any, tmp_path: Path) -> None:
    """Missing, a folder, too large, not UTF-8."""
    assert "check the path" in _refusal(tmp_path / "absent.yaml")
    assert "cannot be read" in _refusal(tmp_path)
    assert "may have" in _refusal(write("#" * (MAX_BYTES + 1)))
    assert "UTF-8" in _refusal(write(b"name: \xff\xfe"))


def test_a_secret_of_the_wrong_type_is_not_repeated_in_the_message(write: Any) -> None:
    """Messages go to terminals and logs."""

    @dataclass
    class Login:
        password: str | None = None

    with pytest.raises(SettingsRefused) as refused:
        read(write("password: 271828"), Login)
    assert "password" in str(refused.value)
    assert "271828" not in str(refused.value)


@given(st.one_of(st.binary(max_size=60), st.text(max_size=60), st.text("{}[]:,-&*!|>'\"%@ \nab1.", max_size=30)))
def test_any_bytes_are_read_or_refused(tmp_path: Path, data: bytes | str) -> None:
    """No other error comes out."""
    path = tmp_path / "any.yaml"
    path.write_bytes(data if isinstance(data, bytes) else data.encode(errors="surrogatepass"))
    with contextlib.suppress(SettingsRefused):
        assert isinstance(load(path), dict)
