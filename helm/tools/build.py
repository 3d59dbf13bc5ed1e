"""Builds the tools that judge the chart, each from a pinned Go module beside this file, into the user's cache.

    python -m helm.tools.build charts score              # what `make chart` needs
    python -m helm.tools.build cluster kuberay-1.6        # a real API server and KubeRay's operator

A module is one family of tools whose libraries agree. Its folder in the cache is named by the digest of all that
decides what is built, so a stale tool is never taken for a new one. Go 1.26 is needed, and nothing but Python itself.
"""

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

HERE = Path(__file__).resolve().parent
MODULES: dict[str, dict[str, str]] = {
    "charts": {
        "helm3": "helm.sh/helm/v3/cmd/helm",
        "helm4": "helm.sh/helm/v4/cmd/helm",
        "helm-docs": "github.com/norwoodj/helm-docs/cmd/helm-docs",
        "helm-unittest": "github.com/helm-unittest/helm-unittest/cmd/helm-unittest",
        "kubeconform": "github.com/yannh/kubeconform/cmd/kubeconform",
        "podsecurity": "beholden/helm/tools/charts/podsecurity",
    },
    "score": {"kube-score": "github.com/zegl/kube-score/cmd/kube-score"},
    "kuberay-1.5": {"controller-gen": "sigs.k8s.io/controller-tools/cmd/controller-gen"},
    "kuberay-1.6": {
        "controller-gen": "sigs.k8s.io/controller-tools/cmd/controller-gen",
        "kuberay-operator": "github.com/ray-project/kuberay/ray-operator",
    },
    "monitoring": {"controller-gen": "sigs.k8s.io/controller-tools/cmd/controller-gen"},
    "cluster": {
        "etcd": "go.etcd.io/etcd/server/v3",
        "kube-apiserver": "k8s.io/kubernetes/cmd/kube-apiserver",
        "kube-controller-manager": "k8s.io/kubernetes/cmd/kube-controller-manager",
        "kube-scheduler": "k8s.io/kubernetes/cmd/kube-scheduler",
        "kubectl": "k8s.io/kubernetes/cmd/kubectl",
        "kwok": "sigs.k8s.io/kwok/cmd/kwok",
    },
}
# Go types of which custom resource definitions are generated, as the operators' own makers do.
TYPES: dict[str, tuple[str, ...]] = {
    "kuberay-1.5": ("github.com/ray-project/kuberay/ray-operator/apis/ray/v1",),
    "kuberay-1.6": ("github.com/ray-project/kuberay/ray-operator/apis/ray/v1",),
    "monitoring": (
        "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1",
        "github.com/kedacore/keda/v2/apis/keda/v1alpha1",
    ),
}
# As KubeRay's own Makefile has it: without the second, labels of pods' templates would be left out by the API server.
GENERATOR = "crd:maxDescLen=0,generateEmbeddedObjectMeta=true,allowDangerousTypes=true"
# Without these the API server says that it is v0.0.0, and a chart that names its Kubernetes is refused.
LINKED: dict[str, str] = {
    "cluster": "-X k8s.io/component-base/version.gitVersion={version} "
    "-X k8s.io/component-base/version.gitMajor={major} -X k8s.io/component-base/version.gitMinor={minor}"
}


def tool(module: str, name: str) -> Path:
    """Where a tool of a module is once it is built; it may not be yet."""
    return folder(module) / name


def definitions(module: str) -> Path:
    """Where the custom resource definitions of a module are once it is built."""
    return folder(module) / "crds"


def folder(module: str) -> Path:
    """The folder of a module in the user's cache, named by what decides about its content."""
    definition = (GENERATOR, TYPES[module]) if module in TYPES else None
    digest = hashlib.sha256(repr((MODULES[module], definition, LINKED.get(module))).encode())
    for path in sorted((HERE / module).rglob("*")):
        if path.name in ("go.mod", "go.sum") or path.suffix == ".go":
            digest.update(path.read_bytes())
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "beholden" / "tools" / f"{module}-{digest.hexdigest()[:12]}"


def build(module: str) -> None:
    """Build a module's tools, and the definitions of its types, unless they are there.

    Raises:
        SystemExit: Go is missing, or a build failed.
    """
    target = folder(module)
    if target.is_dir():
        return
    if shutil.which("go") is None:
        sys.exit("Go 1.26 or newer is needed to build the chart's tools: install it and run the command again")
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f"{module}.partial-", dir=target.parent) as partial:
        built = Path(partial, module)
        flags = f"-s -w {linked(module)}"
        for name, package in MODULES[module].items():
            run_go(module, "build", "-trimpath", "-ldflags", flags, "-o", str(built / name), package)
        if module in TYPES:
            define(module, built / "controller-gen", built / "crds")
        built.rename(target)


def linked(module: str) -> str:
    """What the linker writes into a module's programs about their version."""
    pattern = LINKED.get(module, "")
    if not pattern:
        return ""
    version = run_go(module, "list", "-m", "-f", "{{.Version}}", "k8s.io/kubernetes").strip()
    major, minor, _ = version.removeprefix("v").split(".")
    return pattern.format(version=version, major=major, minor=minor)


def define(module: str, generator: Path, target: Path) -> None:
    """Generate custom resource definitions, without their descriptions, which are most of what they say."""
    paths = [f"paths={each}" for each in TYPES[module]]
    run([str(generator), *paths, GENERATOR, f"output:crd:dir={target}"], HERE / module)


def run_go(module: str, *arguments: str) -> str:
    """Run Go in a module's folder, for what its go.mod names and nothing newer."""
    return run(["go", arguments[0], "-mod=readonly", *arguments[1:]], HERE / module)


def run(command: Sequence[str], where: Path) -> str:
    """Run a command and give what it printed.

    Raises:
        SystemExit: It failed.
    """
    environment = os.environ | {"CGO_ENABLED": "0", "GOWORK": "off"}
    done = subprocess.run(command, cwd=where, env=environment, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"this failed in {where}: {' '.join(command)}")
    return done.stdout


def main() -> None:
    """Build the modules named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("modules", nargs="+", choices=MODULES)
    for module in parser.parse_args().modules:
        began = time.monotonic()
        build(module)
        sys.stdout.write(f"{module}: {folder(module)} ({time.monotonic() - began:.0f} s)\n")


if __name__ == "__main__":
    main()
