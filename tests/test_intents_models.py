"""The shipped classifiers, on sentences of ours: each public set finds its model; nonsense is left alone."""

import json
import random
from pathlib import Path
from typing import Any

import pytest

from data.router_nonsense import nonsense
from engine.checkpoint import seal, write_json
from engine.model_folder import ModelFolder
from engine.routing import route
from evaluation.command import Order, evaluate
from evaluation.models import load_model, router_folder
from handlers.intent_classification import IntentClassification
from handlers.protocol import Usage

ROOT = Path(__file__).resolve().parent.parent
MODELS = ROOT / "models"

# Our own sentences, none of a public set.
SAMPLES: dict[str, dict[str, str]] = {
    "clinc150": {
        "wake me tomorrow at a quarter past six": "alarm",
        "how much money sits in my checking account": "balance",
        "reserve a seat on a plane from oslo to lima": "book_flight",
        "how many calories does a slice of pizza have": "calories",
        "my debit card snapped in two": "damaged_card",
        "what does the word lugubrious mean": "definition",
        "toss a coin for me": "flip_coin",
        "what is the gas mileage of my car": "mpg",
        "spell the word bureaucracy": "spelling",
        "say that one more time please": "repeat",
        "i need a taxi to the opera, get an uber": "uber",
        "will it rain in bergen tomorrow": "weather",
        "put butter on my shopping list": "shopping_list_update",
        "tell me a funny joke about ducks": "tell_joke",
        "translate good evening into french": "translate",
        "who painted the ceiling of the sistine chapel": "oos",
        "how many moons does saturn have": "oos",
        "which team won the cup final in 1974": "oos",
    },
    "hwu64": {
        "wake me up at half past five": "alarm_set",
        "what alarms are set for tomorrow": "alarm_query",
        "make the speaker louder please": "audio_volume_up",
        "dim the lights in the hallway": "iot_hue_lightdim",
        "start the robot vacuum cleaner": "iot_cleaning",
        "make me a cup of coffee": "iot_coffee",
        "send an email to my sister about lunch": "email_sendemail",
        "what is the weather going to be like on sunday": "weather_query",
        "book a train ticket to vienna": "transport_ticket",
        "what is the stock price of siemens": "qa_stock",
        "play my favourite podcast": "play_podcasts",
        "add butter to my grocery list": "lists_createoradd",
    },
    "snips": {
        "add this tune to my running playlist": "AddToPlaylist",
        "book a table for six at a greek restaurant": "BookRestaurant",
        "will it snow in bergen on tuesday": "GetWeather",
        "play some songs by nina simone": "PlayMusic",
        "give this novel four out of five stars": "RateBook",
        "find the tv show called the long river": "SearchCreativeWork",
        "when is the movie the lost key playing at the nearest cinema": "SearchScreeningEvent",
    },
    "banking77": {
        "how do i activate my new card": "activate_my_card",
        "i have forgotten my passcode": "passcode_forgotten",
        "the cash machine swallowed my card": "card_swallowed",
        "please close my account for good": "terminate_account",
        "why was my top up reverted": "top_up_reverted",
        "i was charged twice for one purchase": "transaction_charged_twice",
        "how do i change my pin": "change_pin",
        "my phone was stolen last night": "lost_or_stolen_phone",
        "what exchange rate do you use": "exchange_rate",
        "my transfer is still pending": "pending_transfer",
    },
}
# What each got right of them when it was shipped, less one.
RIGHT = {"clinc150": 15, "hwu64": 10, "snips": 6, "banking77": 8}

REQUESTS = {
    "switch the lamp in the hallway off": "home_control",
    "what is thirteen times seven": "math",
    "write a python function that sorts names": "code",
    "paint me a harbour at dawn": "image",
    "how many people are in this photo": "vision",
    "transcribe yesterday's meeting": "stt",
    "read this letter out loud to me": "tts",
    "delete the old backup folder": "file",
    "write a short story about a lighthouse": "text",
    "search the web for cheap flights": "web",
    "hello, how are you today": "chat",
}
NOTHING = [
    "asdf qwer",
    "hjkl sdfg poiu",
    "x9$kq2!! zz",
    "blorf vantid ugla",
    "hmm uh",
    "zxcv google hjkl",
]


class Call:
    max_tokens = 1

    def __init__(self) -> None:
        self.usage = Usage()

    def emit(self, text: str) -> None: ...

    def cancelled(self) -> bool:
        return False

    def progress(self, fraction: float) -> None: ...

    def abstain(self, reason: str, probability: float) -> None: ...


@pytest.fixture(scope="module")
def router() -> IntentClassification:
    handler = IntentClassification(MODELS)
    handler.load()
    return handler


def ask(router: IntentClassification, text: str) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(router.run(json.dumps(text).encode(), Call()))
    return answer


@pytest.mark.parametrize("name", SAMPLES)
def test_a_set_is_evaluated_with_the_model_that_knows_its_labels(name: str, tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    lines = [json.dumps({"text": t, "label": label}) for t, label in SAMPLES[name].items()]
    file.write_text("\n".join(lines), "utf-8")
    told = evaluate(Order("router", file, MODELS), lambda *_: None)
    assert told["subject"].startswith(f"{name} (")
    assert told["correct"] >= RIGHT[name], told["wrong"]


@pytest.mark.parametrize("name", [*SAMPLES, "router"])
def test_a_classifier_is_whole_small_and_says_how_sure_it_must_be(name: str) -> None:
    folder = ModelFolder.open(MODELS / name)
    assert folder.config.parameters() <= 8_000_000
    assert folder.use.task == "route"
    assert folder.use.labels
    assert 0 < load_model(MODELS / name).calibration.threshold < 1
    assert "## Limits" in (MODELS / name / "CARD.md").read_text("utf-8")


def test_of_models_that_know_as_many_labels_the_one_with_the_fewest_besides_is_taken(
    tmp_path: Path,
) -> None:
    for name, labels in {"router": "abc", "few": "xyz", "many": "xyzuvw", "other": "xq"}.items():
        (tmp_path / name).mkdir()
        write_json(tmp_path / name / "use.json", {"task": "route", "labels": list(labels)})
        seal(tmp_path / name)
    assert router_folder({"x", "y"}, tmp_path).name == "few"
    assert router_folder({"x", "w"}, tmp_path).name == "many"
    assert router_folder({"a"}, tmp_path).name == "router"
    assert router_folder({"d", "e", "x"}, tmp_path).name == "router"  # nobody knows half of them
    (tmp_path / "few" / "use.json").write_text("{", "utf-8")
    assert router_folder({"x", "y"}, tmp_path).name == "many"


def test_requests_go_where_they_belong(router: IntentClassification) -> None:
    found = {text: ask(router, text)["ranking"][0]["intent"] for text in REQUESTS}
    assert sum(found[text] == label for text, label in REQUESTS.items()) >= len(REQUESTS) - 1, found


@pytest.mark.parametrize("text", NOTHING)
def test_nonsense_is_left_alone_by_model_and_keywords(
    router: IntentClassification, text: str
) -> None:
    answer = ask(router, text)
    assert (answer["intent"], answer["source"], answer["abstained"]) == ("", "none", True)


def test_most_nonsense_that_was_never_seen_is_left_alone(router: IntentClassification) -> None:
    rng = random.Random(7)
    answers = [ask(router, nonsense("validation", rng)) for _ in range(200)]
    assert sum(answer["abstained"] for answer in answers) >= 180
    assert sum(answer["source"] == "keywords" for answer in answers) <= 4


def test_a_keyword_helps_where_the_model_is_unsure_of_a_request(
    router: IntentClassification, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert router._loaded is not None
    forge, calibration, labels = router._loaded
    strict = type(calibration)(calibration.temperature, 1.0)
    monkeypatch.setattr(router, "_loaded", (forge, strict, labels))
    answer = ask(router, "please transcribe this interview")
    assert (answer["intent"], answer["source"], answer["abstained"]) == ("stt", "keywords", True)


def test_specialists_are_named_whether_or_not_they_are_here() -> None:
    model = load_model(MODELS / "router")
    assert dict(model.use.specialists) == {
        "home_control": "home",
        "text": "text",
        "chat": "text",
        "code": "code",
        "math": "math",
        "vision": "vision",
    }
    told = route(model.forge, model.use, model.calibration, "what is thirteen times seven")
    assert (told.label, told.model) == ("math", "" if told.abstained else "math")
