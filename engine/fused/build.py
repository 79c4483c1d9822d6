"""Compile `fused.cpp` for this processor: `python -m engine.fused.build`.

It is done once, at installation, where a compiler is present, into the virtual environment that the
node runs from; serving only looks whether the library is there. The library's name carries the sha256 of source and flags, so a new version is never
mistaken for an old one, and it is put in its place whole.
"""

import ctypes
import hashlib
import os
import platform
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from engine.errors import EngineError, MissingDependency

SOURCE = Path(__file__).with_name("fused.cpp")
HEADERS = tuple(
    SOURCE.with_name(f"{name}.h")
    for name in ("attention", "dot", "lanes", "model", "product", "team")
)
COMPILERS = ("g++", "clang++")
BUILD_S = 300.0

# Without -ffp-contract=off a product and a sum may be rounded once, on some processors alone.
FLAGS = (
    "-std=c++20",
    "-O3",
    "-ffp-contract=off",
    "-fno-math-errno",
    "-fno-trapping-math",
    "-fPIC",
    "-shared",
    "-pthread",
)


@dataclass(frozen=True, slots=True)
class Level:
    """An instruction set: what /proc/cpuinfo must list for it, and the compiler's flags."""

    name: str
    needs: frozenset[str]
    flags: tuple[str, ...]


SCALAR = Level("scalar", frozenset(), ("-DFORGE_SCALAR",))
# The quickest first.
LEVELS: dict[str, tuple[Level, ...]] = {
    "x86_64": (
        Level(
            "avx512",
            frozenset({"avx512f", "avx512bw", "avx512vl", "avx512dq", "avx512_vnni"}),
            (
                *("-mavx512f", "-mavx512bw", "-mavx512vl", "-mavx512dq", "-mavx512vnni"),
                "-mprefer-vector-width=512",
            ),
        ),
        Level(
            "avxvnni", frozenset({"avx2", "f16c", "avx_vnni"}), ("-mavx2", "-mf16c", "-mavxvnni")
        ),
        Level("avx2", frozenset({"avx2", "f16c"}), ("-mavx2", "-mf16c")),
        SCALAR,
    ),
    "aarch64": (
        Level("dotprod", frozenset({"asimd", "asimddp"}), ("-march=armv8.2-a+dotprod",)),
        Level("neon", frozenset({"asimd"}), ("-march=armv8-a",)),
        SCALAR,
    ),
}


def levels(machine: str, features: Collection[str]) -> list[Level]:
    """Those that a processor of `machine` with these `features` runs, the quickest first."""
    return [level for level in LEVELS.get(machine, ()) if level.needs <= set(features)]


def here() -> list[Level]:
    """Those that this processor runs, the quickest first; none on a machine we have no code for."""
    return levels(platform.machine(), _features())


def best() -> Path | None:
    """The library that serves here: of the quickest level that this processor runs, if built."""
    found = here()
    return library(found[0]) if found else None


def library(level: Level, folder: Path | None = None) -> Path | None:
    """The library of `level` in `folder` (default: in the virtual environment), if it is there.

    One that others may write to is taken for none: loading it would run their code.
    """
    file = (folder or _installed()) / _name(level)
    try:
        kind = file.stat()
    except OSError:
        return None
    return file if trusted(kind) else None


def trusted(kind: os.stat_result) -> bool:
    """Whether a file belongs to us or the system and nobody else may write to it."""
    return kind.st_uid in (0, os.geteuid()) and not kind.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def build(level: Level, folder: Path | None = None) -> Path:
    """Compile for `level` unless that was done before; what earlier sources gave goes.

    Raises:
        MissingDependency: no compiler, or it fails, or `folder` cannot be written.
    """
    target = folder or _installed()
    if found := library(level, target):
        return found
    compiler = next((path for name in COMPILERS if (path := shutil.which(name))), None)
    if compiler is None:
        raise MissingDependency("there is no C++ compiler", "install g++, or serve without")
    try:
        target.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target) as place:
            made = Path(place) / "fused.so"
            compile_with(compiler, (*FLAGS, *level.flags), [SOURCE], made)
            ctypes.CDLL(str(made))  # one that cannot be loaded must not be kept
            made.chmod(0o755)
            made.replace(target / _name(level))
            for old in set(target.glob(f"fused-{level.name}-*.so")) - {target / _name(level)}:
                old.unlink()  # a process that has it loaded keeps it
    except OSError as fault:
        raise MissingDependency(
            f"{target} takes no library ({fault})", "make it writable, or serve without"
        ) from fault
    return target / _name(level)


def compile_with(
    compiler: str, flags: Collection[str], sources: Collection[Path], made: Path
) -> None:
    """Run `compiler`.

    Raises:
        MissingDependency: it fails or does not end.
    """
    command = [compiler, *flags, *(str(source) for source in sources), "-o", str(made)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=BUILD_S, check=False)
    except subprocess.TimeoutExpired as fault:
        raise MissingDependency(
            f"{compiler} did not end within {BUILD_S:g} s", "serve without"
        ) from fault
    if done.returncode:
        first = next((line for line in done.stderr.splitlines() if "error" in line), "no message")
        raise MissingDependency(
            f"{compiler} cannot build {SOURCE.name} ({first})", "use g++ 11 or later"
        )


def main() -> int:
    """Build for this processor; 0 if there is a library now."""
    found = here()
    if not found:
        print(f"engine.fused: there is no code for {platform.machine()}", file=sys.stderr)  # noqa: T201 - a command line
        return 1
    try:
        print(build(found[0]))  # noqa: T201 - a command line
    except EngineError as fault:
        print(f"engine.fused: {fault}", file=sys.stderr)  # noqa: T201 - a command line
        return 1
    return 0


def _features() -> set[str]:
    """What the kernel says that the processor has; of several kinds of cores, what all have."""
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8", "replace").splitlines()
    except OSError:
        return set()
    pairs = (line.partition(":") for line in lines)
    cores = [set(names.split()) for key, _, names in pairs if key.strip() in ("flags", "Features")]
    return set.intersection(*cores) if cores else set()


def _name(level: Level) -> str:
    text = " ".join((*FLAGS, *level.flags)).encode()
    for file in (SOURCE, *HEADERS):
        text += file.read_bytes()
    return f"fused-{level.name}-{hashlib.sha256(text).hexdigest()[:16]}.so"


def _installed() -> Path:
    return Path(sys.prefix) / "lib" / "forgebus"


if __name__ == "__main__":
    raise SystemExit(main())
