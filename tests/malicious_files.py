"""Files that make a folder when they are opened by the library that wrote them."""

from __future__ import annotations

import io
import os
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)


class Payload:
    """Makes a file when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Callable[[str], object], tuple[str]]:
        return os.mkdir, (str(self.mark),)


def torch_archive(payload: object) -> bytes:
    stream = io.BytesIO()
    torch.save({"w": payload}, stream)
    return stream.getvalue()


def npz(payload: object) -> bytes:
    stream = io.BytesIO()
    np.savez(stream, w=np.array([payload], dtype=object), allow_pickle=True)
    return stream.getvalue()


def npy(payload: object) -> bytes:
    stream = io.BytesIO()
    np.save(stream, np.array([payload], dtype=object), allow_pickle=True)
    return stream.getvalue()


MALICIOUS: dict[str, Callable[[object], bytes]] = {
    "torch archive": torch_archive,
    "npz": npz,
    "npy": npy,
    **{
        f"protocol {n}": lambda payload, n=n: pickle.dumps(payload, protocol=n)  # type: ignore[misc]
        for n in PROTOCOLS
    },
}
