"""What could run code is told by its bytes, whatever it is called, and is never opened."""

from __future__ import annotations

import io
import pickle
import shutil
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from malicious_files import MALICIOUS, Payload

from engine.checkpoint import Checkpoint, load_checkpoint, save_checkpoint, write_sums
from engine.errors import BadModel
from engine.interchange.foreign import recognise, refuse_foreign
from engine.model_folder import ModelFolder
from engine.quantisation import Mode
from engine.runtime import Forge

pytest_plugins = ["engine_fixtures"]


@pytest.mark.parametrize("form", MALICIOUS)
def test_the_payloads_are_real(form: str, tmp_path: Path) -> None:
    """Opened by the library that wrote them, they do what they are for."""
    mark = tmp_path / "ran"
    content = io.BytesIO(MALICIOUS[form](Payload(mark)))
    if form == "torch archive":
        torch.load(content, weights_only=False)
    elif form == "npz":
        np.load(content, allow_pickle=True)["w"]
    elif form == "npy":
        np.load(content, allow_pickle=True)
    else:
        pickle.load(content)
    assert mark.exists()


@pytest.mark.parametrize("name", ["weights.pth", "model.safetensors", "model.int8.onnx", "model"])
@pytest.mark.parametrize("form", MALICIOUS)
def test_a_pickle_is_found_under_any_name(form: str, name: str, tmp_path: Path) -> None:
    mark, file = tmp_path / "ran", tmp_path / name
    file.write_bytes(MALICIOUS[form](Payload(mark)))
    with pytest.raises(BadModel, match="may run code"):
        refuse_foreign(file)
    with pytest.raises(BadModel, match="may run code"):
        load_checkpoint(file)
    assert not mark.exists()


@pytest.mark.parametrize("form", MALICIOUS)
def test_a_checkpoint_whose_weights_are_a_pickle_is_not_opened(
    form: str, checkpoint: Checkpoint, tmp_path: Path
) -> None:
    folder, mark = tmp_path / "run", tmp_path / "ran"
    save_checkpoint(folder, checkpoint)
    (folder / "model.safetensors").write_bytes(MALICIOUS[form](Payload(mark)))
    write_sums(folder, ["model.safetensors", "config.json"])
    with pytest.raises(BadModel, match=r"model\.safetensors is .* may run code"):
        load_checkpoint(folder)
    assert not mark.exists()


@pytest.mark.parametrize("form", MALICIOUS)
def test_a_model_whose_graph_is_a_pickle_is_not_served(
    form: str, served: Callable[[Mode], Path], tmp_path: Path
) -> None:
    folder, mark = tmp_path / "model", tmp_path / "ran"
    shutil.copytree(served("int8"), folder)
    (folder / "model.int8.onnx").write_bytes(MALICIOUS[form](Payload(mark)))
    write_sums(folder, ["model.int8.onnx", "config.json"])
    for load in (ModelFolder.open, Forge.load):
        with pytest.raises(BadModel, match=r"model\.int8\.onnx is .* may run code"):
            load(folder)
    assert not mark.exists()


def zipped(*names: str) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name in names:
            archive.writestr(name, b"x")
    return stream.getvalue()


def plain_npz() -> bytes:
    stream = io.BytesIO()
    np.savez(stream, w=np.zeros(3))
    return stream.getvalue()


@pytest.mark.parametrize(
    ("content", "told", "remedy"),
    [
        (zipped("m/data.pkl", "m/version"), "a torch archive", "import --from-torch"),
        (zipped("m/data.pkl", "m/constants.pkl"), "TorchScript", r"torch\.jit\.load"),
        (zipped("config.json", "model.weights.h5"), "Keras", "h5py"),
        (zipped("a.txt"), "an archive", "unpack"),
        (zipped("a.txt")[:40], "an archive", "unpack"),
        (plain_npz(), "numpy arrays", "allow_pickle=False"),
        (
            b"\x93NUMPY\x01\0v\0{'descr': '<f4', 'fortran_order': False, }",
            "a numpy array",
            "into one",
        ),
        (b"GGUF\x03\0\0\0", "a GGUF file", "gguf_file='x'"),
        (b"\x89HDF\r\n\x1a\n\0", "HDF5", "h5py"),
        (b"\x1f\x8b\x08\0", "an archive", "unpack"),
        (b"\0" * 257 + b"ustar\0", "an archive", "unpack"),
    ],
)
def test_every_form_is_told_with_its_remedy(
    content: bytes, told: str, remedy: str, tmp_path: Path
) -> None:
    file = tmp_path / "x"
    file.write_bytes(content)
    with pytest.raises(BadModel, match=f"is .*{told}.*; .*{remedy}"):
        refuse_foreign(file)


@pytest.mark.parametrize(
    "suffix", [".bin", ".PT", ".ckpt", ".gguf", ".h5", ".keras", ".npz", ".pkl"]
)
def test_a_suffix_is_enough(suffix: str, tmp_path: Path) -> None:
    file = tmp_path / f"x{suffix}"
    file.write_bytes(b"\0\0\0\0")
    with pytest.raises(BadModel, match="convert it"):
        refuse_foreign(file)


def test_what_we_load_is_not_taken_for_another(
    checkpoint: Checkpoint, served: Callable[[Mode], Path], tmp_path: Path
) -> None:
    save_checkpoint(tmp_path, checkpoint)
    files = [*tmp_path.iterdir(), *served("int8").iterdir(), *served("none").iterdir()]
    assert len(files) >= 8
    assert {recognise(file) for file in files} == {None}


def test_pickles_beside_sound_weights_are_left_alone(
    checkpoint: Checkpoint, tmp_path: Path
) -> None:
    """As in many folders of Hugging Face's: they are never opened."""
    save_checkpoint(tmp_path / "run", checkpoint)
    mark = tmp_path / "ran"
    (tmp_path / "run" / "training_args.bin").write_bytes(pickle.dumps(Payload(mark)))
    assert load_checkpoint(tmp_path / "run").config == checkpoint.config
    assert not mark.exists()


@given(data=st.data())
def test_no_damage_makes_it_fail_or_pass_as_sound(data: st.DataObject) -> None:
    """A file that began as a pickle or an archive is told or unknown, and nothing else happens."""
    form = data.draw(st.sampled_from(sorted(MALICIOUS)))
    content = bytearray(MALICIOUS[form](Payload(Path("/nowhere/ran"))))
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(4, len(content) - 1))
        content[place] = data.draw(st.integers(0, 255))
    del content[data.draw(st.integers(8, len(content))) :]
    with tempfile.NamedTemporaryFile() as file:
        Path(file.name).write_bytes(content)
        found = recognise(Path(file.name))
    if form in ("torch archive", "npz") or form[-1] in "2345":
        assert found is not None
