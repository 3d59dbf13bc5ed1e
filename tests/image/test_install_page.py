"""Promise of docs/install.md: what it says can be typed, and what it names is there."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.helm.needed import needed, ran
from tests.promises.test_runbooks import commands_in, missing

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "install.md").read_text()
CHART = ROOT / "helm" / "beholden"
VALUES = yaml.safe_load((CHART / "values.yaml").read_text())
EXAMPLE = CHART / "examples" / "minimal-cpu"
LINES = re.findall(r"^(?: {4}| {8})(\S.*)$", PAGE, re.MULTILINE)
ROLE = yaml.safe_load((ROOT / "docs" / "install" / "role.yaml").read_text().replace("POLICY", "1.yaml"))


def rendered(name: str) -> list[Any]:
    """The documents of one rendered file of the example that the page installs."""
    return [each for each in yaml.safe_load_all((EXAMPLE / "rendered" / name).read_text()) if each]


def value(path: str) -> bool:
    """Whether values.yaml has this path."""
    found = VALUES
    for part in path.split("."):
        if not isinstance(found, dict) or part not in found:
            return False
        found = found[part]
    return True


def commands() -> set[str]:
    """Every command of beholden on the page: on lines of their own, in pods, and between backticks."""
    return {found[1] for line in LINES if (found := re.search(r"(?:^|-- )beholden (.*)", line))} | commands_in(PAGE)


def test_every_command_of_beholden_exists_and_takes_its_options() -> None:
    """On lines of their own, in pods, and between backticks."""
    assert len(commands()) > 20
    assert {line: missing(line) for line in commands() if missing(line)} == {}


def test_every_value_it_names_is_one_of_the_charts() -> None:
    """By --set, and between backticks."""
    said = set(re.findall(r"--set(?:-file)? ([\w.]+)=", PAGE))
    said |= {word.split(":")[0] for word in re.findall(r"`([a-z]\w*\.[\w.]+(?:: [^`]*)?)`", PAGE)}
    said = {word for word in said if word.split(".")[0] in VALUES}
    assert {"image.digest", "policy.release", "ray.gcs.redisAddress", "hooks.down"} <= said
    assert {word for word in said if not value(word)} == set()


def test_what_it_links_to_and_applies_is_there() -> None:
    """Pages, examples and files, from where the page and its reader are."""
    links = re.findall(r"\]\((?!https)([^)#]+)\)", PAGE)
    files = re.findall(r"(?:-f|/') ((?:docs|helm)/\S+)", PAGE)
    assert len(files) >= 5
    assert [link for link in links if not (ROOT / "docs" / link).exists()] == []
    assert [file for file in files if not (ROOT / file).exists()] == []
    assert {path.name for path in (CHART / "examples").iterdir()} <= set(re.findall(r"examples/([\w-]+)/", PAGE))


def test_the_names_in_its_commands_are_those_that_the_chart_gives() -> None:
    """Deployment, containers, Secrets, and the cluster file's place, for a release called beholden."""
    (controller,) = rendered("controller-deployment.yaml")
    pod = controller["spec"]["template"]["spec"]
    assert set(re.findall(r"deployment/(\S+)", PAGE)) == {controller["metadata"]["name"]}
    containers = {each["name"] for each in [*pod["initContainers"], *pod["containers"]]}
    assert set(re.findall(r" -c ([\w-]+)", PAGE)) == containers | {"autoscaler"}, "KubeRay calls its own so"
    assert set(re.findall(r"-f (/etc\S+)", PAGE)) == {pod["containers"][0]["command"][3]}
    keys = next(volume["secret"] for volume in pod["volumes"] if volume["name"] == "keys")
    (made,) = re.findall(rf"create secret generic {keys['secretName']} (.*)", PAGE)
    assert set(re.findall(r"/(\w+\.key)", made)) == {item["key"] for item in keys["items"]}


def test_the_kafka_that_it_makes_is_the_one_that_the_example_speaks_to() -> None:
    """Its name, port and way of speaking; nobody may do what no rule allows."""
    pool, kafka = yaml.safe_load_all((ROOT / "docs" / "install" / "kafka.yaml").read_text())
    values = yaml.safe_load((EXAMPLE / "values.yaml").read_text())["kafka"]
    assert kafka["metadata"]["name"] == pool["metadata"]["labels"]["strimzi.io/cluster"] == values["strimzi"]["cluster"]
    assert pool["spec"]["replicas"] == values["replication"]
    (listener,) = kafka["spec"]["kafka"]["listeners"]
    assert (listener["port"], listener["authentication"]["type"]) == (9093, "tls")
    assert kafka["spec"]["kafka"]["authorization"] == {"type": "simple"}


def test_a_roles_pod_is_as_narrow_as_a_job_of_the_chart() -> None:
    """The same rights, scratch and settings; its own user, and keys only where a Secret for the role has some."""
    job = rendered("jobs-retention-check.yaml")[0]["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    role = ROLE["spec"]
    for field in ("securityContext", "serviceAccountName", "automountServiceAccountToken", "enableServiceLinks"):
        assert role[field] == job[field]
    own, others = role["containers"][0], job["containers"][0]
    assert (own["image"], own["securityContext"]) == (others["image"], others["securityContext"])
    assert f"docker push {own['image']}\n" in PAGE
    assert [mount for mount in own["volumeMounts"] if mount["name"] != "keys"] == others["volumeMounts"]
    volumes = [
        {each["name"]: each for each in yaml.safe_load(yaml.safe_dump(spec["volumes"]).replace(user, "USER"))}
        for spec, user in ((role, "beholden-ROLE"), (job, "beholden-retention"))
    ]
    assert volumes[0].pop("keys")["secret"] == {"secretName": "USER-keys", "defaultMode": 0o440, "optional": True}
    assert volumes[0] == volumes[1]


def test_a_roles_pod_finds_the_policy_whatever_it_is_called_now() -> None:
    """After an upgrade, and for real people, it is another file: a pod that names one that is gone never starts."""
    text = (ROOT / "docs" / "install" / "role.yaml").read_text()
    assert "{key: POLICY, path: policies/POLICY}" in text
    assert all("s/POLICY/1.yaml/" in line for line in LINES if "docs/install/role.yaml" in line)


def test_every_upgrade_has_a_policy() -> None:
    """Helm forgets what was given before as soon as anything is given again."""
    upgrades = [line for line in LINES if line.startswith(("helm upgrade", "helm template"))]
    assert len(upgrades) >= 5
    assert [line for line in upgrades if "--reuse-values" not in line and "--set-file policy." not in line] == []


def test_a_cluster_goes_down_only_for_what_helm_takes_and_comes_up_in_the_new_controller() -> None:
    """Values that are refused are found before, and the old controller is gone before `up` is asked for."""
    (down,) = [place for place, line in enumerate(LINES) if "-- beholden down" in line]
    (up,) = [place for place, line in enumerate(LINES) if "-- beholden up" in line]
    upgrade = next(line for line in LINES[down:up] if line.startswith("helm upgrade"))
    assert upgrade.replace("upgrade", "template", 1) in LINES[:down]
    waits = [line for line in LINES[down:up] if " wait " in line]
    assert ["--for=delete" in line for line in waits] == [True, False], "for the old to go, for the new to come"


@pytest.mark.chart
def test_a_roles_pod_keeps_the_restricted_standard() -> None:
    """Or the namespace of the page would refuse it. Judged by the code of the admission plugin."""
    pod = (ROOT / "docs" / "install" / "role.yaml").read_text()
    assert "pods keep the standard" in ran([needed("charts", "podsecurity"), "restricted"], pod)


@pytest.mark.chart
@pytest.mark.parametrize("helm", ["helm3", "helm4"])
def test_every_command_of_helm_takes_its_options(helm: str) -> None:
    """Those on lines of their own, in both lines of Helm."""
    lines = {line for line in LINES if line.startswith("helm ")}
    assert len(lines) > 5
    for line in lines:
        known = ran([needed("charts", helm), line.split()[1], "--help"])
        options = re.findall(r" (--?[a-z][\w-]*)", re.sub(r'"[^"]*"', "", line))
        assert [option for option in options if not re.search(rf"{option}\b", known)] == [], line


def test_a_roles_pod_is_let_to_kafka_and_nowhere_else() -> None:
    """The chart's network policies choose it by its labels; Ray's own do not."""
    labels = ROLE["metadata"]["labels"]

    def chosen(name: str) -> bool:
        (policy,) = rendered(name)
        return bool(policy["spec"]["podSelector"]["matchLabels"].items() <= labels.items())

    policies = sorted(path.name for path in (EXAMPLE / "rendered").glob("network-*.yaml"))
    assert [name for name in policies if chosen(name)] == [
        "network-default-deny.yaml",
        "network-dns.yaml",
        "network-kafka.yaml",
    ]
    assert "network-ray.yaml" in policies


def test_its_table_of_users_says_what_each_may_do() -> None:
    """Writing and reading of topics, as the chart's users are made; `all` is all of them."""
    topics = {each["spec"]["topicName"] for each in rendered("kafka-topics.yaml")}
    rows = re.findall(r"^\| `([\w-]+)` \| [^|]* \| ([^|]*)\| ([^|]*)\|$", PAGE, re.MULTILINE)
    said = {
        user: [topics if words.strip() == "all" else set(re.findall(r"[\w-]+", words.split(";")[0])) for words in may]
        for user, *may in rows
    }
    made = {}
    for user in rendered("kafka-users.yaml"):
        acls = [each for each in user["spec"]["authorization"]["acls"] if each["resource"]["type"] == "topic"]
        made[user["metadata"]["name"].removeprefix("beholden-")] = [
            {each["resource"]["name"] for each in acls if operation in each["operations"]}
            for operation in ("Write", "Read")
        ]
    assert said == made


def test_what_it_says_of_the_end_is_what_the_chart_does() -> None:
    """Topics are kept; the hook that comes before is there, and users are not kept."""
    for topic in rendered("kafka-topics.yaml"):
        assert topic["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"
    for user in rendered("kafka-users.yaml"):
        assert "annotations" not in user["metadata"]
    assert rendered("hooks-down.yaml")[0]["metadata"]["annotations"]["helm.sh/hook"] == "pre-delete"


def test_a_command_or_value_that_does_not_exist_would_be_found() -> None:
    """The positive control."""
    assert missing("keys mkae keys") == "mkae"
    assert value("kafka.users.desk") is False
    assert value("hooks.down")
