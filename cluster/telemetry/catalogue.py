"""The catalogue of every metric there is; `python -m cluster.telemetry.catalogue` writes it to docs/metrics.md."""

from pathlib import Path

from cluster.telemetry import cluster_metrics, frame_metrics
from cluster.telemetry.metric import EVERYWHERE, Metric, Sections, Teller

SECTIONS: Sections = frame_metrics.SECTIONS | cluster_metrics.SECTIONS
CATALOGUE = {metric.name: metric for metrics in SECTIONS.values() for metric in metrics}
"""Every metric, by name."""
PAGE = Path("docs/metrics.md")
_ABOUT = f"""# Metrics

Every metric, what it says and what to do about it. `python -m cluster.telemetry.catalogue` writes this page, and a test
holds it against the code. Each has the label `{EVERYWHERE}`, too. Histograms count seconds, in the buckets of
[cluster/stages.py](../cluster/stages.py). No label has a value for each person or entry; a camera is the finest there
is. A counter begins at 0 when the process behind it is started anew.

Nothing is served or sent unless the cluster file says where:

    telemetry:
      objective_ms: 1000
      metrics:
        listen: 127.0.0.1:9464 # the supervisor listens here, for Prometheus
        otlp: http://127.0.0.1:4318 # and sends to this collector
        every_s: 10

`beholden observe -f FILE` runs Prometheus on this machine for it. Whether alerts come at all, a canary shows: a camera
of nobody who exists, and a list for whom it shows. The policy names both, in one of its lists:

    watchlists:
      canary:
        canary: empty-room # one of the policy's cameras; on it nobody of another list is searched for
        purpose: Show that alerts come.
        categories: [canary]
        ...

    beholden people portrait -o canary.jpg # or a picture that the policy's models know
    beholden canary -f FILE --image canary.jpg --by "inspector 7" --every 120 --listen 127.0.0.1:9465
    beholden observe -f FILE --scrape 127.0.0.1:9465 # or have your Prometheus fetch from there

It does not walk while the policy lets nothing be looked at, and ends with the reason when the policy has the canary
elsewhere from now on, or its entry has ended and `--by` is not given: have something start it again.

Alerts about it carry `"canary": true`; `beholden alerts tail` shows them with `--canary` only. Below, only the
canary's own metrics count them, and frames with `reason="canary"`. See
[decision 0025](decisions/0025-metrics-and-a-canary.md).
"""
_HEAD = ["| metric | labels | what it says | what to do |", "| --- | --- | --- | --- |"]


def render() -> str:
    """The page, in Markdown."""
    lines = [_ABOUT]
    for section, metrics in SECTIONS.items():
        lines += [f"## {section}", "", *_HEAD, *map(_row, metrics), ""]
    return "\n".join(lines)


def _row(metric: Metric) -> str:
    marks = [str(metric.kind), *([metric.unit] if metric.unit != "1" else [])]
    marks += ["needs a GPU"] if metric.needs_gpu else []
    marks += ["of `beholden canary`"] if metric.teller is Teller.CANARY else []
    labels = ", ".join(metric.labels) or "-"
    return f"| `{metric.name}`<br>{', '.join(marks)} | {labels} | {metric.about} | {metric.advice} |"


if __name__ == "__main__":
    PAGE.write_text(render())
