"""The broker's jars: fetched once, whole or not at all, verified every time."""

import hashlib
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from cluster.broker import jars
from cluster.broker.jars import KAFKA_VERSION, ensure_jars, expected_digests
from operators.errors import DeploymentFailed

JARS = {"one-1.jar": b"first", "two-2.jar": b"second"}
MAVEN = """\
#!/bin/sh
echo run >> {folder}/runs
mkdir jars
for name in one-1 two-2; do
  echo "[INFO] Downloaded from somewhere: https://example.org/$name.pom (1 kB at 1 kB/s)"
  echo "[INFO] Downloaded from somewhere: https://example.org/$name.jar (1 kB at 1 kB/s)"
done
printf {first} > jars/one-1.jar
printf second > jars/two-2.jar
"""
FAILING_MAVEN = """\
#!/bin/sh
mkdir jars
printf first > jars/one-1.jar
echo "[INFO] Scanning"
echo "[ERROR] Unknown host example.org"
echo "[ERROR] To see the full stack trace use -e"
exit 1
"""


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two tiny jars instead of Kafka's, an empty cache, and a PATH on which `mvn` may be put."""
    digests = "".join(f"{hashlib.sha256(body).hexdigest()}  {name}\n" for name, body in JARS.items())
    assets = tmp_path / "assets"
    assets.mkdir()
    (assets / "jars.sha256.txt").write_text(digests)
    (assets / "pom.xml").write_text("<project/>")
    (tmp_path / "bin").mkdir()
    monkeypatch.setattr(jars, "asset", lambda name: assets / name)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    return tmp_path


def _install(folder: Path, script: str) -> None:
    path = folder / "bin" / "mvn"
    path.write_text(script)
    path.chmod(0o755)


def _good(folder: Path, first: str = "first") -> None:
    _install(folder, MAVEN.format(folder=folder, first=first))


def _cached(folder: Path) -> Path:
    return folder / "cache" / "beholden" / f"kafka-{KAFKA_VERSION}"


def _entries(folder: Path) -> list[str]:
    """What the cache holds, the lock apart."""
    return sorted(path.name for path in _cached(folder).parent.iterdir() if not path.name.endswith(".lock"))


def _ignore(line: str) -> None:
    pass


def test_committed_list_and_pom_name_the_same_kafka() -> None:
    """Every digest is a sha256 and both files are of the version the code names."""
    digests = expected_digests()
    assert f"kafka_2.13-{KAFKA_VERSION}.jar" in digests
    assert all(re.fullmatch("[0-9a-f]{64}", digest) for digest in digests.values())
    assert f"<version>{KAFKA_VERSION}</version>" in jars.asset("pom.xml").read_text()


def test_fetch_keeps_exactly_the_listed_jars_and_counts_them(small: Path) -> None:
    """Maven's jar lines, and only those, move the count; what arrives is kept under its name."""
    _good(small)
    lines: list[str] = []
    jars = ensure_jars(lines.append)
    assert [jar.name for jar in jars] == list(JARS)
    assert [jar.read_bytes() for jar in jars] == list(JARS.values())
    counts = [line.split(": ")[1] for line in lines if line.startswith("fetching")]
    assert counts == ["0 of 2 jars", "1 of 2 jars", "2 of 2 jars", "2 of 2 jars"]
    assert _entries(small) == [f"kafka-{KAFKA_VERSION}"]


def test_complete_cache_needs_no_maven(small: Path) -> None:
    """A second call verifies and returns the same jars after Maven is gone."""
    _good(small)
    first = ensure_jars(_ignore)
    (small / "bin" / "mvn").unlink()
    assert ensure_jars(_ignore) == first


def test_changed_jar_is_refused_by_name(small: Path) -> None:
    """A jar that changed in the cache is named, with what to do, and fetched anew once it is deleted."""
    _good(small)
    jar = ensure_jars(_ignore)[0]
    jar.write_bytes(b"other")
    with pytest.raises(DeploymentFailed, match=r"one-1\.jar is not the jar.*not run\. Delete that file"):
        ensure_jars(_ignore)
    jar.unlink()
    assert ensure_jars(_ignore)[0].read_bytes() == b"first"


def test_wrong_jar_from_maven_never_reaches_the_cache(small: Path) -> None:
    """A mirror that serves another file is refused and nothing of the fetch is kept."""
    _good(small, first="evil")
    with pytest.raises(DeploymentFailed, match=r"one-1\.jar is not the jar.*local repository"):
        ensure_jars(_ignore)
    assert _entries(small) == []


def test_incomplete_maven_result_is_refused(small: Path) -> None:
    """A jar that did not arrive is named and nothing of the fetch is kept."""
    _install(small, "#!/bin/sh\nmkdir jars\nprintf first > jars/one-1.jar\n")
    with pytest.raises(DeploymentFailed, match=r"two-2\.jar is not the jar.*sha256 missing"):
        ensure_jars(_ignore)
    assert _entries(small) == []


def test_missing_maven_is_one_line_with_a_remedy(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without Maven and without a cache the message says what to install."""
    monkeypatch.setenv("PATH", str(small / "bin"))
    with pytest.raises(DeploymentFailed, match=r"Maven is needed once.*apt install maven") as caught:
        ensure_jars(_ignore)
    assert "\n" not in str(caught.value)


def test_failing_maven_leaves_nothing_and_says_why(small: Path) -> None:
    """Maven's first error is in the message, and no half set stays."""
    _install(small, FAILING_MAVEN)
    with pytest.raises(DeploymentFailed, match=r"Unknown host example\.org - check the network"):
        ensure_jars(_ignore)
    assert _entries(small) == []


def test_interrupted_fetch_leaves_no_half_cache(small: Path) -> None:
    """Ctrl-C during a fetch keeps nothing and the next call fetches all."""
    _good(small)

    def interrupt(line: str) -> None:
        if "1 of 2" in line:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ensure_jars(interrupt)
    assert _entries(small) == []
    assert len(ensure_jars(_ignore)) == len(JARS)


def test_killed_fetch_is_swept_up_by_the_next(small: Path) -> None:
    """The folder of a process that was killed, and a cache with a jar missing, are replaced by a complete set."""
    _good(small)
    (_cached(small).parent / f"kafka-{KAFKA_VERSION}.partial-abc" / "jars").mkdir(parents=True)
    _cached(small).mkdir()
    (_cached(small) / "one-1.jar").write_bytes(b"first")
    assert len(ensure_jars(_ignore)) == len(JARS)
    assert _entries(small) == [f"kafka-{KAFKA_VERSION}"]


def test_fetches_at_once_run_maven_once(small: Path) -> None:
    """Of four callers at the same time one fetches and the others wait for it."""
    _good(small)
    with ThreadPoolExecutor(4) as pool:
        results = [task.result() for task in [pool.submit(ensure_jars, _ignore) for _ in range(4)]]
    assert all(result == results[0] for result in results)
    assert (small / "runs").read_text() == "run\n"


def test_digests_are_written_anew_from_the_pom(small: Path) -> None:
    """After a change of version the list holds what Maven brought."""
    _good(small, first="newer")
    jars.write_digests(_ignore)
    assert expected_digests()["one-1.jar"] == hashlib.sha256(b"newer").hexdigest()
    assert list(expected_digests()) == list(JARS)
