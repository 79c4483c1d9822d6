"""Real Home Assistants for the rig: one Debian tree each, with the Python that its version wants.

Home Assistant pins what it needs exactly, so it never shares our virtual environment, and its versions want
newer Pythons than Debian 12 has. A tree is made once, by debootstrap and pip, and kept; all below one
folder, `$FORGEBUS_HA` or /var/tmp/forgebus-ha.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(os.environ.get("FORGEBUS_HA", "/var/tmp/forgebus-ha"))
MIRROR = "http://deb.debian.org/debian"
PACKAGES = (
    *("ca-certificates", "python3", "python3-venv", "python3-dev", "gcc", "g++", "make"),
    *("libc6-dev", "libffi-dev", "libssl-dev", "libturbojpeg0", "ffmpeg"),
)
COMPONENTS = (
    *("mqtt", "conversation", "ai_task", "wyoming", "frontend", "assist_pipeline", "template"),
    *("demo", "input_boolean", "onboarding", "config", "api", "http", "diagnostics", "repairs"),
    *("zeroconf", "camera", "stream", "image", "llama_cpp"),
)
"""What the rig's Home Assistant runs: their requirements are installed beforehand, so it downloads nothing."""
# It asks where the processors are described, and a tree of debootstrap has no /proc.
INSIDE = 'mount -t proc proc "$0/proc" && exec chroot "$0" "$@"'


@dataclass(frozen=True, slots=True)
class Environment:
    """One Debian release with one Home Assistant; `package` brings that very version of it."""

    name: str
    release: str
    package: str
    script: str = ""

    @property
    def root(self) -> Path:
        """Its tree."""
        return FOLDER / self.name

    def inside(self, *command: str) -> list[str]:
        """The command line that runs a command in it, in a mount namespace that ends with it."""
        return ["unshare", "--mount", "sh", "-c", INSIDE, str(self.root), *command]

    @property
    def note(self) -> Path:
        """What was installed in it, by line."""
        return self.root / "opt/ha/installed"

    def components(self) -> Path:
        """Home Assistant's own integrations, once it is installed."""
        return next(self.root.glob("opt/ha/lib/python3.*/site-packages/homeassistant/components"))


ENVIRONMENTS = {
    each.name: each
    for each in (
        Environment("trixie", "2026.2", "pytest-homeassistant-custom-component==0.13.316"),
        Environment(
            "forky",
            "2026.10",
            "pytest-homeassistant-custom-component==0.13.375",
            "/usr/share/debootstrap/scripts/sid",
        ),
    )
}


def lacks() -> str:
    """Why no environment can be made or entered here; "" where one can."""
    if os.geteuid() != 0:
        return "only root may make a Debian tree and enter it"
    wanted = ("debootstrap", "unshare", "chroot")
    missing = [tool for tool in wanted if shutil.which(tool, path=_PATH) is None]
    return f"{', '.join(missing)} is missing: apt-get install debootstrap" if missing else ""


def prepare(environment: Environment) -> None:
    """Make the tree and install Home Assistant in it; minutes the first time, nothing after."""
    root, note = environment.root, environment.note
    if note.is_file() and note.read_text().split() == wanted(environment):
        return
    if not (root / "usr/bin/python3").exists():
        root.parent.mkdir(parents=True, exist_ok=True)
        made = ["debootstrap", "--variant=minbase", f"--include={','.join(PACKAGES)}"]
        script = [environment.script] if environment.script else []
        _quietly(*made, environment.name, str(root), MIRROR, *script)
    # The names of this network, and whom this machine trusts, as pip needs them.
    for file in ("etc/resolv.conf", "etc/hosts", "etc/ssl/certs/ca-certificates.crt"):
        shutil.copyfile(Path("/") / file, root / file)
    if not (root / "opt/ha/bin/pip").exists():
        _quietly(*environment.inside("python3", "-m", "venv", "/opt/ha"))
    _install(environment, environment.package)
    _install(environment, *wanted(environment))
    note.write_text("\n".join(wanted(environment)))


def wanted(environment: Environment) -> list[str]:
    """What is installed besides Home Assistant itself, which tells most of it."""
    return [*requirements(environment.components()), "mypy"]


def requirements(components: Path) -> list[str]:
    """What `COMPONENTS` and all that they depend on want, as their manifests say."""
    todo, seen, found = [*COMPONENTS], set[str](), set[str]()
    while todo:
        name = todo.pop()
        if name in seen:
            continue
        seen.add(name)
        if not (components / name).is_dir():  # a newer version's
            continue
        manifest = json.loads((components / name / "manifest.json").read_text())
        found.update(manifest.get("requirements", ()))
        todo += manifest.get("dependencies", ())
    return sorted(found)


_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def _install(environment: Environment, *packages: str) -> None:
    _quietly(*environment.inside("/opt/ha/bin/pip", "install", "--quiet", *packages))


def _quietly(*command: str) -> None:
    """Raises RuntimeError with the end of what the command said."""
    done = subprocess.run(
        command,
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=os.environ | {"PATH": _PATH},
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(command[:6])} ... failed:\n{done.stdout[-3000:]}")
