"""What a pod of the image is, as far as a machine without a container engine can make one.

A root of its own in which nothing can be written but what the chart mounts, user 10001, no capability, no network, and
the paths of the Dockerfile. Packages are those that requirements/cpu.txt names, linked from where the tests have them.
"""

import os
import subprocess
import sys
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path

from tests.image.dockerfile import DOCKERFILE, locked_names, read_dockerfile

ROOT = Path(__file__).resolve().parents[2]
WRITABLE = ("home/beholden", "var/lib/beholden", "var/cache/beholden", "tmp")
UID = 10001

_APART = ("unshare", "--mount", "--net", "--propagation", "private")
# Arguments: the new root, the environment, the interpreter's prefix, the folder of the linked packages, the command.
_MAKE = f"""
set -eu
/usr/sbin/ip link set lo up
root=$1 environment=$2 prefix=$3 packages=$4; shift 4
mount -t tmpfs -o mode=755 tmpfs "$root"
cd "$root"
mkdir -p usr etc/ssl proc dev opt/beholden {" ".join(WRITABLE)}
for each in bin lib lib64 sbin; do ln -s "usr/$each" "$each"; done
cp /etc/hosts /etc/nsswitch.conf /etc/ld.so.cache etc/
echo "beholden:x:{UID}:{UID}::/home/beholden:/usr/sbin/nologin" > etc/passwd
echo "beholden:x:{UID}:" > etc/group
for each in usr etc/ssl; do mount --bind "/$each" "$each"; mount -o remount,bind,ro "$each"; done
mount --bind "$environment" opt/beholden; mount -o remount,bind,ro opt/beholden
for each in proc dev; do mount --rbind "/$each" "$each"; done
for each in {" ".join(WRITABLE)}; do mount -t tmpfs -o mode=700,uid={UID},gid={UID} tmpfs "$each"; done
for each in "$prefix" "$packages"; do  # last: the tests may themselves lie below /tmp
    mkdir -p ".$each"; mount --bind "$each" ".$each"; mount -o remount,bind,ro ".$each"
done
mount -o remount,ro "$root"
exec /usr/sbin/chroot "$root" \\
    /usr/bin/setpriv --reuid {UID} --regid {UID} --clear-groups --bounding-set=-all --no-new-privs "$@"
"""


def make_environment(folder: Path, wheel: Path) -> Path:
    """What lies in /opt/beholden of target cpu: the locked packages and nothing else, the wheel, and configs/."""
    site = folder / "lib" / f"python3.{sys.version_info.minor}" / "site-packages"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    for name in locked_names("cpu"):
        link_distribution(name, site)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", folder / "bin" / "python"]
    subprocess.run([*pip, "install", "--quiet", "--no-deps", "--no-index", wheel], check=True)
    # The interpreter's path in a pod, for the commands' first lines and for processes that start others.
    for script in (folder / "bin").glob("*"):
        if not script.is_symlink():
            script.write_bytes(script.read_bytes().replace(bytes(folder), b"/opt/beholden"))
    subprocess.run(["cp", "-r", ROOT / "configs", folder / "configs"], check=True)
    return folder


def link_distribution(name: str, site: Path) -> None:
    """Link the folders and files of an installed package, and give its commands the interpreter of this environment."""
    files = metadata.distribution(name).files or []
    found = Path(str(metadata.distribution(name).locate_file("")))
    for top in {file.parts[0] for file in files if file.parts[0] not in ("..", "__pycache__")}:
        if not (site / top).exists():
            (site / top).symlink_to(found / top)
    for file in files:
        if file.parts[0] == ".." and file.parent.name == "bin":
            text = Path(str(file.locate())).read_bytes()
            script = site.parents[2] / "bin" / file.name
            script.write_bytes(text.replace(os.fsencode(Path(sys.executable).parent), os.fsencode(script.parent)))
            script.chmod(0o755)


def can_make_pods() -> bool:
    """Whether this user has the tools and may mount and make networks, which root of a container mostly may not."""
    tried = "/usr/sbin/ip link set lo up && mount -t tmpfs tmpfs /tmp && test -x /usr/bin/setpriv"
    try:
        return not subprocess.run([*_APART, "sh", "-c", tried], capture_output=True, check=False).returncode
    except FileNotFoundError:
        return False


def in_pod(environment: Path, root: Path, *command: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a command there with the environment variables of the Dockerfile, and `variables`."""
    packages = Path(str(metadata.distribution("ray").locate_file("")))
    root.mkdir(exist_ok=True)
    make = [*_APART, "sh", "-c", _MAKE, "pod"]
    return subprocess.run(
        [*make, root, environment, Path(sys.base_prefix), packages, *command],
        env={**pod_variables(), **variables},
        capture_output=True,
        text=True,
        check=False,
        timeout=600,  # for one that hangs: a busy machine is no reason
    )


def pod_variables() -> Mapping[str, str]:
    """What the Dockerfile sets for whatever runs in its target cpu."""
    return read_dockerfile(DOCKERFILE.read_text()).variables("cpu")
