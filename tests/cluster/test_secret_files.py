import os
from pathlib import Path

import pytest

from cluster.secret_files import make_secret, may_be_read_by_others, read_secret
from operators.errors import SettingsRefused

ROOT, USER, OTHER = 0, 10001, 10002


@pytest.mark.parametrize(
    ("owner", "mode", "reader", "is_refused"),
    [
        (USER, 0o600, USER, False),
        (USER, 0o440, USER, True),
        (USER, 0o604, USER, True),
        (ROOT, 0o600, ROOT, False),
        (ROOT, 0o440, ROOT, True),
        (ROOT, 0o440, USER, False),
        (ROOT, 0o640, USER, False),
        (ROOT, 0o660, USER, True),
        (ROOT, 0o444, USER, True),
        (OTHER, 0o440, USER, True),
    ],
)
def test_a_secret_is_its_users_own_or_handed_to_a_group_of_theirs_by_root(
    owner: int, mode: int, reader: int, is_refused: bool
) -> None:
    """As containers find theirs: files of root with mode 440. Nobody but its user and root can change one."""
    found = os.stat_result((mode, 0, 0, 1, owner, 0, 0, 0, 0, 0))
    assert may_be_read_by_others(found, reader) is is_refused


def test_a_key_that_cannot_be_made_here_can_be_made_elsewhere(tmp_path: Path) -> None:
    """The message names the command and where the keys belong; a folder that is a file stands for one of a store."""
    (tmp_path / "keys").write_text("no folder")
    with pytest.raises(
        SettingsRefused, match=r"evidence\.key is missing and cannot be made .*'beholden keys make FOLDER'"
    ):
        make_secret(tmp_path / "keys" / "evidence.key")


def test_a_key_of_somebody_else_says_whose_it_must_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mounted secret without a group for its pod is root's alone."""
    file = tmp_path / "some.key"
    make_secret(file)

    def refuse(_: Path) -> str:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_text", refuse)
    with pytest.raises(SettingsRefused, match=r"some\.key cannot be read by user \d+: .* mode 440"):
        read_secret(file, "a command")


def test_a_key_is_there_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever is ended while it is written leaves none that no command mends; the next makes it."""

    def ended(*_: object) -> None:
        raise KeyboardInterrupt

    file = tmp_path / "some.key"
    for name in ("fsync", "link"):
        with monkeypatch.context() as patch:
            patch.setattr(os, name, ended)
            with pytest.raises(KeyboardInterrupt):
                make_secret(file)
        assert list(tmp_path.iterdir()) == []
    assert make_secret(file)
    assert file.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in tmp_path.iterdir()] == ["some.key"]
    assert len(read_secret(file, "a command")) == 32
    assert not make_secret(file)


def test_two_who_make_one_key_at_once_have_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first stays; the other finds it."""
    file, link = tmp_path / "some.key", os.link

    def late(made: str, there: Path) -> None:
        file.write_text("f" * 64)
        link(made, there)

    monkeypatch.setattr(os, "link", late)
    assert not make_secret(file)
    assert file.read_text() == "f" * 64


def test_a_folder_that_may_not_be_searched_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As one that cannot be written."""

    def refuse(_: Path) -> bool:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "exists", refuse)
    with pytest.raises(SettingsRefused, match=r"cannot be made here \(Permission denied\)"):
        make_secret(tmp_path / "some.key")
