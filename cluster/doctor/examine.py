"""The examination behind `beholden doctor`: checks of the installation, the machine, its services and a cluster file.

Here and in its neighbours only what cannot be missing is imported above, the rest within the checks, because an
installation that cannot be imported is what a doctor is called for.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from cluster.doctor import install, machine, services
from cluster.doctor.findings import Checks, Finding, Report, fault, guarded, ok, refused
from operators.errors import ModelRefused, SettingsRefused

if TYPE_CHECKING:
    from cluster.plan import Plan


def examine(file: Path | None, bootstrap: str | None) -> Report:
    """Run every check; one that raises becomes a fault.

    Takes about 1 s, and 2 s more where something other than Kafka listens at Kafka's address.

    Args:
        file: Cluster file; without one the machine alone is checked.
        bootstrap: HOST:PORT of the Kafka to look at, instead of the cluster file's.
    """
    plan = _plan(file)
    todo: Checks = {
        **install.checks(plan),
        **machine.checks(plan),
        **services.checks(file, bootstrap, plan),
    }
    if file:
        todo["cluster file"] = partial(cluster_file, file)
    if plan:
        todo["evidence key"] = partial(services.evidence_key, plan)
        todo["models"] = partial(models, plan)
    return {name: guarded(check) for name, check in todo.items()}


def _plan(file: Path | None) -> Plan | None:
    """What the cluster file says; None without a usable one."""
    if file is None:
        return None
    try:
        from cluster.plan import read_plan

        return read_plan(file)
    except Exception:  # noqa: BLE001 - the check "cluster file" meets the same error and reports it
        return None


def cluster_file(file: Path) -> list[Finding]:
    """Whether the cluster file, its policy and the manifests can be used; one finding for each fault."""
    from cluster.plan import read_plan

    try:
        plan = read_plan(file)
    except SettingsRefused as error:
        return [fault(line, "correct it there") for line in str(error).splitlines()]
    policy = plan.in_force.policy
    return [ok(f"cluster {plan.settings.cluster}, deployment {policy.deployment}, policy {policy.policy}")]


def models(plan: Plan) -> list[Finding]:
    """Whether the model files are those that the manifests pin."""
    from operators.models import read_model

    findings = []
    for manifest in (plan.detector, plan.embedder):
        try:
            read_model(manifest, plan.settings.models.files)
            findings.append(ok(f"{manifest.name}: sha256 as pinned"))
        except ModelRefused as error:
            findings.append(refused(error))
    return findings
