"""Bad input, at every door that it can come through: a named error, and nothing half loaded.

The table is in docs/api.md; a test sees that it names every error here.
"""

import contextlib
import json
from collections.abc import Callable
from pathlib import Path
from shutil import copytree

import pytest
from engine_damage import BOTH, SERVED, Damage, flipped, seal, weights
from engine_models import SHAPE
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_handlers_models import Recorder

from engine import batching, decoding, embedding, export, train
from engine.checkpoint import load_checkpoint
from engine.errors import BadConfig, BadModel, BadPrompt, BadTokenizer, EngineError, OutOfMemory
from engine.forge_engine import ForgeEngine
from engine.quantisation import Mode
from engine.runtime import Forge
from engine.tokenizer import Tokenizer
from handlers.catalog import build
from handlers.forge_model import engine_faults_told
from handlers.protocol import BadInput, HandlerError, Unavailable

pytest_plugins = ["engine_fixtures"]

Served = Callable[[Mode], Path]


@pytest.fixture(autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache folder of the test's own."""
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder))
    return folder


@pytest.fixture
def model(served: Served, tokenizer: Tokenizer, tmp_path: Path) -> Path:
    """A served model of the test's own, called as a handler calls it, the tokenizer beside it."""
    tokenizer.save(tmp_path / "models" / "tokenizer.json")
    folder = Path(copytree(served("int8"), tmp_path / "models" / "text"))
    (folder / "calibration.json").write_text('{"temperature": 1.0, "threshold": 0.0}')
    seal(folder)
    return folder


@pytest.fixture
def trained(served: Served, tmp_path: Path) -> Path:
    """A checkpoint of the test's own."""
    return Path(copytree(served("int8").parent / "checkpoint", tmp_path / "checkpoint"))


def through_the_handler(folder: Path) -> None:
    with pytest.raises(Unavailable) as caught:
        build("text_generation", folder.parent).load()
    assert caught.value.code == "unavailable"
    if caught.value.__cause__ is None:  # the catalog saw that a file is not there
        raise ToldError(str(caught.value))
    raise caught.value.__cause__


def through_a_command(main: Callable[[list[str]], int], *arguments: str) -> None:
    """What a command line says on standard error, as the error that it caught."""
    from io import StringIO

    said = StringIO()
    with contextlib.redirect_stderr(said):
        assert main([*arguments]) == 1
    raise ToldError(said.getvalue())


class ToldError(Exception):
    """What a person is told where no error of the engine comes through."""


SERVED_DOORS: dict[str, Callable[[Path], object]] = {
    "Forge.load": Forge.load,
    "Forge.load_mmap": Forge.load_mmap,
    "Forge.from_pretrained_quantized": Forge.from_pretrained_quantized,
    "another mode": lambda path: Forge.from_pretrained_quantized(path, "dynamic"),
    "ForgeEngine": lambda path: ForgeEngine(path).generate("hello", max_tokens=1),
    "handler": through_the_handler,
}
CHECKPOINT_DOORS: dict[str, Callable[[Path], object]] = {
    "load_checkpoint": load_checkpoint,
    "Forge.from_pretrained_quantized": Forge.from_pretrained_quantized,
    "export": lambda path: through_a_command(export.main, str(path), str(path.parent / "exported")),
}


def refused(door: Callable[[Path], object], folder: Path, harm: Damage) -> None:
    with pytest.raises((harm.error, ToldError), match=f"{harm.says}|reinstall") as caught:
        door(folder)
    if isinstance(caught.value, EngineError):
        assert caught.value.remedy
        assert type(caught.value) is harm.error


@pytest.mark.parametrize("door", SERVED_DOORS)
@pytest.mark.parametrize("damage", [*BOTH, *SERVED])
def test_a_damaged_model_is_refused_at_every_door(model: Path, damage: str, door: str) -> None:
    harm = {**BOTH, **SERVED}[damage]
    harm.apply(model)
    if door == "another mode" and harm is SERVED["another tokenizer"]:
        model.with_name("tokenizer.json").unlink()  # others of the right kind would be found
    refused(SERVED_DOORS[door], model, harm)


@pytest.mark.parametrize("door", CHECKPOINT_DOORS)
@pytest.mark.parametrize("damage", BOTH)
def test_a_damaged_checkpoint_is_refused_at_every_door(
    trained: Path, damage: str, door: str
) -> None:
    BOTH[damage].apply(trained)
    refused(CHECKPOINT_DOORS[door], trained, BOTH[damage])
    assert not (trained.parent / "exported").exists()
    assert not (trained.parent / "run" / "model.safetensors").exists()


WRITTEN = ["model.int8.onnx", "config.json", "SHA256SUMS"]


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), name=st.sampled_from(WRITTEN), cut=st.booleans())
def test_no_place_of_a_model_may_change(
    model: Path, data: st.DataObject, name: str, *, cut: bool
) -> None:
    _one_change(model, name, data, cut=cut, door=Forge.load)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    data=st.data(),
    name=st.sampled_from(["model.safetensors", "config.json", "SHA256SUMS"]),
    cut=st.booleans(),
)
def test_no_place_of_a_checkpoint_may_change(
    trained: Path, data: st.DataObject, name: str, *, cut: bool
) -> None:
    _one_change(trained, name, data, cut=cut, door=load_checkpoint)


def _one_change(
    folder: Path, name: str, data: st.DataObject, *, cut: bool, door: Callable[[Path], object]
) -> None:
    file = folder / name
    sound = file.read_bytes()
    place = data.draw(st.integers(0, len(sound) - 1))
    bit = data.draw(st.integers(0, 7))
    if cut and sound[place:] == b"\n":
        return  # the last line's end alone: nothing is lost
    file.write_bytes(sound[:place] if cut else flipped(sound, place, bit))
    try:
        with pytest.raises(BadModel) as caught:
            door(folder)
        assert caught.value.remedy
    finally:
        file.write_bytes(sound)


@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(places=st.lists(st.tuples(st.integers(0, 6000), st.integers(0, 7)), min_size=1, max_size=3))
def test_a_graph_changed_with_right_sums_is_refused_or_serves(
    model: Path, places: list[tuple[int, int]]
) -> None:
    """Changed where operators, names and shapes stand: at the end of the file."""
    file = weights(model)
    sound = raw = file.read_bytes()
    for place, bit in places:
        raw = flipped(raw, len(raw) - 1 - place, bit)
    file.write_bytes(raw)
    seal(model)
    try:
        Forge.load(model).prefill([5, 6, 7])
    except EngineError as fault:
        assert fault.remedy  # noqa: PT017 - either outcome is right
    finally:
        file.write_bytes(sound)


DAMAGED_TOKENIZERS: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda _: b"",
    "truncated": lambda raw: raw[: len(raw) // 2],
    "no text": lambda _: b"\xff" * 99,
    "another file": lambda _: b'{"model_type": "llama"}',
    "brackets": lambda _: b"[" * 100_000,
}
TOO_LONG = "kitchen " * 300
TEXTS: dict[str, tuple[str, str]] = {
    "empty": ("", "empty"),
    "longer than the context": (TOO_LONG, "context"),
    "a lone surrogate": ("turn on \ud800", "surrogate"),
}
TEXT_DOORS: dict[str, Callable[[Forge, str], object]] = {
    "generate": decoding.generate,
    "stream": lambda forge, text: list(decoding.stream(forge, text)),
    "score": lambda forge, text: decoding.score(forge, text, ["yes"]),
    "classify": lambda forge, text: decoding.classify(forge, text, [0, 1]),
    "embed": lambda forge, text: embedding.embed(forge, ["fine", text]),
    "generate_many": lambda forge, text: batching.generate_many(forge, ["fine", text]),
}
ENGINE_DOORS: dict[str, Callable[[ForgeEngine, str], object]] = {
    "generate": ForgeEngine.generate,
    "stream": lambda engine, text: list(engine.stream(text)),
    "score": lambda engine, text: engine.score(text, ["yes"]),
    "embed": lambda engine, text: engine.embed([text]),
    "batch": lambda engine, text: engine.batch(["fine", text]),
}


@pytest.fixture
def engine(model: Path) -> ForgeEngine:
    return ForgeEngine(model)


@pytest.mark.parametrize("door", TEXT_DOORS)
@pytest.mark.parametrize("kind", TEXTS)
def test_a_bad_prompt_is_refused_at_every_door(forge: Forge, kind: str, door: str) -> None:
    text, says = TEXTS[kind]
    with pytest.raises(BadPrompt, match=says) as caught:
        TEXT_DOORS[door](forge, text)
    assert caught.value.remedy
    assert decoding.generate(forge, "hello", max_tokens=2).ids, "it serves on"


@pytest.mark.parametrize("door", ENGINE_DOORS)
@pytest.mark.parametrize("kind", TEXTS)
def test_a_bad_prompt_is_refused_by_the_engine(engine: ForgeEngine, kind: str, door: str) -> None:
    text, says = TEXTS[kind]
    with pytest.raises(BadPrompt, match=says):
        ENGINE_DOORS[door](engine, text)
    assert engine.generate("hello", max_tokens=2).ids, "it serves on"


@pytest.mark.parametrize("ids", [[SHAPE.vocab_size], [-1], [2**70], []])
def test_ids_outside_of_the_vocabulary_are_refused(engine: ForgeEngine, ids: list[int]) -> None:
    forge = engine.forge()
    for ask in (forge.prefill, forge.extend, forge.states, engine.generate):
        with pytest.raises(BadPrompt):
            ask(ids)
    with pytest.raises(BadPrompt):
        engine.batch(["fine", ids])


@pytest.mark.parametrize("raw", [b"\xff\xfe", b'"\\ud800"', b'"\xc3"', b'""', b"{}", b"7"])
def test_what_is_no_text_reaches_the_requester_as_bad_input(model: Path, raw: bytes) -> None:
    handler = build("text_generation", model.parent)
    handler.load()
    with pytest.raises(BadInput) as caught:
        handler.run(raw, Recorder())
    assert caught.value.code == "bad_input"


def test_every_byte_is_in_the_vocabulary(tokenizer: Tokenizer) -> None:
    for byte in range(256):
        assert bytes([byte]) in tokenizer.token_bytes
    text = "".join(map(chr, [*range(0xD800), 0xE000, 0x1F44D, 0x10FFFF]))
    assert tokenizer.decode(tokenizer.encode(text)) == text


@pytest.mark.parametrize(
    ("instead", "says"),
    [("õõ", "no token for 1 of the 256 bytes"), ("Ա", "is not written in bytes")],
)
def test_a_tokenizer_that_lacks_a_byte_is_refused(
    tokenizer: Tokenizer, tmp_path: Path, instead: str, says: str
) -> None:
    """It would leave the byte out of every prompt, without a word."""
    tokenizer.save(tmp_path / "tokenizer.json")
    told = json.loads((tmp_path / "tokenizer.json").read_bytes())
    told["model"]["vocab"][instead] = told["model"]["vocab"].pop("õ")  # of 0xF5, in no text
    (tmp_path / "tokenizer.json").write_text(json.dumps(told))
    with pytest.raises(BadTokenizer, match=says):
        Tokenizer.load(tmp_path)


@pytest.mark.parametrize("damage", DAMAGED_TOKENIZERS)
def test_a_damaged_tokenizer_is_refused(tokenizer: Tokenizer, tmp_path: Path, damage: str) -> None:
    tokenizer.save(tmp_path / "tokenizer.json")
    raw = (tmp_path / "tokenizer.json").read_bytes()
    (tmp_path / "tokenizer.json").write_bytes(DAMAGED_TOKENIZERS[damage](raw))
    with pytest.raises(BadTokenizer) as caught:
        Tokenizer.load(tmp_path)
    assert caught.value.remedy


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_tokenizer_with_a_bit_flipped_is_refused_or_loses_no_text(
    tokenizer: Tokenizer, data: st.DataObject
) -> None:
    raw = tokenizer._serialised
    changed = flipped(raw, data.draw(st.integers(0, len(raw) - 1)), data.draw(st.integers(0, 7)))
    text = "Schalte 12 Lichter in der Küche aus 👍\n"
    with contextlib.suppress(BadTokenizer):
        other = Tokenizer(changed)
        assert other.decode(other.encode(text)) == text


@pytest.mark.parametrize(
    ("raised", "code"),
    [
        (BadPrompt("too long", "shorten it"), "bad_input"),
        (OutOfMemory("no memory", "decode fewer together"), "unavailable"),
        (BadModel("the graph failed", "export it again"), "failed"),
    ],
)
def test_an_error_reaches_the_requester_with_its_remedy(raised: EngineError, code: str) -> None:
    with pytest.raises(HandlerError, match=raised.remedy) as caught, engine_faults_told():
        raise raised
    assert caught.value.code == code


def test_an_unknown_preset_is_refused(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(BadConfig, match=r"'gigantic'.*; use auto, a preset \(pi_zero, .*text"):
        ForgeEngine("gigantic", models=model.parent)
    with pytest.raises(BadModel, match=r"no model in .* has the shape 'xxl'; use one of text"):
        ForgeEngine("xxl", models=model.parent)
    assert train.main(["--preset", "gigantic", "--data", "x", "--out", "y"])
    assert "'gigantic' (choose from" in capsys.readouterr().err


@pytest.mark.parametrize("mode", ["int2", "", "INT8"])
def test_an_unknown_mode_is_refused(model: Path, mode: str) -> None:
    with pytest.raises(BadConfig, match="use one of none, dynamic, int8, int4"):
        Forge.from_pretrained_quantized(model, mode)


@pytest.mark.parametrize("device", ["cuda", "cuda:0", "mps", ""])
def test_a_device_without_a_backend_is_refused(model: Path, device: str) -> None:
    with pytest.raises(BadConfig, match=r'use "cpu"; what needs a GPU joins the bus as a bidder'):
        Forge.load_mmap(model, device)


@pytest.mark.parametrize("threads", [-1, 100_000])
def test_a_number_of_threads_that_nobody_means_is_refused(model: Path, threads: int) -> None:
    with pytest.raises(BadConfig, match=f"{threads} threads; give 1 to 256"):
        Forge.load(model, threads=threads)
