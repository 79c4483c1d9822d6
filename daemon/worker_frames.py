"""What a node and its worker processes say to each other: MessagePack in length-prefixed frames.

Both ends are of the same release, so there is no version; the parent still trusts no length and no
shape, since a child whose memory a model has trampled may write anything.
"""

import struct
from typing import Any, Generic, Literal, TypeVar

import msgspec

MAX_FRAME = 1024 * 1024
BEGINS = b"\x1e"
"""A line of this among what a worker prints: a job begins, and what was printed before was another's."""


class FrameError(Exception):
    """The other end sent something that is no frame of ours; the connection is of no more use."""


class _Frame(msgspec.Struct, frozen=True, tag=True, array_like=True):
    pass


class Run(_Frame, frozen=True):
    """Do this job: beside the others of its capability where they are computed together, else alone."""

    key: str
    capability: str
    content: bytes
    max_tokens: int


class Load(_Frame, frozen=True):
    """Load this capability before a job needs it; answered by `Ended` like a job."""

    key: str
    capability: str


class Unload(_Frame, frozen=True):
    """Give this capability's memory back once what was sent before is done; there is no answer."""

    capability: str


class Cancel(_Frame, frozen=True):
    """Nobody wants this job any more."""

    key: str


class Ready(_Frame, frozen=True):
    """The process is up."""


class Chunk(_Frame, frozen=True):
    """A piece of the answer, or how far the work is; `seq` counts from 0 in a job."""

    key: str
    seq: int
    text: str
    fraction: float | None


class Ended(_Frame, frozen=True):
    """A job is over. With `last` the process is not fit for another and ends.

    `abstained` says that the result is no answer, in the words of `bus_topics.abstention`.
    """

    key: str
    outcome: Literal["done", "failed", "cancelled"]
    result: bytes | None = None
    abstained: str = ""
    error: str = ""
    code: str = ""
    model: str = ""
    loaded: bool = False
    load_ms: float = 0.0
    run_ms: float = 0.0
    prefill_tokens: int = 0
    prefill_s: float = 0.0
    decode_tokens: int = 0
    decode_s: float = 0.0
    others_s: float = 0.0
    last: bool = False


ToWorker = Run | Load | Unload | Cancel
FromWorker = Ready | Chunk | Ended
F = TypeVar("F", bound=_Frame)


def pack(frame: ToWorker | FromWorker) -> bytes:
    """The frame as it goes through the socket."""
    payload = _encoder.encode(frame)
    return _LENGTH.pack(len(payload)) + payload


class Unpacker(Generic[F]):
    """Bytes in, as they come; whole frames of `kind` out."""

    def __init__(self, kind: Any) -> None:
        self._decoder: msgspec.msgpack.Decoder[F] = msgspec.msgpack.Decoder(kind)
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[F]:
        """The frames that `data` completes. Raises FrameError."""
        self._buffer += data
        frames: list[F] = []
        start = 0
        while len(self._buffer) - start >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(self._buffer, start)
            if length > MAX_FRAME:
                raise FrameError(f"a frame of {length} bytes; at most {MAX_FRAME} are read")
            end = start + _LENGTH.size + length
            if len(self._buffer) < end:
                break
            try:
                frame = self._decoder.decode(self._buffer[start + _LENGTH.size : end])
            except msgspec.MsgspecError as error:
                raise FrameError(f"not a frame: {error}") from error
            frames.append(frame)
            start = end
        del self._buffer[:start]
        return frames


_LENGTH = struct.Struct("!I")
_encoder = msgspec.msgpack.Encoder()
