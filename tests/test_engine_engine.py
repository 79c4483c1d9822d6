"""`ForgeEngine` and `auto_configure`: which model answers, how it is asked, and why that one."""

from collections.abc import Callable
from pathlib import Path
from shutil import copytree, rmtree

import numpy as np
import pytest
from engine_damage import seal
from engine_models import SENTENCES, random_checkpoint
from hardware_trees import TREES

from engine import decoding
from engine.auto import choose
from engine.checkpoint import write_json
from engine.config import PRESETS
from engine.errors import BadModel, BadPrompt, BadTokenizer
from engine.forge_engine import ForgeEngine
from engine.graph import export
from engine.hardware import detect_hardware
from engine.model_use import ModelUse, read_use
from engine.quantisation import Mode
from engine.runtime import Forge
from engine.sampling import Sampling
from engine.tokenizer import Tokenizer, train_tokenizer

pytest_plugins = ["engine_fixtures"]

Served = Callable[[Mode], Path]
MODELS = Path(__file__).parent.parent / "models"


@pytest.fixture(scope="module")
def shipped() -> ForgeEngine:
    return ForgeEngine("text", use_routing=True)


@pytest.fixture
def models(served: Served, tokenizer: Tokenizer, tmp_path: Path) -> Path:
    """A folder of models: a router of three labels, a specialist, and a general one."""
    tokenizer.save(tmp_path / "tokenizer.json")
    for name in ("router", "lamps", "text"):
        copytree(served("int8"), tmp_path / name)
    labels = {"labels": ["lamp", "story", "sum"], "specialists": {"lamp": "lamps"}}
    write_json(tmp_path / "router" / "use.json", {"form": "chat", "task": "route", **labels})
    write_json(tmp_path / "router" / "calibration.json", {"temperature": 1.0, "threshold": 0.0})
    write_json(tmp_path / "lamps" / "use.json", {"form": "chat", "task": "home"})
    write_json(tmp_path / "text" / "use.json", {"form": "text"})
    for name in ("router", "lamps", "text"):
        seal(tmp_path / name)
    return tmp_path


def test_nothing_is_loaded_before_it_is_asked(models: Path) -> None:
    engine = ForgeEngine("text", models=models)
    assert engine._loaded == {}
    engine.generate("hello", max_tokens=1)
    assert list(engine._loaded) == [models / "text"]


def test_where_a_specialist_is_absent_the_general_model_answers(models: Path) -> None:
    use = {"form": "chat", "task": "route", "labels": ["lamp"], "specialists": {"lamp": "lamps"}}
    write_json(models / "router" / "use.json", use)
    seal(models / "router")

    def answer(engine: ForgeEngine) -> tuple[int, ...]:
        return tuple(engine.generate("turn on the lamp", max_tokens=6).ids)

    routed = ForgeEngine("text", use_routing=True, models=models)
    assert answer(routed) == answer(ForgeEngine("lamps", models=models))
    general = answer(ForgeEngine("text", models=models))
    assert general != answer(routed)
    rmtree(models / "lamps")
    routed = ForgeEngine("text", use_routing=True, models=models)
    assert routed.route("turn on the lamp").model == "lamps"
    assert answer(routed) == general


def test_models_share_one_tokenizer(models: Path) -> None:
    engine = ForgeEngine("text", models=models)
    assert engine.forge("lamps").tokenizer is engine.forge().tokenizer is engine.tokenizer
    assert engine.forge("lamps") is engine.forge("lamps")


def test_a_model_on_another_tokenizer_is_refused(models: Path, tokenizer: Tokenizer) -> None:
    other = train_tokenizer(SENTENCES[:3] * 9, 640)
    checkpoint = random_checkpoint(PRESETS["pi_zero"], other.fingerprint)
    export(checkpoint, models / "foreign", "int8")
    other.save(models / "foreign" / "tokenizer.json")
    engine = ForgeEngine("text", models=models)
    engine.forge()
    with pytest.raises(BadTokenizer, match="foreign was trained with"):
        engine.forge("foreign")
    assert ForgeEngine("foreign", models=models).tokenizer.fingerprint == other.fingerprint


def test_a_prompt_is_put_in_the_form_that_the_model_learnt(models: Path) -> None:
    engine = ForgeEngine("text", models=models)
    forge, chat = engine.forge(), engine.tokenizer.chat
    encoded = engine.tokenizer.encode("turn on the lamp")
    for prompt in ("turn on the lamp", encoded):
        made = engine.generate(prompt, max_tokens=9)
        assert made.ids == decoding.generate(forge, encoded, max_tokens=9).ids
    made = ForgeEngine("lamps", models=models).generate("turn on the lamp", max_tokens=9)
    expected = chat("turn on the lamp", task="home")
    assert made.ids == decoding.generate(engine.forge("lamps"), expected, max_tokens=9).ids


def test_a_stream_a_score_and_a_batch_are_those_of_the_model(models: Path) -> None:
    engine = ForgeEngine("text", models=models)
    lively = Sampling(temperature=1.2, seed=4)
    whole = engine.generate("turn on", max_tokens=12, sampling=lively)
    stream = engine.stream("turn on", max_tokens=12, sampling=lively)
    assert "".join(stream) == whole.text
    ids = engine.tokenizer.encode("turn on")
    expected = decoding.score(engine.forge(), ids, ["yes", "no"])
    np.testing.assert_allclose(engine.score("turn on", ["yes", "no"]), expected, atol=1e-3)
    prompts: list[str | list[int]] = ["turn on", "play", ids, "what is 12"]
    together = engine.batch(prompts, max_tokens=6)
    alone = [engine.generate(prompt, max_tokens=6) for prompt in prompts]
    assert [each.ids for each in together] == [each.ids for each in alone]


def test_the_router_picks_who_answers(models: Path) -> None:
    engine = ForgeEngine("text", True, models=models)  # noqa: FBT003 - as it may be written
    routes = {text: engine.route(text) for text in SENTENCES}
    assert {each.label for each in routes.values()} <= {"lamp", "story", "sum"}
    for text, route in routes.items():
        assert route.model == ("lamps" if route.label == "lamp" else "")
        answer = engine.generate(text, max_tokens=4)
        plain = ForgeEngine(route.model or "text", models=models)
        assert answer.ids == plain.generate(text, max_tokens=4).ids
    together = engine.batch(SENTENCES, max_tokens=4)
    assert [each.ids for each in together] == [
        engine.generate(text, max_tokens=4).ids for text in SENTENCES
    ]


def test_below_its_threshold_the_router_leaves_it_to_the_engines_own(models: Path) -> None:
    write_json(models / "router" / "calibration.json", {"temperature": 1.0, "threshold": 1.0})
    seal(models / "router")
    engine = ForgeEngine("text", use_routing=True, models=models)
    route = engine.route("turn on the lamp")
    assert (route.abstained, route.model) == (True, "")


def test_the_shipped_router_knows_who_serves_what(shipped: ForgeEngine) -> None:
    assert shipped.route("turn off the kitchen light").model == "home"
    assert shipped.route("write a story about a fox").model == "text"
    assert shipped.generate("Turn off the kitchen lights.").text.startswith("none")


def test_an_engine_without_a_router_says_so(models: Path) -> None:
    with pytest.raises(BadModel, match="use_routing=True"):
        ForgeEngine("text", models=models).route("hello")
    with pytest.raises(BadModel, match="no model 'router'"):
        ForgeEngine(models / "text", use_routing=True, models=models / "text")
    (models / "router" / "use.json").unlink()
    with pytest.raises(BadModel, match="names no labels"):
        ForgeEngine("text", use_routing=True, models=models)


@pytest.mark.parametrize(
    "told",
    [
        {"form": "prose"},
        {"task": "cooking"},
        {"labels": ["a", "a"]},
        {"labels": [f"{n}" for n in range(257)]},
        {"labels": ["a"], "specialists": {"b": "text"}},
        {"labels": [""]},
        {"labels": "a"},
        {"specialists": []},
        {"colour": "red"},
    ],
)
def test_a_use_that_cannot_be_is_refused(told: dict[str, object], tmp_path: Path) -> None:
    write_json(tmp_path / "use.json", told)
    with pytest.raises(BadModel, match=r"use\.json says what cannot be"):
        read_use(tmp_path)


def test_a_folder_without_a_use_is_asked_by_chat(tmp_path: Path, tokenizer: Tokenizer) -> None:
    use = read_use(tmp_path)
    assert use == ModelUse()
    assert use.ids(tokenizer, "hello") == tokenizer.chat("hello")


def test_embeddings_are_means_of_the_last_states(served: Served) -> None:
    engine = ForgeEngine(served("none"))
    texts = ["turn off the kitchen lights", "play", "Küche " * 50]
    vectors = engine.embed(texts)
    assert vectors.shape == (3, engine.forge().config.dim)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(engine.embed(texts[::-1]), vectors[::-1], atol=1e-4)
    engine.generate("something else", max_tokens=2)
    np.testing.assert_allclose(engine.embed(["play"])[0], vectors[1], atol=1e-4)


def test_embeddings_are_those_of_the_reference(checkpoint: object, served: Served) -> None:
    import torch

    from engine.checkpoint import load_checkpoint
    from engine.model import ForgeModel

    loaded = load_checkpoint(served("none").parent / "checkpoint")
    model = ForgeModel(loaded.config)
    model.load_state_dict({name: torch.from_numpy(w) for name, w in loaded.weights.items()})
    engine = ForgeEngine(served("none"))
    ids = engine.tokenizer.encode("set the thermostat to 21 degrees")
    with torch.no_grad():
        mean = model.model(torch.tensor([ids]))[0].mean(0).numpy()
    got = engine.embed(["set the thermostat to 21 degrees"])[0]
    np.testing.assert_allclose(got, mean / np.linalg.norm(mean), atol=1e-4)


@pytest.mark.parametrize("texts", [[], [""], ["fine", ""], "text", ["kitchen " * 300]])
def test_texts_that_cannot_be_embedded_are_named(served: Served, texts: list[str]) -> None:
    with pytest.raises(BadPrompt):
        ForgeEngine(served("none")).embed(texts)


def test_a_preset_means_the_installed_model_of_that_shape(shipped: ForgeEngine) -> None:
    assert shipped.model == MODELS / "text"
    assert ForgeEngine("pi_4").model == MODELS / "text"
    assert ForgeEngine("pi_5").forge().config == PRESETS["pi_5"]


@pytest.mark.parametrize(
    ("machine", "mode", "threads"),
    [("pi_zero_2_w", "dynamic", 1), ("pi_5_8gb", "int8", 1), ("laptop", "int8", 1)],
)
def test_what_suits_a_machine(machine: str, mode: str, threads: int) -> None:
    choice = choose(MODELS, detect_hardware(TREES / machine))
    assert choice.folder == MODELS / "text", "the only one that writes about anything"
    assert (choice.mode, choice.threads) == (mode, threads)
    assert [name for name, _ in choice.reasons] == ["model", "mode", "threads", "context"]
    assert all(why for _, why in choice.reasons)


def test_the_largest_that_suits_is_taken(models: Path, tokenizer: Tokenizer) -> None:
    for preset in ("pi_zero", "pi_4", "small"):
        export(random_checkpoint(PRESETS[preset], tokenizer.fingerprint), models / preset, "int8")
    at = {name: choose(models, detect_hardware(TREES / name)) for name in ("pi_zero_2_w", "laptop")}
    assert at["pi_zero_2_w"].folder == models / "pi_zero"
    assert at["laptop"].folder == models / "small"
    assert "of 4 installed the largest within" in dict(at["laptop"].reasons)["model"]


def test_auto_configure_loads_it_and_says_why() -> None:
    forge = Forge.auto_configure()
    engine = ForgeEngine()
    assert engine.model == forge.source == MODELS / "text"
    assert engine.reasons == forge.reasons != ()
    assert forge.prefill([5]).shape == (8192,)


def test_a_mode_that_cannot_be_made_here_leaves_the_model_as_it_lies(
    models: Path, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
    choice = choose(models, detect_hardware(TREES / "pi_zero_2_w"))
    assert choice.mode == "dynamic"
    with monkeypatch.context() as without:
        without.setitem(__import__("sys").modules, "onnx", None)
        forge = choice.load()
    assert forge.mode == "int8"
    assert "train" in forge.reasons[-1][1]
    assert choice.load().mode == "dynamic"


def test_a_folder_without_a_writer_is_named(models: Path) -> None:
    (models / "text" / "SHA256SUMS").unlink()
    with pytest.raises(BadModel, match="writes text"):
        ForgeEngine(models=models)
