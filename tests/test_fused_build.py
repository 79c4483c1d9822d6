"""Which library a processor gets, and that a build is all or nothing."""

from __future__ import annotations

import ctypes
import shutil
import sys
from pathlib import Path

import pytest

from engine.errors import MissingDependency
from engine.fused import build as fused_build
from engine.fused.build import COMPILERS, SCALAR, best, build, here, levels, library

needs_compiler = pytest.mark.skipif(
    not any(map(shutil.which, COMPILERS)), reason="there is no C++ compiler"
)

# From /proc/cpuinfo of these boards and processors, shortened to what is looked at.
PI_4 = "fp asimd evtstrm crc32 cpuid"
PI_5 = "fp asimd evtstrm aes pmull sha1 sha2 crc32 atomics fphp asimdhp cpuid asimdrdm lrcpc dcpop asimddp"
HASWELL = "sse2 ssse3 sse4_1 sse4_2 avx f16c fma avx2 bmi1 bmi2"
ALDER_LAKE = f"{HASWELL} avx_vnni vaes gfni"
ICE_LAKE = f"{HASWELL} avx512f avx512dq avx512bw avx512vl avx512_vnni"
SKYLAKE_SERVER = f"{HASWELL} avx512f avx512dq avx512bw avx512vl"


@pytest.mark.parametrize(
    ("machine", "features", "best"),
    [
        ("aarch64", PI_4, "neon"),
        ("aarch64", PI_5, "dotprod"),
        ("aarch64", "", "scalar"),
        ("x86_64", "sse2", "scalar"),
        ("x86_64", HASWELL, "avx2"),
        ("x86_64", ALDER_LAKE, "avxvnni"),
        ("x86_64", SKYLAKE_SERVER, "avx2"),
        ("x86_64", ICE_LAKE, "avx512"),
    ],
)
def test_a_processor_gets_what_it_runs(machine: str, features: str, best: str) -> None:
    found = levels(machine, features.split())
    assert found[0].name == best
    assert found[-1] == SCALAR


def test_another_kind_of_processor_gets_nothing() -> None:
    assert levels("riscv64", ["avx2", "asimd"]) == []


@needs_compiler
def test_it_is_built_once_and_whole(tmp_path: Path) -> None:
    cache = tmp_path / "new" / "cache"
    assert library(SCALAR, cache) is None
    file = build(SCALAR, cache)
    assert list(cache.iterdir()) == [file] == [library(SCALAR, cache)]
    assert cache.stat().st_mode & 0o777 == 0o700
    made = file.stat().st_mtime_ns
    assert build(SCALAR, cache).stat().st_mtime_ns == made
    ctypes.CDLL(str(file)).forge_new  # noqa: B018 - it is there, or this raises


@needs_compiler
def test_what_earlier_sources_gave_goes(tmp_path: Path) -> None:
    for name in ("fused-scalar-0123456789abcdef.so", "fused-neon-0123456789abcdef.so"):
        (tmp_path / name).write_bytes(b"of an earlier version")
    file = build(SCALAR, tmp_path)
    left = {each.name for each in tmp_path.iterdir()}
    assert left == {file.name, "fused-neon-0123456789abcdef.so"}


@needs_compiler
def test_another_source_is_another_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = fused_build._name(SCALAR)
    changed = tmp_path / "fused.cpp"
    changed.write_text("this is not C++;\n")
    monkeypatch.setattr(fused_build, "SOURCE", changed)
    assert fused_build._name(SCALAR) != first
    with pytest.raises(MissingDependency, match="cannot build"):
        build(SCALAR, tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []


@needs_compiler
def test_a_source_without_our_functions_is_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "fused.cpp"
    broken.write_text("extern int nowhere; int forge_new() { return nowhere; }\n")
    monkeypatch.setattr(fused_build, "SOURCE", broken)
    with pytest.raises(MissingDependency, match="nowhere"):
        build(SCALAR, tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []


@pytest.mark.parametrize("mode", [0o775, 0o757])
def test_a_library_that_others_may_write_is_not_loaded(tmp_path: Path, mode: int) -> None:
    file = tmp_path / fused_build._name(SCALAR)
    file.write_bytes(b"\x7fELF")
    file.chmod(0o755)
    assert library(SCALAR, tmp_path) == file
    file.chmod(mode)
    assert library(SCALAR, tmp_path) is None


def test_without_a_compiler_it_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingDependency, match=r"no C\+\+ compiler; install g\+\+"):
        build(SCALAR, tmp_path / "cache")
    assert not (tmp_path / "cache").exists()


@needs_compiler
def test_the_command_builds_into_the_virtual_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    if not here():
        pytest.skip("there is no code for this processor")
    assert best() is None
    assert fused_build.main() == 0
    assert Path(capsys.readouterr().out.strip()) == best()
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "other"))
    assert fused_build.main() == 1
    assert "no C++ compiler" in capsys.readouterr().err
