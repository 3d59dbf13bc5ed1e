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
