"""Ways in which a model's folder comes to harm, by accident and on purpose; each works in place."""

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from engine.checkpoint import write_json, write_sums
from engine.config import read_config_json
from engine.errors import BadConfig, BadModel, BadTokenizer, EngineError


@dataclass(frozen=True)
class Damage:
    """`apply` to a folder, the error that must come, and a word of its message."""

    apply: Callable[[Path], None]
    error: type[EngineError]
    says: str


def weights(folder: Path) -> Path:
    """The graph, or the checkpoint's tensors."""
    return next(iter([*folder.glob("*.onnx"), *folder.glob("*.safetensors")]))


def seal(folder: Path) -> None:
    """Make the checksums right again, as whoever means harm would."""
    names = sorted(file.name for file in folder.iterdir() if file.name != "SHA256SUMS")
    write_sums(folder, names)


def content(change: Callable[[bytes], bytes], name: str = "") -> Callable[[Path], None]:
    def apply(folder: Path) -> None:
        file = folder / name if name else weights(folder)
        file.write_bytes(change(file.read_bytes()))

    return apply


def config(**change: Any) -> Callable[[Path], None]:
    def apply(folder: Path) -> None:
        write_json(folder / "config.json", read_config_json(folder / "config.json") | change)
        seal(folder)

    return apply


def sealed(apply: Callable[[Path], None]) -> Callable[[Path], None]:
    def both(folder: Path) -> None:
        apply(folder)
        seal(folder)

    return both


def flipped(raw: bytes, place: int, bit: int = 2) -> bytes:
    return raw[:place] + bytes([raw[place] ^ (1 << bit)]) + raw[place + 1 :]


def nan_in_the_final_norm(folder: Path) -> None:
    """In the graph and in the tensors it lies as the same bytes."""
    file = weights(folder)
    raw = file.read_bytes()
    name = b"gamma_f" if file.suffix == ".onnx" else b"model.norm.weight"
    if file.suffix == ".onnx":
        place = _raw_of(raw, name)
    else:
        size = int.from_bytes(raw[:8], "little")
        place = 8 + size + json.loads(raw[8 : 8 + size])[name.decode()]["data_offsets"][0]
    file.write_bytes(raw[:place] + np.float32(np.nan).tobytes() + raw[place + 4 :])
    seal(folder)


def _raw_of(raw: bytes, name: bytes) -> int:
    from engine.protobuf import message, parts

    view = memoryview(raw)
    start = np.frombuffer(view, np.uint8).__array_interface__["data"][0]
    for number, value, _ in parts(view):
        for kind, tensor, _ in parts(message(value)) if number == 7 else ():
            found = {field: part for field, part, _ in parts(message(tensor))} if kind == 5 else {}
            if kind == 5 and bytes(message(found[8])) == name:
                piece = np.frombuffer(message(found[9]), np.uint8)
                return int(piece.__array_interface__["data"][0] - start)
    raise AssertionError(f"the graph has no constant {name!r}")


def outside(folder: Path) -> None:
    """The weights lie elsewhere, with a link to them in their place."""
    file = weights(folder)
    away = folder.parent / "outside"
    file.replace(away)
    file.symlink_to(away)


def pipe(folder: Path) -> None:
    """Reading config.json would wait for ever."""
    (folder / "config.json").unlink()
    os.mkfifo(folder / "config.json")


def emptied(folder: Path) -> None:
    for file in folder.iterdir():
        file.unlink()


def another_tokenizer(folder: Path) -> None:
    for place in (folder.parent, folder):
        file = place / "tokenizer.json"
        if file.exists():
            file.write_bytes(file.read_bytes().replace(b"}", b"} ", 1))


BOTH: dict[str, Damage] = {
    "0-byte weights": Damage(content(lambda _: b""), BadModel, "is empty"),
    "truncated weights": Damage(content(lambda raw: raw[:-7]), BadModel, "damaged"),
    "bit flipped in weights": Damage(content(lambda r: flipped(r, 99)), BadModel, "damaged"),
    "weights missing": Damage(lambda folder: weights(folder).unlink(), BadModel, "missing"),
    "weights outside of the folder": Damage(outside, BadModel, "symbolic link"),
    "weights outside, right sums": Damage(sealed(outside), BadModel, "symbolic link"),
    "0-byte config": Damage(content(lambda _: b"", "config.json"), BadModel, "cannot be read"),
    "config is a pipe": Damage(pipe, BadModel, "no file"),
    "config of brackets": Damage(
        content(lambda _: b"[" * 100_000, "config.json"), BadModel, "cannot be read"
    ),
    "no sums": Damage(lambda f: (f / "SHA256SUMS").unlink(), BadModel, "cannot be read"),
    "nothing in the folder": Damage(emptied, BadModel, "config.json"),
    "NaN in a weight, right sums": Damage(nan_in_the_final_norm, BadModel, "NaN"),
    "weights of zeros, right sums": Damage(
        sealed(content(lambda raw: bytes(len(raw)))), BadModel, "is no|never write"
    ),
    "context of 2**40": Damage(config(max_position_embeddings=2**40), BadConfig, "context"),
    "layers of 2**40": Damage(config(num_hidden_layers=2**40), BadConfig, "n_layers"),
    "width of 2**40": Damage(config(hidden_size=2**40), BadConfig, "dim"),
    "vocabulary of nothing": Damage(config(vocab_size=0), BadConfig, "below 1"),
    "rotary base of infinity": Damage(config(rope_theta=10**400), BadConfig, "incomplete"),
    "another width": Damage(config(hidden_size=128, head_dim=32), BadModel, "model|not"),
    "a layer more": Damage(config(num_hidden_layers=3), BadModel, "model|shape|lacks"),
}
"""What a served model and a checkpoint have in common."""

SERVED: dict[str, Damage] = {
    "another tokenizer": Damage(another_tokenizer, BadTokenizer, "trained with"),
    "no tokenizer": Damage(
        lambda f: (f.parent / "tokenizer.json").unlink(), BadTokenizer, "tokenizer"
    ),
    "a mode that is none": Damage(config(forge={"mode": "int2"}), BadModel, "how the model is"),
    "a context of 2**18": Damage(config(max_position_embeddings=2**18), BadModel, "bytes or more"),
    "use that cannot be": Damage(
        sealed(lambda f: write_json(f / "use.json", {"form": "prose"})), BadModel, "use.json"
    ),
}
"""Harm to a served model alone."""
