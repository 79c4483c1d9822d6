"""Write constraints.txt: the exact versions that pyproject.toml resolves to, on every Python we serve.

    python tools/pin.py python3.11 python3.12 python3.13    write it anew
    python tools/pin.py --check                             ask whether every pin has a wheel everywhere

The first interpreter decides, the later ones add only what they need besides, so that one version
serves all Pythons where that is possible. Run it on x86-64; `--check` answers for aarch64 too.
"""

import json
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OUT = ROOT / "constraints.txt"
HEAD = """\
# Exact versions for repeatable installs on Python 3.11 to 3.13, x86-64 and aarch64.
# Written by tools/pin.py from pyproject.toml; the markers of torch are those of its `train` extra.
"""
# torch says itself, by marker, which version belongs to which machine; a constraint may not differ.
TORCH = {"x86_64": "2.13.0", "aarch64": "2.10.0"}
PYTHONS = ("3.11", "3.12", "3.13")
# A Pi runs Debian 12 (glibc 2.36), so every wheel up to manylinux_2_36 will do there.
GLIBC = range(17, 37)


def main(arguments: list[str]) -> int:
    """Write the file, or check it; 1 if a wheel is missing."""
    if arguments == ["--check"]:
        return _check()
    if not arguments:
        print(__doc__)
        return 2
    pins: dict[str, str] = {}
    for python in arguments:
        for name, version in _resolve(python, pins).items():
            pins.setdefault(name, version)
    lines = [f"{name}=={version}" for name, version in sorted(pins.items()) if name != "torch"]
    lines += [f"torch=={v}; platform_machine == '{machine}'" for machine, v in TORCH.items()]
    OUT.write_text(HEAD + "\n".join(lines) + "\n", encoding="utf-8")
    return 0


def _requirements() -> list[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    extras: dict[str, list[str]] = project["project"]["optional-dependencies"]
    # editables is what hatchling wants for an editable install, and only then.
    wanted: list[str] = [*project["build-system"]["requires"], "editables"]
    wanted += project["project"]["dependencies"]
    return wanted + [line for extra in extras.values() for line in extra]


def _resolve(python: str, pins: dict[str, str]) -> dict[str, str]:
    with tempfile.TemporaryDirectory() as folder:
        report, held = Path(folder, "report.json"), Path(folder, "held.txt")
        held.write_text("".join(f"{name}=={version}\n" for name, version in pins.items()))
        command = [python, "-m", "pip", "install", "--quiet", "--dry-run", "--ignore-installed"]
        command += ["--only-binary", ":all:", "--report", str(report), "-c", str(held)]
        subprocess.run([*command, *_requirements()], check=True)
        installs = json.loads(report.read_text(encoding="utf-8"))["install"]
    found = {}
    for install in installs:
        metadata = install["metadata"]
        # A local version (2.13.0+cpu) is one index's build of the same release.
        found[metadata["name"].lower().replace("_", "-")] = metadata["version"].split("+")[0]
    return found


def _check() -> int:
    """Ask the index for each pin's wheel, for each Python, on both machines."""
    pins = [line for line in OUT.read_text(encoding="utf-8").splitlines() if line[:1] != "#"]
    missing = 0
    for machine, torch in TORCH.items():
        wanted = [pin for pin in pins if not pin.startswith("torch") and _serves(pin, machine)]
        wanted.append(f"torch=={torch}")
        platforms = [f"--platform=manylinux_2_{minor}_{machine}" for minor in GLIBC]
        platforms += [f"--platform=manylinux2014_{machine}", f"--platform=linux_{machine}"]
        for version in PYTHONS:
            command = [sys.executable, "-m", "pip", "install", "--quiet", "--dry-run", "--no-deps"]
            command += ["--ignore-installed", "--only-binary", ":all:", "--target", "/nonexistent"]
            command += ["--python-version", version, "--implementation", "cp", *platforms]
            command += [f"--abi=cp{version.replace('.', '')}", "--abi=abi3", "--abi=none"]
            done = subprocess.run([*command, *wanted], capture_output=True, text=True, check=False)
            print(f"{machine} {version}: {'ok' if done.returncode == 0 else done.stderr}")
            missing += done.returncode != 0
    return min(missing, 1)


def _serves(pin: str, machine: str) -> bool:
    """Whether `machine` needs this pin; CUDA comes only with the x86-64 wheel of torch."""
    return machine == "x86_64" or not pin.startswith(("cuda-", "nvidia-", "triton"))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
