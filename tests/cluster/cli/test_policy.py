import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import rfc8785
import yaml
from click.testing import CliRunner, Result

from cluster import cli
from cluster.clocks import HandClock
from cluster.ledger.writer import LedgerWriter
from cluster.memory_io import MemorySink
from cluster.policies.files import read_release
from cluster.policies.in_force import read_pinned
from cluster.policies.signatures import Role
from cluster.wire.order import ORDER_FORM, parse_order
from cluster.wire.policy_records import FOLLOWED, followed_body
from cluster.wire.release import parse_release
from cluster.wire.settings import IN_FORCE, in_force_body
from cluster.wire.text import format_time
from operators.align import TEMPLATE_NAME
from operators.errors import BeholdenError
from tests.builders import NOW, policy_document
from tests.cluster.policy_topic import Topics, in_memory
from tests.releases import SIGNERS, former_form, key_of

MODELS: dict[str, dict[str, Any]] = {
    "sees": {"adapter": "yunet", "sha256": "a" * 64},
    "knows": {"adapter": "embedder112", "sha256": "b" * 64, "dimension": 8, "template": TEMPLATE_NAME},
}
REST = {"file": "m.onnx", "size_bytes": 5, "licence": "Apache-2.0", "training_data": "none", "people": "real"}
REST |= {"evaluation": "none"}
Run = Callable[..., Result]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cluster file with people, whose keys are this user's, manifests, and policies 7 to 9 for real people."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("cluster.clocks.SystemClock.now", lambda _: NOW)
    keys = tmp_path / "state" / "beholden" / "people"
    keys.mkdir(parents=True)
    for name in (*SIGNERS, "mal"):
        (keys / f"{name}.key").write_text(key_of(name).private_bytes_raw().hex())
        (keys / f"{name}.key").chmod(0o600)
    for name, manifest in MODELS.items():
        document = {"name": name, **manifest, **REST, "colour": "bgr", "mean": [0, 0, 0], "scale": [1, 1, 1]}
        (tmp_path / f"{name}.yaml").write_text(json.dumps(document))
    pins = {name: read_pinned(tmp_path / f"{name}.yaml")[1] for name in MODELS}
    for number, value in ((7, 0.6), (8, 0.55), (9, 0.65)):
        policy = {**policy_document(), "people": "real", "policy": number}
        policy["watchlists"]["sought"]["threshold"] = value
        for each in (policy["detector"], policy["embedder"]):
            each["manifest"] = pins[each["model"]]
        (tmp_path / f"test-{number}.yaml").write_text(json.dumps(policy))
    people = {
        name: {"public_key": each.public_key, "roles": [str(role) for role in each.roles]}
        for name, each in SIGNERS.items()
    }
    cluster = {"cluster": "c", "policy": "test-7.yaml", "models": {"manifests": ".", "files": "."}, "people": people}
    (tmp_path / "cluster.yaml").write_text(json.dumps(cluster))
    about = {"detector": f"sha256 {'a' * 64}", "embedder": f"sha256 {'b' * 64}"}
    point = {"threshold": 0.55, "fpir": {"hits": 1, "of": 100}, "tpir": {"hits": 95, "of": 100}}
    measured = {"about": about, "identification": {"points": [point]}}
    (tmp_path / "measured.json").write_text(json.dumps(measured))
    return tmp_path


@pytest.fixture
def topics(monkeypatch: pytest.MonkeyPatch, folder: Path) -> Topics:
    """In Kafka's place."""
    return in_memory(monkeypatch)


@pytest.fixture
def run(topics: Topics) -> Run:
    """Runs a command in the folder; an error raised on purpose is in `exception`."""

    def call(*arguments: str) -> Result:
        done = CliRunner().invoke(cli.beholden, arguments)
        assert done.exception is None or isinstance(done.exception, SystemExit | BeholdenError), done.exc_info
        return done

    return call


def released(run: Run, number: int, *more: str) -> None:
    """Propose, approve and apply a policy."""
    for arguments in (
        ("propose", f"test-{number}.yaml", "-f", "cluster.yaml", "--by", "ada", "--why", "the test", *more),
        ("approve", f"{number}.release.json", "--by", "bob", "--yes", *more[:2]),  # with the same evidence
        ("apply", f"{number}.release.json", "-f", "cluster.yaml"),
    ):
        done = run("policy", *arguments)
        assert done.exit_code == 0, (arguments, done.output, done.exception)


LOOSENING = ("--evidence", "measured.json", "--expires", "2026-03-01T00:00:00Z")


def test_a_policy_is_proposed_approved_and_applied_and_looked_up(run: Run, topics: Topics, folder: Path) -> None:
    """From a file to what is in force; a loosening says what it loosens to whoever signs."""
    released(run, 7)
    proposal = ("propose", "test-8.yaml", "-f", "cluster.yaml", "--by", "ada", "--why", "too few found", *LOOSENING)
    done = run("policy", *proposal)
    assert "watchlists.sought.threshold" in done.output
    assert "loosens" in done.output
    assert "next: it loosens watchlists.sought.threshold, so somebody else has to approve it" in done.stderr
    assert "--evidence FILE" in str(run("policy", "approve", "8.release.json", "--by", "bob", "--yes").exception)
    assert len(read_release(folder / "8.release.json").signatures) == 1
    done = run("policy", "approve", "8.release.json", "--by", "bob", "--yes", "--evidence", "measured.json")
    assert "against policy 7" in done.output
    assert run("policy", "apply", "8.release.json", "-f", "cluster.yaml").exit_code == 0
    history = json.loads(run("policy", "history", "-f", "cluster.yaml", "--json").output)
    assert [(each["number"], each["by"], each["why"]) for each in history] == [
        (7, "ada", "the test"),
        (8, "ada", "too few found"),
    ]
    assert history[1]["loosens"] == ["watchlists.sought.threshold"]
    assert history[1]["expires_at"] == "2026-03-01T00:00:00.000Z"
    shown = run("policy", "history", "-f", "cluster.yaml").output
    assert "too few found" in shown
    assert len(topics.told("policy.applied")) == 2
    for which, value in (("7", 0.6), ("8", 0.55), ("current", 0.55)):
        found = json.loads(run("policy", "show", which, "-f", "cluster.yaml", "--json").output)
        assert found["policy"]["watchlists"]["sought"]["threshold"] == value
        assert f"threshold: {value}" in run("policy", "show", which, "-f", "cluster.yaml").output
    assert "has not come into force; there: 7, 8" in run("policy", "show", "9", "-f", "cluster.yaml").output


def test_a_proposal_that_could_never_come_into_force_is_refused_at_once(run: Run, folder: Path) -> None:
    """Before anybody is asked to sign it; nothing is written."""
    released(run, 7)
    for more, words in (
        (("test-8.yaml", "--by", "ada"), "no_expiry"),
        (("test-8.yaml", "--by", "ada", "--expires", "2026-03-01T00:00:00Z"), "no_evidence"),
        (("test-8.yaml", "--by", "ada", *LOOSENING, "--evidence", "cluster.yaml"), "no_evidence"),
        (("test-8.yaml", "--by", "bob", *LOOSENING), "wrong_role"),
        (("test-8.yaml", "--by", "mal", *LOOSENING), "unknown_signer"),
        (("test-8.yaml", "--by", "nobody", *LOOSENING), "'beholden policy key NAME' makes a key"),
        (("test-9.yaml", "--by", "ada", "--expires", "2026-03-01T00:00:00Z"), "needless_expiry"),
        (("test-7.yaml", "--by", "ada"), "replayed"),
    ):
        done = run("policy", "propose", *more, "-f", "cluster.yaml", "--why", "the test")
        assert words in str(done.exception), more
    assert not (folder / "8.release.json").exists()
    assert not (folder / "9.release.json").exists()


def test_a_number_that_a_release_which_cannot_be_read_has_taken_is_not_proposed(
    run: Run, topics: Topics, folder: Path
) -> None:
    """Two people would sign in vain; the next number above all of those is free."""
    run("policy", "propose", "test-8.yaml", "-f", "cluster.yaml", "--by", "ada", "--why", "the test")
    topics.policy.send("test", former_form(read_release(folder / "8.release.json")), [])
    (folder / "8.release.json").unlink()
    for number in (8, 9):
        done = run("policy", "propose", f"test-{number}.yaml", "-f", "cluster.yaml", "--by", "ada", "--why", "the test")
        assert ("number_reused: 8 is taken" in str(done.exception)) is (number == 8)
        assert ("take a number above 8" in str(done.exception)) is (number == 8)
        assert (folder / f"{number}.release.json").exists() is (number == 9)


def test_a_proposal_is_never_written_over_another(run: Run, folder: Path) -> None:
    """Somebody may have signed it."""
    (folder / "7.release.json").write_text("signed")
    done = run("policy", "propose", "test-7.yaml", "-f", "cluster.yaml", "--by", "ada", "--why", "the test")
    assert done.exit_code == 1
    assert "exists, perhaps with signatures" in done.output
    assert (folder / "7.release.json").read_text() == "signed"


def test_who_approves_sees_what_it_says_and_is_asked(run: Run, folder: Path) -> None:
    """The whole of a first policy; without a yes nothing is signed."""
    run("policy", "propose", "test-7.yaml", "-f", "cluster.yaml", "--by", "ada", "--why", "the test")
    file = folder / "7.release.json"
    for answer, signatures in (("n\n", 1), ("", 1), ("y\n", 2)):
        done = CliRunner().invoke(cli.beholden, ["policy", "approve", str(file), "--by", "bob"], input=answer)
        assert "purpose: Find nobody who exists." in done.output
        assert "sign this as bob?" in done.output
        assert len(read_release(file).signatures) == signatures


def test_who_proposes_does_not_approve(run: Run, folder: Path) -> None:
    """And what was measured is what was named."""
    run("policy", "propose", "test-7.yaml", "-f", "cluster.yaml", "--by", "cyd", "--why", "the test")
    assert "same_person" in str(run("policy", "approve", "7.release.json", "--by", "cyd").exception)
    done = run("policy", "approve", "7.release.json", "--by", "bob", "--yes", "--evidence", "measured.json")
    assert "no_evidence: measured.json is not what it names" in str(done.exception)
    assert len(read_release(folder / "7.release.json").signatures) == 1


def test_what_may_not_come_into_force_is_not_applied(run: Run, topics: Topics, folder: Path) -> None:
    """One signature, or a changed file."""
    run("policy", "propose", "test-7.yaml", "-f", "cluster.yaml", "--by", "ada", "--why", "the test")
    assert "not_approved" in str(run("policy", "apply", "7.release.json", "-f", "cluster.yaml").exception)
    run("policy", "approve", "7.release.json", "--by", "bob", "--yes")
    file = folder / "7.release.json"
    file.write_bytes(file.read_bytes().replace(b'"threshold":0.6', b'"threshold":0.5'))
    assert "malformed: 7.release.json: it is damaged" in str(
        run("policy", "apply", "7.release.json", "-f", "cluster.yaml").exception
    )
    assert topics.policy.messages == []


def test_going_back_is_a_new_number(run: Run, topics: Topics) -> None:
    """One person goes back to what was tighter; the release says so."""
    released(run, 7)
    released(run, 8, *LOOSENING)
    back = ("rollback", "7", "--as", "10", "-f", "cluster.yaml", "--by", "ada", "--why", "too many innocent people")
    assert run("policy", *back).exit_code == 0
    assert run("policy", "apply", "10.release.json", "-f", "cluster.yaml").exit_code == 0
    found = json.loads(run("policy", "show", "current", "-f", "cluster.yaml", "--json").output)
    assert (found["number"], found["loosens"], found["expires_at"]) == (10, [], None)
    assert found["policy"]["watchlists"]["sought"]["threshold"] == 0.6
    again = ("rollback", "8", "--as", "11", "-f", "cluster.yaml", "--by", "ada", "--why", "the test")
    assert "no_expiry" in str(run("policy", *again).exception)
    missing = run("policy", "rollback", "6", "--as", "11", "-f", "cluster.yaml", "--by", "ada", "--why", "the test")
    assert "policy 6 of test has not come into force" in missing.output


def test_what_was_in_force_is_told_by_the_ledger_alone(
    run: Run, topics: Topics, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For each camera: its threshold, the gates, and whose word it was; nobody's before anyone went by it."""
    released(run, 7)
    release = read_release(Path("7.release.json"))
    writer = LedgerWriter(topics.ledger, "test", "recogniser-0", release.digest, HandClock(NOW))
    writer.write(IN_FORCE, in_force_body(release.in_force, NOW))
    LedgerWriter(topics.ledger, "other", "recogniser-9", "0" * 64, HandClock(NOW)).write(IN_FORCE, {"number": 1})
    topics.ledger.send("x", b"no record", [])
    topics.policy.messages.clear()
    monkeypatch.setattr("cluster.watchlists.register.read_topic", lambda kafka, topic: topics.told_raw())
    at = ("policy", "at", "2026-01-31T12:00:01Z", "-f", "cluster.yaml", "--json")
    nothing = {"stop in force": None, "stopped": [], "expires at": None}
    assert json.loads(run(*at).output) == [{"policy": 7, "digest": release.digest, "by": ["recogniser-0"], **nothing}]
    for camera, threshold, in_scope in (("gate", 0.6, True), ("hall", 0.7, True), ("roof", 0.6, False)):
        [found] = json.loads(run(*at, "--camera", camera).output)
        assert (found["threshold of sought"], found["in scope"]) == (threshold, in_scope)
        assert (found["floor of sought"], found["frames that agree"]) == (0.5, "1 of 1")
        assert (found["proposed by"], found["signed by"], found["why"]) == ("ada", ["ada", "bob"], "the test")
        assert "min_sharpness 0.15" in found["quality"]
    assert "0.7" in run("policy", "at", "2026-01-31T12:00:01Z", "-f", "cluster.yaml", "--camera", "hall").output
    desk = LedgerWriter(topics.ledger, "test", "policy-desk", release.digest, HandClock(NOW))
    desk.write("order.stop", {"by": "dan", "why": "wrong person"})
    for more in ((), ("--camera", "gate")):
        [found] = json.loads(run(*at, *more).output)
        assert found["stop in force"] == "by dan at 2026-01-31T12:00:00.000Z: wrong person"
        assert found["stopped"] == ["recogniser-0"]
        assert found.get("in scope", False) is False
    before = run("policy", "at", "2026-01-31T11:59:59Z", "-f", "cluster.yaml")
    assert before.exit_code == 1
    assert "nobody went by any policy" in before.output


def test_what_was_refused_is_shown(run: Run, topics: Topics) -> None:
    """Where it stands and why."""
    released(run, 7)
    topics.policy.send("test", b"half a docu", [])
    assert "offset 1 was refused: malformed" in run("policy", "history", "-f", "cluster.yaml").output


def test_differences_are_shown_and_a_loosening_is_status_3(run: Run) -> None:
    """For scripts."""
    done = run("policy", "diff", "test-7.yaml", "test-8.yaml")
    assert "loosens: two people agree to it, and it names a measurement" in " ".join(done.output.split())
    assert "tightens: one person" not in done.output
    assert done.exit_code == 3
    assert "0.55" in done.output
    assert run("policy", "diff", "test-7.yaml", "test-9.yaml").exit_code == 0
    assert "nothing changes" in run("policy", "diff", "test-7.yaml", "test-7.yaml").output


def test_check_reads_releases_too(run: Run, folder: Path) -> None:
    """By the name of the file."""
    released(run, 7)
    done = run("policy", "check", "7.release.json", "test-7.yaml", "--manifests", ".")
    assert done.exit_code == 0
    first, second = done.output.splitlines()
    assert first.partition(": ")[2] == second.partition(": ")[2]


def test_a_key_is_printed_as_the_cluster_file_takes_it(run: Run, folder: Path) -> None:
    """And made once."""
    first = run("policy", "key", "eve", "--role", "stop", "--role", "resume")
    assert "made " in first.stderr
    assert yaml.safe_load(first.stdout)["people"]["eve"]["roles"] == ["stop", "resume"]
    second = run("policy", "key", "eve", "--role", "stop", "--role", "resume")
    assert second.stderr == ""
    assert second.stdout == first.stdout


def test_one_person_stops_and_two_resume(run: Run, topics: Topics, folder: Path) -> None:
    """The first writes the order, the second signs and gives it."""
    released(run, 7)
    done = run("stop", "-f", "cluster.yaml", "--why", "a false alert", "--by", "dan")
    assert (done.exit_code, "alerting is stopped; 'beholden resume' takes two people" in done.output) == (0, True)
    [told] = topics.told("order.stop")
    assert (told.body["by"], told.body["why"]) == ("dan", "a false alert")
    assert "stopped by dan at 2026-01-31 12:00 UTC: a false" in run("policy", "history", "-f", "cluster.yaml").output
    done = run("resume", "-f", "cluster.yaml", "--why", "explained", "--by", "dan")
    assert "wrote test.resume.json" in done.output
    assert len(topics.policy.messages) == 2
    assert "same_person" in str(run("resume", "test.resume.json", "-f", "cluster.yaml", "--by", "dan").exception)
    assert "alerting resumes" in run("resume", "test.resume.json", "-f", "cluster.yaml", "--by", "bob").output
    assert "not_stopped" in str(run("resume", "-f", "cluster.yaml", "--why", "again", "--by", "dan").exception)
    replayed = run("resume", "test.resume.json", "-f", "cluster.yaml", "--by", "bob")
    assert "not_stopped" in str(replayed.exception)


def test_a_stop_waits_for_no_clock(run: Run, topics: Topics, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also if the last order was given on a machine whose clock is ahead."""
    released(run, 7)
    run("stop", "-f", "cluster.yaml", "--why", "a false alert", "--by", "dan")
    monkeypatch.setattr("cluster.clocks.SystemClock.now", lambda _: NOW.replace(hour=11))
    assert run("stop", "-f", "cluster.yaml", "--why", "another", "--by", "dan").exit_code == 0
    assert len(topics.told("order.stop")) == 2


def test_a_stop_needs_no_policy_file(run: Run, topics: Topics, folder: Path) -> None:
    """The topic knows whose alerting it is; where it has several, whoever stops says it."""
    released(run, 7)
    (folder / "test-7.yaml").write_text("purpose: half a")
    assert run("stop", "-f", "cluster.yaml", "--why", "a false alert", "--by", "dan").exit_code == 0
    topics.policy.send("other", b"{}", [])
    done = run("stop", "-f", "cluster.yaml", "--why", "a false alert", "--by", "dan")
    assert done.exit_code == 1
    assert "say whose: --deployment; the policy topic has other, test, and " in done.output
    more = ("--deployment", "test")
    assert run("stop", "-f", "cluster.yaml", "--why", "a false alert", "--by", "dan", *more).exit_code == 0
    assert len(topics.told("order.stop")) == 2


def test_a_policy_of_a_former_form_is_told_of_beside_the_others(
    run: Run, topics: Topics, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While some went by it and others did not, those can be asked about."""
    monkeypatch.setattr("cluster.watchlists.register.read_topic", lambda kafka, topic: topics.told_raw())
    released(run, 7)
    [applied] = topics.told("policy.applied")
    former = {**applied.body["document"], "retention": "uk-strict", "policy": 6}
    digest = hashlib.sha256(rfc8785.dumps(former)).hexdigest()
    desk = LedgerWriter(topics.ledger, "test", "policy-desk-1", "0" * 64, HandClock(NOW))
    desk.write("policy.applied", {**applied.body, "number": 6, "digest": digest, "document": former})
    for slot, (number, each) in enumerate(((6, digest), (7, applied.body["digest"]))):
        body = {"number": number, "digest": each, "since": format_time(NOW)}
        LedgerWriter(topics.ledger, "test", f"recogniser-{slot}", "0" * 64, HandClock(NOW)).write(IN_FORCE, body)
    words = ("policy", "at", "2026-01-31T12:00:01Z", "-f", "cluster.yaml", "--camera", "hall")
    six, seven = json.loads(run(*words, "--json").output)
    assert (six["policy"], six["by"]) == (6, ["recogniser-0"])
    assert six["before hall"] == "its policy is of a former form, cannot be read"
    assert (seven["policy"], seven["threshold of sought"]) == (7, 0.7)
    assert "former form" in run(*words).output


def recogniser(topics: Topics, name: str = "recogniser-0") -> LedgerWriter:
    """Its chain of the ledger, in which it has said by what it goes."""
    writer = LedgerWriter(topics.ledger, "test", name, "0" * 64, HandClock(NOW))
    writer.write(IN_FORCE, {"digest": "0" * 64})
    return writer


def test_a_stop_that_no_recogniser_confirms_is_no_success(run: Run, topics: Topics) -> None:
    """It stands all the same, and who has not confirmed it is named; whoever has ended does not count."""
    stop = ("stop", "-f", "cluster.yaml", "--why", "a false alert", "--by", "dan")
    released(run, 7)
    assert "no recogniser is running" in run(*stop).output
    [*_, ended] = [recogniser(topics, f"recogniser-{slot}") for slot in range(3)]
    ended.end()
    done = run(*stop)
    assert done.exit_code == 1
    assert "alerting is stopped" in done.output
    assert "not confirmed within 0.05 s by recogniser-0, recogniser-1: 'beholden status' says why" in done.output
    assert len(topics.told("order.stop")) == 2


def test_what_recognisers_confirm_is_a_success(run: Run, topics: Topics) -> None:
    """Those that run, by the order or the policy itself."""
    first, second = recogniser(topics), recogniser(topics, "recogniser-1")

    class Heard(MemorySink):
        def send(self, key: str, value: bytes, *about: Any, **more: Any) -> Any:
            is_order = json.loads(value)["form"] == ORDER_FORM
            for each in listening:
                if is_order:
                    each.write(FOLLOWED, followed_body("stop", parse_order(value).digest, NOW))
                else:
                    each.write(IN_FORCE, {"digest": parse_release(value).digest})
            return super().send(key, value, *about, **more)

    listening = [first, second]
    topics.policy = Heard()
    released(run, 7)
    done = run("stop", "-f", "cluster.yaml", "--why", "a false alert", "--by", "dan")
    assert (done.exit_code, done.output.splitlines()[-1]) == (0, "confirmed by recogniser-0, recogniser-1")
    listening.remove(second)
    done = run("stop", "-f", "cluster.yaml", "--why", "a false alert", "--by", "dan")
    assert "by recogniser-1:" in done.output


def test_whoever_may_not_stop_does_not(run: Run, topics: Topics) -> None:
    """Where people are named."""
    released(run, 7)
    done = run("stop", "-f", "cluster.yaml", "--why", "no reason", "--by", "bob")
    assert "wrong_role: bob has signed to stop and may approve, resume" in str(done.exception)
    assert topics.told("order.stop") == []


def test_a_demonstration_is_stopped_and_resumed_by_whoever_runs_it(run: Run, topics: Topics, folder: Path) -> None:
    """Its cluster file names nobody, and nobody whom it shows exists."""
    policy = {**json.loads((folder / "test-7.yaml").read_text()), "people": "synthetic"}
    (folder / "test-7.yaml").write_text(json.dumps(policy))
    cluster = json.loads((folder / "cluster.yaml").read_text())
    del cluster["people"]
    (folder / "cluster.yaml").write_text(json.dumps(cluster))
    assert run("policy", "propose", "test-7.yaml", "-f", "cluster.yaml", "--by", "me", "--why", "try").exit_code == 0
    assert run("policy", "apply", "7.release.json", "-f", "cluster.yaml").exit_code == 0
    assert "me (unsigned)" in run("policy", "history", "-f", "cluster.yaml").output
    done = run("stop", "-f", "cluster.yaml", "--why", "try", "--by", "me")
    assert "stopped; the cluster file names no people, so whoever gives 'beholden resume' resumes" in done.output
    assert "two people" not in done.output
    assert "alerting resumes" in run("resume", "-f", "cluster.yaml", "--why", "try", "--by", "me").output


def test_another_name_is_no_way_past_the_signatures(run: Run, topics: Topics, folder: Path) -> None:
    """Nobody signs for people who do not exist, but beside a deployment that has signed policies two do."""
    released(run, 7)
    policy = {**json.loads((folder / "test-7.yaml").read_text()), "people": "synthetic", "deployment": "free"}
    (folder / "free-1.yaml").write_text(json.dumps({**policy, "policy": 1}))
    done = run("policy", "propose", "free-1.yaml", "-f", "cluster.yaml", "--by", "ada", "--why", "a drill")
    assert "has policies of test, and this is another deployment's first" in done.stderr
    assert "somebody else has to approve it" in done.stderr
    assert "not_approved" in str(run("policy", "apply", "1.release.json", "-f", "cluster.yaml").exception)
    assert run("policy", "approve", "1.release.json", "--by", "bob", "--yes").exit_code == 0
    assert run("policy", "apply", "1.release.json", "-f", "cluster.yaml").exit_code == 0
    assert [each.deployment for each in topics.told("policy.applied")] == ["test", "free"]


def test_the_digests_of_a_model_are_printed_as_a_policy_pins_them(run: Run, folder: Path) -> None:
    """For whoever writes the policy; a manifest that is changed afterwards is refused where a policy is proposed."""
    policy = json.loads((folder / "test-7.yaml").read_text())
    assert yaml.safe_load(run("policy", "digest", "sees.yaml").output) == policy["detector"]
    manifest = json.loads((folder / "knows.yaml").read_text())
    (folder / "knows.yaml").write_text(json.dumps({**manifest, "colour": "rgb"}))
    done = run("policy", "propose", "test-7.yaml", "-f", "cluster.yaml", "--by", "ada", "--why", "the test")
    assert "put back what was approved" in str(done.exception)
    assert not (folder / "7.release.json").exists()


@pytest.mark.parametrize("more", [(), ("--why", "x", "test.resume.json")])
def test_an_order_to_resume_is_written_or_signed(run: Run, folder: Path, more: tuple[str, ...]) -> None:
    """Not both, and not neither."""
    (folder / "test.resume.json").write_text("{}")
    assert run("resume", "-f", "cluster.yaml", "--by", "dan", *more).exit_code == 2


def test_roles_are_those_of_the_command() -> None:
    """Or nobody could be given a new one."""
    from cluster.cli.policy import key

    [option] = [each for each in key.params if each.name == "roles"]
    assert list(option.type.choices) == list(Role)  # type: ignore[attr-defined]
