"""The three handlers with the models that ship: what they answer, refuse and report."""

import functools
import json
import threading
from pathlib import Path
from typing import Any

import pytest

from handlers.catalog import CATALOG, build
from handlers.protocol import BadInput, Cancelled, Handler, HandlerError, Unavailable, Usage

MODELS = Path(__file__).parent.parent / "models"
SHIPPED = [entry.capability for entry in CATALOG.values() if entry.model]

HOME: dict[str, list[Any]] = {
    "areas": ["Kitchen", "Living Room", "Bedroom", "Garage"],
    "entities": [
        {"entity_id": f"{domain}.{n}", "name": name, "area": area, "domain": domain}
        for n, (domain, name, area) in enumerate(
            [
                ("light", "Ceiling Light", "Kitchen"),
                ("light", "Counter Lights", "Kitchen"),
                ("switch", "Coffee Maker", "Kitchen"),
                ("light", "Floor Lamp", "Living Room"),
                ("media_player", "TV", "Living Room"),
                ("cover", "Blinds", "Living Room"),
                ("climate", "Thermostat", "Living Room"),
                ("light", "Bedside Lamp", "Bedroom"),
                ("fan", "Ceiling Fan", "Bedroom"),
                ("cover", "Garage Door", "Garage"),
                ("lock", "Side Door", "Garage"),
                ("light", "Zorquila", "Garage"),
            ]
        )
    ],
}


class Recorder:
    def __init__(self, max_tokens: int = 64) -> None:
        self.max_tokens = max_tokens
        self.usage = Usage()
        self.chunks: list[str] = []
        self.fractions: list[float] = []
        self.abstained: tuple[str, float] | None = None
        self.stop = threading.Event()
        self.stop_after = -1

    def emit(self, text: str) -> None:
        self.chunks.append(text)
        if len(self.chunks) == self.stop_after:
            self.stop.set()

    def cancelled(self) -> bool:
        return self.stop.is_set()

    def progress(self, fraction: float) -> None:
        self.fractions.append(fraction)

    def abstain(self, reason: str, probability: float) -> None:
        self.abstained = (reason, probability)


@functools.cache
def loaded(capability: str) -> Handler:
    handler = build(capability, MODELS)
    handler.load()
    return handler


def ask(capability: str, content: Any, call: Recorder | None = None) -> Any:
    return json.loads(
        loaded(capability).run(json.dumps(content).encode(), call or Recorder(max_tokens=128))
    )


def command(text: str) -> Any:
    return ask("home_control", {"text": text, **HOME})


def ids(name: str) -> str:
    return next(str(e["entity_id"]) for e in HOME["entities"] if e["name"] == name)


@pytest.mark.parametrize("capability", SHIPPED)
def test_every_shipped_model_answers_a_bare_string_and_reports_its_usage(capability: str) -> None:
    call = Recorder(max_tokens=64)
    # Without a number there is nothing to put to the math model.
    text = "turn on the 3 lights" if capability == "math" else "turn on the lights in the hall"
    assert ask(capability, text, call)
    assert call.usage.prefill_tokens > 0
    assert call.usage.prefill_s > 0


@pytest.mark.parametrize("capability", SHIPPED)
@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"{}", b"5", b'""', b'"\\ud800"', b'"\xff"'])
def test_bad_content_is_bad_input(capability: str, content: bytes) -> None:
    with pytest.raises(BadInput):
        loaded(capability).run(content, Recorder())


@pytest.mark.parametrize("capability", SHIPPED)
def test_a_cancelled_call_ends_as_cancelled(capability: str) -> None:
    call = Recorder()
    call.stop.set()
    with pytest.raises(Cancelled):
        loaded(capability).run(b'"turn on the lights"', call)


@pytest.mark.parametrize("capability", SHIPPED)
def test_a_handler_that_was_not_loaded_says_so(capability: str) -> None:
    with pytest.raises(HandlerError, match="load"):
        build(capability, MODELS).run(b'"x"', Recorder())


@pytest.mark.parametrize("capability", SHIPPED)
def test_a_damaged_model_is_unavailable(capability: str, tmp_path: Path) -> None:
    name = CATALOG[capability].model
    (tmp_path / name).mkdir()
    (tmp_path / "tokenizer.json").write_bytes((MODELS / "tokenizer.json").read_bytes())
    for file in (MODELS / name).iterdir():
        (tmp_path / name / file.name).write_bytes(file.read_bytes())
    graph = next((tmp_path / name).glob("*.onnx"))
    graph.write_bytes(graph.read_bytes()[:-1] + b"\0")
    with pytest.raises(Unavailable, match=name):
        build(capability, tmp_path).load()


@pytest.mark.parametrize(
    ("text", "intent"),
    [
        ("turn off the kitchen lights", "home_control"),
        ("what is 12 times 7", "math"),
        ("write a python function that sorts a list", "code"),
        ("draw a cat on a roof", "image"),
        ("transcribe this voice memo", "stt"),
        ("write a story about a brave mouse", "text"),
        ("what is the capital of France", "chat"),
    ],
)
def test_the_router_knows_plain_requests(text: str, intent: str) -> None:
    answer = ask("intent_classification", {"text": text})
    assert answer["intent"] == intent
    assert answer["source"] == "model"
    assert answer["probability"] == answer["ranking"][0]["probability"] > 0.5


def test_the_router_reads_the_beginning_of_what_is_too_long_for_it() -> None:
    call = Recorder()
    assert ask("intent_classification", "\N{SNOWMAN}\U0001f9ff" * 5000, call)["ranking"]
    assert call.usage.prefill_tokens < 512


def test_the_router_names_its_source_when_it_is_not_sure() -> None:
    answers = [ask("intent_classification", text) for text in ("light?", "it maybe", "no 4 x 4 ok")]
    for answer in answers:
        assert answer["abstained"] == (answer["source"] != "model")
        assert (answer["intent"] == "") == (answer["source"] == "none")


def test_the_kitchen_lights_go_off_and_nothing_else() -> None:
    answer = command("turn off the kitchen lights")
    assert [intent["name"] for intent in answer["intents"]] == ["HassTurnOff"]
    assert answer["intents"][0]["entities"] == [ids("Ceiling Light"), ids("Counter Lights")]
    assert not answer["abstained"]


def test_a_name_never_seen_in_training_is_copied_from_the_input() -> None:
    answer = command("turn on the zorquila")
    assert [intent["name"] for intent in answer["intents"]] == ["HassTurnOn"]
    assert answer["intents"][0]["entities"] == [ids("Zorquila")]
    assert answer["intents"][0]["slots"] == {"name": "Zorquila"}


def test_a_number_is_the_one_of_the_sentence() -> None:
    answer = command("set the floor lamp to 35 percent")
    assert answer["intents"][0]["name"] == "HassLightSet"
    assert answer["intents"][0]["slots"] == {"name": "Floor Lamp", "brightness": 35.0}


@pytest.mark.parametrize(
    "text", ["what is the capital of France", "tell me a joke", "turn on the sauna light"]
)
def test_what_is_no_command_for_this_home_is_left_alone_with_a_reason(text: str) -> None:
    answer = command(text)
    assert answer["abstained"]
    assert answer["intents"] == []
    assert answer["reason"]


def test_without_entities_it_says_what_is_missing() -> None:
    answer = ask("home_control", "turn off the kitchen lights")
    assert answer["abstained"]
    assert answer["reason"]


@pytest.mark.parametrize(
    "text",
    ["asdf qwer", "turn", "on on on off 5 7", "A", "R light", "none other", "\n>\nHassTurnOn A"],
)
def test_whatever_is_said_every_id_and_name_comes_from_the_home(text: str) -> None:
    known = {entity["entity_id"] for entity in HOME["entities"]}
    names = {entity["name"] for entity in HOME["entities"]}
    for intent in command(text)["intents"]:
        assert set(intent["entities"]) <= known
        assert intent["slots"].get("name", "TV") in names
        assert intent["slots"].get("area", "Kitchen") in HOME["areas"]


def test_a_home_of_long_names_leaves_room_for_the_sentence() -> None:
    long = "the very long name of a lamp that somebody could not stop writing about " * 2
    entities = [{"entity_id": f"light.l{n}", "name": f"{long} {n}"} for n in range(100)]
    assert "intents" in ask("home_control", {"text": f"turn on {long} 7", "entities": entities})


def test_a_sentence_that_no_prompt_can_hold_is_bad_input() -> None:
    with pytest.raises(BadInput, match="shorten"):
        ask("home_control", "\U0001f9ff" * 500)


def test_an_answer_cut_by_the_token_limit_is_no_command() -> None:
    content = json.dumps({"text": "turn off the kitchen lights", **HOME}).encode()
    with pytest.raises(HandlerError, match="tokens"):
        loaded("home_control").run(content, Recorder(max_tokens=1))


def test_text_is_streamed_and_the_chunks_are_the_answer() -> None:
    call = Recorder(max_tokens=24)
    answer = ask("text_generation", {"prompt": "Once upon a time", "seed": 3}, call)
    assert answer["text"]
    assert "".join(call.chunks) == answer["text"]
    assert answer["finish"] in ("end", "length")
    assert call.usage.decode_tokens <= 24
    assert call.fractions == sorted(call.fractions)


def test_the_same_seed_gives_the_same_text_and_another_another() -> None:
    first, again, other = (
        ask("text_generation", {"prompt": "The old house", "seed": seed})["text"]
        for seed in (1, 1, 2)
    )
    assert first == again != other


def test_text_ends_before_its_stop_string() -> None:
    whole = ask("text_generation", {"prompt": "The king said", "temperature": 0, "max_tokens": 20})
    stop = whole["text"].split()[2]
    cut = ask(
        "text_generation",
        {"prompt": "The king said", "temperature": 0, "max_tokens": 20, "stop": [stop]},
    )
    assert cut == {"text": whole["text"].split(stop)[0], "finish": "stop"}


def test_text_that_is_cancelled_on_the_way_stops_there() -> None:
    call = Recorder(max_tokens=400)
    call.stop_after = 3
    with pytest.raises(Cancelled):
        ask("text_generation", {"prompt": "The sea", "max_tokens": 400}, call)
    assert len(call.chunks) <= 4


def test_a_prompt_longer_than_the_context_is_answered_from_its_end() -> None:
    call = Recorder(max_tokens=8)
    assert "text" in ask("text_generation", {"prompt": "The sea was calm. " * 500}, call)
    assert call.usage.prefill_tokens <= 512


@pytest.mark.parametrize(
    "field", [{"temperature": -1}, {"max_tokens": 0}, {"seed": -1}, {"stop": [""]}, {"tokens": 5}]
)
def test_text_settings_outside_their_bounds_are_bad_input(field: dict[str, Any]) -> None:
    with pytest.raises(BadInput):
        ask("text_generation", {"prompt": "x", **field})
