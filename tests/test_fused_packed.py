"""Packed weights in a file: mapped by all, whole or not there, and believed only when sound."""

from __future__ import annotations

import ctypes
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import fused_models
import numpy as np
import pytest
from fused_models import SHAPES, Floats, prompt

from engine.checkpoint import write_sums
from engine.errors import BadModel
from engine.fused import packed, weights
from engine.fused import step as fused_step
from engine.fused.build import COMPILERS
from engine.fused.step import FusedStep

pytestmark = pytest.mark.skipif(
    not any(map(shutil.which, COMPILERS)), reason="there is no C++ compiler"
)

CONFIG = SHAPES["grouped"]
TOKENS = prompt(CONFIG, 30)


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> Path:
    graph = fused_models.served(CONFIG, tmp_path_factory.mktemp("packed"))
    write_sums(graph.parent, [graph.name])
    return graph


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "forgebus" / "packed"


@pytest.fixture
def packings(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Grows by one whenever weights are read from a graph."""
    read: list[Path] = []

    def read_weights(graph: Path, config: object) -> object:
        read.append(graph)
        return weights.read_weights(graph, CONFIG)

    monkeypatch.setattr(fused_step, "read_weights", read_weights)
    return read


def logits(library: Path, graph: Path, *, shared: bool = True) -> Floats:
    step = FusedStep(library, graph, CONFIG, 1, shared=shared)
    return step.run(TOKENS, 0, every=True)


def mapped(file: Path) -> bool:
    return str(file) in Path("/proc/self/maps").read_text("utf-8")


def test_it_is_packed_once_and_mapped(
    library: Path, graph: Path, cache: Path, packings: list[Path]
) -> None:
    expected = logits(library, graph, shared=False)
    first = FusedStep(library, graph, CONFIG, 1, shared=True)
    (file,) = cache.iterdir()
    assert (file.stat().st_mode & 0o777, cache.stat().st_mode & 0o777) == (0o600, 0o700)
    assert mapped(file)
    assert len(packings) == 2
    second = FusedStep(library, graph, CONFIG, 2, shared=True)
    assert len(packings) == 2
    for step in (first, second):
        assert np.array_equal(step.run(TOKENS, 0, every=True), expected)
        step.close()
    assert not mapped(file)


def cut(file: Path) -> None:
    os.truncate(file, file.stat().st_size - 1)


def turn_a_bit(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[-100] ^= 1
    file.write_bytes(content)


def of_another_model(file: Path) -> None:
    content = np.frombuffer(file.read_bytes()[4096:], np.uint8) ^ np.uint8(1)
    assert packed.write_packed(packed.PackedFile(file, bytes(32)), content)


def let_others_write(file: Path) -> None:
    file.chmod(0o620)


def lead_elsewhere(file: Path) -> None:
    other = file.with_name("elsewhere")
    file.rename(other)
    file.symlink_to(other)


def be_a_pipe(file: Path) -> None:
    file.unlink()
    os.mkfifo(file)


@pytest.mark.parametrize("harm", [cut, turn_a_bit, of_another_model, let_others_write])
def test_what_is_not_sound_is_written_again(
    library: Path, graph: Path, cache: Path, packings: list[Path], harm: Callable[[Path], None]
) -> None:
    expected = logits(library, graph)
    (file,) = cache.iterdir()
    harm(file)
    assert np.array_equal(logits(library, graph), expected)
    assert len(packings) == 2
    assert np.array_equal(logits(library, graph), expected)
    assert len(packings) == 2


@pytest.mark.parametrize("harm", [lead_elsewhere, be_a_pipe])
def test_what_is_no_file_is_not_opened(
    library: Path, graph: Path, cache: Path, packings: list[Path], harm: Callable[[Path], None]
) -> None:
    expected = logits(library, graph)
    (file,) = cache.iterdir()
    harm(file)
    assert np.array_equal(logits(library, graph), expected)
    assert len(packings) == 2


def test_without_a_place_it_packs_for_itself(
    library: Path, graph: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = logits(library, graph, shared=False)
    for name in ("XDG_CACHE_HOME", "CACHE_DIRECTORY", "HOME"):
        monkeypatch.delenv(name, raising=False)
    assert packed.packed_file(graph, b"", 0) is None
    assert np.array_equal(logits(library, graph), expected)
    # A place where no folder can be made, as in a home that is closed to a service.
    (tmp_path / "file").touch()
    monkeypatch.setenv("HOME", str(tmp_path / "file"))
    assert np.array_equal(logits(library, graph), expected)


@pytest.mark.parametrize(
    ("name", "value", "place"),
    [
        ("XDG_CACHE_HOME", "/x", "/x/forgebus/packed"),
        ("CACHE_DIRECTORY", "/var/cache/forgebus:/b", "/var/cache/forgebus/packed"),
        ("HOME", "/home/h", "/home/h/.cache/forgebus/packed"),
    ],
)
def test_where_it_lies(
    graph: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str, place: str
) -> None:
    for each in ("XDG_CACHE_HOME", "CACHE_DIRECTORY", "HOME"):
        monkeypatch.delenv(each, raising=False)
    monkeypatch.setenv(name, value)
    file = packed.packed_file(graph, b"shape", 128)
    assert file is not None
    assert str(file.path.parent) == place
    other = packed.packed_file(graph, b"shape", 0)
    assert other is not None
    assert other.path != file.path


def test_a_graph_that_nobody_vouches_for_is_not_shared(
    library: Path, graph: Path, cache: Path, tmp_path: Path
) -> None:
    alone = tmp_path / graph.name
    shutil.copy(graph, alone)
    assert np.array_equal(logits(library, alone), logits(library, graph, shared=False))
    assert not cache.exists()


def test_the_last_used_stay(cache: Path) -> None:
    content = np.arange(100, dtype=np.uint8)
    files = [
        packed.PackedFile(cache / f"{n}.fused", bytes([n] * 32)) for n in range(packed.KEPT + 2)
    ]
    for n, file in enumerate(files):
        assert packed.write_packed(file, content)
        os.utime(file.path, (n, n))
        if n == 5:
            assert packed.map_packed(files[0], 100) is not None  # used: it is the youngest now
    left = {int(each.stem) for each in cache.iterdir()}
    assert left == {0, *range(3, packed.KEPT + 2)}
    assert len(left) == packed.KEPT


def test_a_damaged_graph_leaves_nothing(
    library: Path, graph: Path, cache: Path, tmp_path: Path
) -> None:
    broken = tmp_path / graph.name
    broken.write_bytes(graph.read_bytes()[:1000])
    write_sums(tmp_path, [broken.name])
    with pytest.raises(BadModel):
        FusedStep(library, broken, CONFIG, 1, shared=True)
    assert list(cache.iterdir()) == []


def padded(content: bytes) -> bytes:
    return content.ljust(-(-len(content) // 64) * 64, b"\0")


def laid(part: weights.Matrix | weights.Vector, offset: int) -> bytes:
    """A part as layout 1 has it."""
    if isinstance(part, weights.Vector):
        return padded(part.values.tobytes())
    rows, blocks = part.scales.shape
    codes = (part.codes ^ (128 - offset)).reshape(rows // 16, 16, blocks, 16, 4)
    scales = (part.scales * 4096).astype(np.float16).reshape(rows // 16, 16, blocks)
    groups = zip(codes.transpose(0, 2, 3, 1, 4), scales.transpose(0, 2, 1), strict=True)
    return b"".join(padded(c.tobytes() + s.tobytes()) for c, s in groups)


@pytest.mark.parametrize("name", ["grouped", "untied"])
def test_another_layout_needs_another_version(
    library: Path, cache: Path, tmp_path: Path, name: str
) -> None:
    """Files outlive the library that wrote them: this is what version 1 says of them."""
    assert packed.LAYOUT == 1
    config = SHAPES[name]
    graph = fused_models.served(config, tmp_path / name)
    write_sums(graph.parent, [graph.name])
    FusedStep(library, graph, config, 1, shared=True)
    (file,) = cache.iterdir()
    parts = {
        (type(part), part.kind, part.layer): part for part in weights.read_weights(graph, config)
    }
    vector, matrix = weights.VectorKind, weights.MatrixKind
    order: list[tuple[weights.VectorKind | weights.MatrixKind, int]]
    order = [(vector.COS, 0), (vector.SIN, 0)]
    for n in range(config.n_layers):
        order += [(vector.NORM_ATTENTION, n), (matrix.QKV, n), (matrix.OUT, n)]
        order += [(vector.NORM_FFN, n), (matrix.GATE_UP, n), (matrix.DOWN, n)]
    order += [(vector.NORM_FINAL, 0)]
    order += [(matrix.HEAD, 0)] * (not config.tied) + [(matrix.EMBEDDING, 0)]
    offset = ctypes.CDLL(str(library)).forge_packed_offset()
    content = b"".join(
        laid(parts[weights.Vector if isinstance(kind, vector) else weights.Matrix, kind, n], offset)
        for kind, n in order
    )
    assert file.read_bytes()[4096:] == content
