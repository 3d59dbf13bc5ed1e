"""Prometheus' configuration, and a Prometheus that is not one."""

import shutil
import stat
import subprocess
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import yaml

from cluster.observe import prometheus
from cluster.observe.prometheus import Scraping, configuration, running_prometheus, write_configuration
from cluster.telemetry.boards.shelf import RULES_FILE, files
from operators.errors import DeploymentFailed

SCRAPING = Scraping({"beholden": ["127.0.0.1:9464"], "others": ["127.0.0.1:1", "127.0.0.1:2"]}, 2.5, "groups: []\n")


def test_everything_is_fetched_as_often_as_was_asked_for() -> None:
    """And rules are looked at as often."""
    document = yaml.safe_load(configuration(SCRAPING))
    assert document["global"] == dict.fromkeys(("scrape_interval", "scrape_timeout", "evaluation_interval"), "2500ms")
    jobs = {job["job_name"]: job["static_configs"][0]["targets"] for job in document["scrape_configs"]}
    assert jobs == dict(SCRAPING.targets)
    assert document["rule_files"] == ["rules.yaml"]


def test_without_rules_none_are_named(tmp_path: Path) -> None:
    """Prometheus would look for the file."""
    write_configuration(Scraping({}, 1.0), tmp_path)
    assert "rule_files" not in (tmp_path / "prometheus.yaml").read_text()
    assert not (tmp_path / "rules.yaml").exists()


@pytest.mark.skipif(shutil.which("promtool") is None, reason=prometheus.HOW_TO_GET)
def test_prometheus_understands_it(tmp_path: Path) -> None:
    """The rules that are shipped included."""
    config = write_configuration(Scraping(SCRAPING.targets, 5.0, files()[RULES_FILE]), tmp_path)
    checked = subprocess.run(["promtool", "check", "config", config], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_where_it_is_not_there_it_is_said_how_to_get_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """With root and without."""
    monkeypatch.setenv("PATH", "")
    with (
        pytest.raises(DeploymentFailed, match=r"apt-get install prometheus.*dpkg -x"),
        running_prometheus(SCRAPING, tmp_path, "127.0.0.1:0"),
    ):
        pass


def test_one_that_does_not_come_up_is_told_of_with_its_last_words(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """And where the others are."""
    program = tmp_path / "prometheus"
    program.write_text("#!/bin/sh\necho first; echo address already in use >&2; exit 1\n")
    program.chmod(stat.S_IRWXU)
    monkeypatch.setattr(prometheus, "find_prometheus", lambda: str(program))
    with (
        pytest.raises(DeploymentFailed, match=r"127\.0\.0\.1:1: address already in use .*prometheus\.log"),
        running_prometheus(SCRAPING, tmp_path / "folder", "127.0.0.1:1"),
    ):
        pass


def test_it_is_asked_itself_whatever_proxy_the_environment_names(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A proxy knows nothing of what listens on this machine: one that is up would never be found so."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    program, site = tmp_path / "prometheus", tmp_path / "site"
    program.write_text("#!/bin/sh\nexec sleep 60\n")
    program.chmod(stat.S_IRWXU)
    (site / "-").mkdir(parents=True)
    (site / "-" / "ready").touch()
    monkeypatch.setattr(prometheus, "find_prometheus", lambda: str(program))
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(SimpleHTTPRequestHandler, directory=str(site))) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,)).start()
        try:
            listen = f"127.0.0.1:{server.server_port}"
            with running_prometheus(SCRAPING, tmp_path / "folder", listen) as address:
                assert address == f"http://{listen}"
        finally:
            server.shutdown()
