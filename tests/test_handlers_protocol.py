"""The handler protocol, the catalog and the two self-test capabilities."""

import json
import subprocess
import sys
import threading
import time
from pathlib import Path

import msgspec
import pytest

from handlers.catalog import CATALOG, build
from handlers.protocol import BadInput, Cancelled, HandlerError, Unavailable, Usage, read_content


class Recorder:
    """A call that keeps what the handler told it."""

    def __init__(self, max_tokens: int = 64) -> None:
        self.max_tokens = max_tokens
        self.usage = Usage()
        self.chunks: list[str] = []
        self.fractions: list[float] = []
        self.abstained: tuple[str, float] | None = None
        self.stop = threading.Event()

    def emit(self, text: str) -> None:
        self.chunks.append(text)

    def cancelled(self) -> bool:
        return self.stop.is_set()

    def progress(self, fraction: float) -> None:
        self.fractions.append(fraction)

    def abstain(self, reason: str, probability: float) -> None:
        self.abstained = (reason, probability)


class Sentence(msgspec.Struct):
    text: str


def test_importing_the_catalog_loads_no_numpy_onnxruntime_or_engine() -> None:
    code = (
        "import sys, handlers.catalog, handlers.protocol\n"
        "heavy = {'numpy', 'onnxruntime', 'engine', 'torch', 'tokenizers'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    out = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parent.parent,
    )
    assert out.stdout.strip() == "[]"


def test_every_entry_names_an_importable_factory_with_its_own_capability_and_model() -> None:
    for capability, entry in CATALOG.items():
        module, name = entry.factory.split(":")
        factory = getattr(__import__(module, fromlist=[name]), name)
        handler = factory(Path("nowhere"))
        assert (handler.capability, handler.model) == (capability, entry.model)


def test_estimates_never_exceed_the_token_limit_that_was_given() -> None:
    for entry in CATALOG.values():
        for tokens_in in (0, 1, 100, 100_000):
            work = entry.estimate(tokens_in, 7)
            assert 0 <= work.decode_tokens <= 7
            assert 0 <= work.prefill_tokens <= 512


def test_build_says_which_files_are_missing(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match=r"tokenizer\.json"):
        build("home_control", tmp_path)


def test_build_names_the_known_capabilities_for_an_unknown_one(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="home_control"):
        build("make_coffee", tmp_path)


@pytest.mark.parametrize("content", [b'"hello"', b' "hello"', b'{"text": "hello"}'])
def test_a_bare_string_is_the_text(content: bytes) -> None:
    assert read_content(content, Sentence, "text") == Sentence("hello")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"null",
        b"7",
        b"{}",
        b'{"text": 7}',
        b'{"text": "a"',
        b'"\xff"',
        b"[" * 200_000,
        b'{"text": "a", "x": ' + b"[" * 200_000,
        b'"' + b"a" * 300_000 + b'"',
    ],
)
def test_any_other_content_is_bad_input_that_says_what_belongs_there(content: bytes) -> None:
    with pytest.raises(BadInput, match=r"text|bytes"):
        read_content(content, Sentence, "text")


def test_echo_gives_the_content_back(tmp_path: Path) -> None:
    handler = build("selftest_echo", tmp_path)
    handler.load()
    assert handler.run(b'{"a": [1, 2]}', Recorder()) == b'{"a": [1, 2]}'


def test_work_reports_each_step_and_leaves_its_mark_once(tmp_path: Path) -> None:
    handler = build("selftest_work", tmp_path)
    mark = tmp_path / "marks"
    call = Recorder()
    content = json.dumps({"steps": 4, "mark": str(mark), "note": "one"}).encode()
    done = json.loads(handler.run(content, call))
    assert done["steps"] == 4
    assert call.fractions == [0.25, 0.5, 0.75, 1.0]
    assert "".join(call.chunks) == "1 2 3 4 "
    assert mark.read_text() == "one\n"


def test_work_stops_soon_after_it_is_cancelled(tmp_path: Path) -> None:
    handler = build("selftest_work", tmp_path)
    call = Recorder()
    threading.Timer(0.05, call.stop.set).start()
    started = time.monotonic()
    with pytest.raises(Cancelled):
        handler.run(b'{"ms": 60000}', call)
    assert time.monotonic() - started < 30


def test_work_with_an_impossible_mark_fails_with_the_path(tmp_path: Path) -> None:
    handler = build("selftest_work", tmp_path)
    content = json.dumps({"mark": str(tmp_path / "no" / "such")}).encode()
    with pytest.raises(HandlerError, match="such"):
        handler.run(content, Recorder())


@pytest.mark.parametrize(
    "content",
    [b'{"ms": -1}', b'{"steps": 0}', b'{"crash": "melt"}', b'{"unknown": 1}', b'{"ms": 1e9}'],
)
def test_work_refuses_values_outside_its_bounds(content: bytes, tmp_path: Path) -> None:
    with pytest.raises(BadInput):
        build("selftest_work", tmp_path).run(content, Recorder())
