"""The frames between a node and its workers survive any cut, and refuse what is none."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.worker_frames import (
    MAX_FRAME,
    Cancel,
    Chunk,
    Ended,
    FrameError,
    FromWorker,
    Load,
    Ready,
    Run,
    ToWorker,
    Unpacker,
    pack,
)

texts = st.text(max_size=30)
frames = st.one_of(
    st.builds(Run, texts, texts, st.binary(max_size=50), st.integers(0, 1000)),
    st.builds(Load, texts, texts),
    st.builds(Cancel, texts),
)


@given(st.lists(frames, max_size=8), st.lists(st.integers(1, 40), max_size=30))
def test_frames_come_out_as_they_went_in_however_the_stream_is_cut(
    sent: list[ToWorker], cuts: list[int]
) -> None:
    stream = b"".join(pack(frame) for frame in sent)
    unpacker: Unpacker[ToWorker] = Unpacker(ToWorker)
    received = []
    for cut in (*cuts, len(stream)):
        received += unpacker.feed(stream[:cut])
        stream = stream[cut:]
    assert received == sent


def test_each_frame_of_a_worker_is_known_again() -> None:
    ended = Ended("a", "done", b"\x00\xff", load_ms=1.5)
    sent: list[FromWorker] = [Ready(), Chunk("a", 0, "é", None), ended]
    unpacker: Unpacker[FromWorker] = Unpacker(FromWorker)
    assert unpacker.feed(b"".join(pack(frame) for frame in sent)) == sent


@pytest.mark.parametrize(
    "stream",
    [
        (MAX_FRAME + 1).to_bytes(4, "big"),
        b"\x00\x00\x00\x03abc",
        pack(Cancel("a")),
        b"\x00\x00\x00\x02\xc3\x28",
        len(odd := msgspec.msgpack.encode(["Chunk", "a", "zero", "", None])).to_bytes(4, "big")
        + odd,
    ],
)
def test_anything_else_is_refused(stream: bytes) -> None:
    with pytest.raises(FrameError):
        Unpacker[FromWorker](FromWorker).feed(stream)


@given(st.binary(max_size=200))
def test_no_bytes_give_another_error(stream: bytes) -> None:
    unpacker: Unpacker[FromWorker] = Unpacker(FromWorker)
    try:
        unpacker.feed(stream)
    except FrameError:
        return
