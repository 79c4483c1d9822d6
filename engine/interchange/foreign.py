"""What a file of weights is, told by its first bytes; and why it is not opened, and how to convert it.

A suffix tells what somebody meant, not what is in the file: a torch archive renamed to
`model.safetensors` is still a pickle. Nothing here opens what it looks at: bytes are compared, and
of a zip its list of names is read. Needs the standard library alone.
"""

import pickletools
import shlex
import struct
import zipfile
import zlib
from pathlib import Path
from typing import Literal

from engine.errors import BadModel

Foreign = Literal[
    "a pickle",
    "a torch archive (a pickle)",
    "a TorchScript archive (code)",
    "a numpy archive with pickled objects",
    "a numpy array",
    "numpy arrays",
    "a Keras or HDF5 file",
    "a GGUF file",
    "an archive",
]

CODE: frozenset[Foreign] = frozenset(
    (
        "a pickle",
        "a torch archive (a pickle)",
        "a TorchScript archive (code)",
        "a numpy archive with pickled objects",
    )
)
"""Opening one of these with the library that wrote it runs whatever is in it."""

# What torch, joblib and the like put pickles into, whatever their bytes look like.
_PICKLE_SUFFIXES = {".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".joblib"}
_SUFFIXES: dict[str, Foreign] = {
    **dict.fromkeys(_PICKLE_SUFFIXES, "a pickle"),
    ".gguf": "a GGUF file",
    ".ggml": "a GGUF file",
    ".h5": "a Keras or HDF5 file",
    ".hdf5": "a Keras or HDF5 file",
    ".keras": "a Keras or HDF5 file",
    ".npy": "a numpy array",
    ".npz": "numpy arrays",
}
_HEAD = 4096
# What zipfile raises for archives that are cut, encrypted, of an unknown method, or nonsense.
_BROKEN_ZIP = (
    *(zipfile.BadZipFile, NotImplementedError, RuntimeError, ValueError, EOFError),
    *(zlib.error, struct.error, OverflowError, KeyError, OSError),
)


def recognise(file: Path) -> Foreign | None:
    """What `file` is if it is nothing that we load; None for safetensors, ONNX, JSON and the unknown.

    Raises:
        OSError: it cannot be read.
    """
    with file.open("rb") as stream:
        head = stream.read(_HEAD)
    if _is_safetensors(head):
        return None
    if head.startswith(b"PK\x03\x04"):
        return _in_zip(file)
    if head.startswith((b"GGUF", b"lmgg", b"tjgg", b"fmgg")):
        return "a GGUF file"
    if head.startswith(b"\x89HDF\r\n\x1a\n"):
        return "a Keras or HDF5 file"
    if head.startswith(b"\x93NUMPY"):
        return "a numpy archive with pickled objects" if _has_objects(head) else "a numpy array"
    if head.startswith((b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd", b"7z\xbc\xaf")):
        return "an archive"
    if head[257:262] == b"ustar":
        return "an archive"
    if _is_pickle(head):
        return "a pickle"
    return _SUFFIXES.get(file.suffix.lower())


def refuse_foreign(file: Path) -> None:
    """Raise `BadModel` where `file` is of a form that we do not load, with the way to convert it."""
    try:
        found = recognise(file)
    except OSError as fault:
        raise BadModel(f"{file} cannot be read ({fault.strerror})", "give another file") from fault
    if found is not None:
        why = ", which may run code when it is opened" if found in CODE else ""
        raise BadModel(f"{file} is {found}{why}", _remedy(file, found))


def pickled(folder: Path) -> list[Path]:
    """The files of `folder` that are, or are called, pickled weights; sorted."""
    return sorted(file for file in folder.iterdir() if file.suffix.lower() in _PICKLE_SUFFIXES)


def _remedy(file: Path, found: Foreign) -> str:
    match found:
        case "a pickle" | "a torch archive (a pickle)":
            named = shlex.quote(str(file))
            return f"convert it: `forgebus models import --from-torch {named} --out FOLDER`"
        case "a TorchScript archive (code)":
            return (
                'convert it where it was made: `python -c "import torch; from safetensors.torch import '
                f"save_file; save_file(torch.jit.load('{file}').state_dict(), 'model.safetensors')\"`"
            )
        case "a numpy archive with pickled objects":
            return "save plain arrays where it was made, in model.safetensors"
        case "a numpy array":
            return "put the arrays of the whole model into one model.safetensors"
        case "numpy arrays":
            return (
                'convert it: `python -c "import numpy, safetensors.numpy as s; s.save_file(dict('
                f"numpy.load('{file}', allow_pickle=False)), 'model.safetensors')\"`"
            )
        case "a Keras or HDF5 file":
            unpack = (
                f"unzip {shlex.quote(str(file))} model.weights.h5, and "
                if file.suffix == ".keras"
                else ""
            )
            name = "model.weights.h5" if unpack else file
            return (
                f'{unpack}convert it: `python -c "import h5py, safetensors.numpy as s; d = {{}}; '
                f"h5py.File('{name}').visititems(lambda n, o: d.update({{n: o[()]}}) if hasattr(o, "
                "'dtype') else None); s.save_file(d, 'model.safetensors')\"`, and give its tensors "
                "LLaMA's names"
            )
        case "a GGUF file":
            return (
                "convert it with transformers 5, accelerate and gguf installed: `python -c "
                '"from transformers import AutoModelForCausalLM as M, GgufConfig as C; '
                f"M.from_pretrained('{file.parent}', gguf_file='{file.name}', "
                "quantization_config=C(dequantize=True)).save_pretrained('FOLDER')\"`, and import "
                "FOLDER"
            )
        case "an archive":
            return "unpack it"


def _is_safetensors(head: bytes) -> bool:
    """The length of its JSON, then the JSON itself."""
    return head[8:9] == b"{" and int.from_bytes(head[:8], "little") < 1 << 32


def _is_pickle(head: bytes) -> bool:
    """Whether the bytes are the opcodes of pickle's machine, up to where the head is cut."""
    if head[:1] == b"\x80" and head[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05"):
        return True
    if head[:1] not in (b"(", b"c", b"]", b"}", b"I", b"S", b"V", b"N"):  # protocols 0 and 1
        return False
    seen = 0
    try:
        for opcode, _, _ in pickletools.genops(head):
            seen += 1
            if opcode.name == "STOP":
                return True
    except (ValueError, UnicodeDecodeError):
        return seen > 3
    return False


def _in_zip(file: Path) -> Foreign:
    try:
        with zipfile.ZipFile(file) as archive:
            names = archive.namelist()
            if any(name.endswith(("/code/", "constants.pkl")) for name in names):
                return "a TorchScript archive (code)"
            if any(name.endswith(".pkl") for name in names):
                return "a torch archive (a pickle)"
            if any(name.endswith(".h5") for name in names):
                return "a Keras or HDF5 file"
            arrays = [name for name in names if name.endswith(".npy")]
            for name in arrays:
                with archive.open(name) as stream:
                    if _has_objects(stream.read(_HEAD)):
                        return "a numpy archive with pickled objects"
    except _BROKEN_ZIP:
        return "an archive"
    return "numpy arrays" if arrays else "an archive"


def _has_objects(head: bytes) -> bool:
    """Whether the header of a .npy names the type of Python objects, which are pickled."""
    start = 10 if head[6:7] == b"\x01" else 12
    size = int.from_bytes(head[8:start], "little")
    described = head[start : start + size].decode("latin-1")
    return "O" in described.partition("'descr'")[2].partition("'fortran_order'")[0]
