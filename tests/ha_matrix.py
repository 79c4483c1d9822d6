"""The integration and the doors, tried on real Home Assistants: real broker, real nodes, real `hass`.

    PYTHONPATH=tests python -m ha_matrix [--only trixie|forky] [--prepare] [--keep]

Needs root, debootstrap and a network the first time (10 minutes, 4 GB). Exit code 1 when a check failed; where it
cannot run it says why and exits with 0. See docs/home_assistant.md.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from ha_checks import CHECKS
from ha_doors import doors
from ha_environment import ENVIRONMENTS, Environment, lacks, prepare
from ha_house import ROOT
from ha_stage import Stage


def main() -> int:
    """Every environment that is wanted, one after the other."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--only", choices=[*ENVIRONMENTS], help="this one alone")
    parser.add_argument("--prepare", action="store_true", help="make the environments, try nothing")
    parser.add_argument("--keep", action="store_true", help="keep logs and configuration")
    chosen = parser.parse_args()
    if why := lacks():
        _say(f"not tried: {why}")
        return 0
    failed = 0
    for environment in ENVIRONMENTS.values():
        if chosen.only in (None, environment.name):
            _say(f"Home Assistant {environment.release} on Debian {environment.name}")
            prepare(environment)
            if not chosen.prepare:
                failed += _inside(environment) + asyncio.run(_played(environment, chosen.keep))
    _say("all was as it must be" if not failed else f"{failed} failed")
    return 1 if failed else 0


def _inside(environment: Environment) -> int:
    """Types and the tests that need Home Assistant's own fixtures, within the environment."""
    work = environment.root / "opt/forgebus"
    shutil.rmtree(work, ignore_errors=True)
    for folder in ("custom_components", "tests/in_home_assistant"):
        caches = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / folder, work / folder, ignore=caches)
    python = "cd /opt/forgebus && exec /opt/ha/bin/python -m"
    tests = (
        "pytest -q -p no:cacheprovider --asyncio-mode=auto --rootdir=. --show-capture=no"
        " tests/in_home_assistant"
    )
    types = "mypy --strict --follow-imports=silent --explicit-package-bases custom_components"
    runs = {"tests within": f"{python} {tests}"}
    if environment.name == "trixie":  # Its types are those of the oldest version that we serve.
        runs["types"] = f"{python} {types}"
    return sum(_told(name, environment, command) for name, command in runs.items())


def _told(name: str, environment: Environment, command: str) -> int:
    started = time.monotonic()
    done = subprocess.run(
        environment.inside("sh", "-c", command),
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    _line(name, time.monotonic() - started, failed=bool(done.returncode))
    if done.returncode:
        _say(done.stdout[-6000:])
    return int(bool(done.returncode))


async def _played(environment: Environment, keep: bool) -> int:  # noqa: FBT001 - a flag of ours
    """Every check on one stage. After one that failed the others do not know where they begin."""
    folder = Path(tempfile.mkdtemp(prefix="forgebus-ha-"))
    stage = Stage(environment, folder)
    failed = 0
    try:
        await stage.open()
        for check in (*doors(environment), *CHECKS):
            started = time.monotonic()
            try:
                await check(stage)
            except (AssertionError, OSError, KeyError, ValueError, TimeoutError) as fault:
                failed += 1
                _line(check.__name__, time.monotonic() - started, failed=True)
                _say(f"  {type(fault).__name__}: {fault}"[:4000])
                break
            _line(check.__name__, time.monotonic() - started, failed=False)
    finally:
        await stage.close()
    if failed:
        _say(stage.house.log()[-6000:])
    if keep or failed:
        _say(f"  kept: {folder} and {stage.house.config}")
    else:
        shutil.rmtree(folder)
    return failed


def _line(name: str, seconds: float, *, failed: bool) -> None:
    words = name.replace("_", " ")
    _say(f"  {'FAILED' if failed else 'ok    '} {seconds:6.1f} s  {words}")


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
