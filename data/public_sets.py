"""Public training sets, read into (sentence, router label) pairs. Their folder is an argument.

The sets are not part of the project; docs/models.md names their sources and licences. A folder
that is missing is an error: a model must not silently be trained on less than its card says.
"""

import csv
import json
from collections.abc import Iterable
from pathlib import Path

Pair = tuple[str, str]

_CLINC = {
    **dict.fromkeys(
        (
            *("smart_home", "timer", "alarm", "shopping_list", "shopping_list_update", "todo_list"),
            *("todo_list_update", "change_volume", "next_song", "play_music", "time", "date"),
        ),
        "home_control",
    ),
    **dict.fromkeys(("calculator", "measurement_conversion"), "math"),
    **dict.fromkeys(
        (
            *("weather", "traffic", "flight_status", "exchange_rate", "directions", "distance"),
            *("restaurant_reviews", "restaurant_suggestion", "current_location", "gas"),
        ),
        "web",
    ),
    **dict.fromkeys(("translate",), "text"),
}
_HWU = {
    **dict.fromkeys(
        ("iot", "audio", "music", "play", "alarm", "lists", "datetime"), "home_control"
    ),
    **dict.fromkeys(("weather", "news", "transport", "recommendation"), "web"),
}
_HWU_WHOLE = {"qa_maths": "math", "qa_stock": "web", "qa_currency": "web"}
_SNIPS = {"AddToPlaylist": "home_control", "PlayMusic": "home_control"}

NOT_ABOUT_HOME = frozenset(("chat", "math", "web", "code", "text"))
"""Labels of sentences that serve as negatives for the home model."""


def read_all(folder: Path, part: str) -> list[Pair]:
    """Every pair of a part, "train" or "validation", in a fixed order.

    Sets without a validation part of their own give every tenth sentence to it.
    """
    pairs: list[Pair] = []
    for reader in (_clinc, _hwu, _snips):
        pairs += reader(folder, part)
    for whole in (_banking, _gsm8k, _mawps, _mbpp, _self_instruct, _chatterbot):
        every = sorted(set(whole(folder)))
        pairs += [p for n, p in enumerate(every) if (n % 10 == 0) == (part == "validation")]
    return [(" ".join(text.split()), label) for text, label in pairs if text.strip()]


def _clinc(folder: Path, part: str) -> list[Pair]:
    sets = json.loads((folder / "clinc150/data_full_train_val.json").read_text("utf-8"))
    names = ("train", "oos_train") if part == "train" else ("val", "oos_val")
    return [(text, _CLINC.get(intent, "chat")) for name in names for text, intent in sets[name]]


def _hwu(folder: Path, part: str) -> list[Pair]:
    name = "train" if part == "train" else "valid"
    rows = zip(*(_lines(folder / "hwu64" / name / f) for f in ("seq.in", "label")), strict=True)
    return [
        (text, _HWU_WHOLE.get(label) or _HWU.get(label.partition("_")[0], "chat"))
        for text, label in rows
    ]


def _snips(folder: Path, part: str) -> list[Pair]:
    name = "train" if part == "train" else "valid"
    rows = zip(*(_lines(folder / "snips" / name / f) for f in ("seq.in", "label")), strict=True)
    return [(text, _SNIPS.get(label, "web")) for text, label in rows]


def _banking(folder: Path) -> Iterable[Pair]:
    with (folder / "banking77/train.csv").open(encoding="utf-8") as file:
        return [(row["text"], "chat") for n, row in enumerate(csv.DictReader(file)) if n % 8 == 0]


def _gsm8k(folder: Path) -> Iterable[Pair]:
    return [(row["question"], "math") for row in _json_lines(folder / "gsm8k/train.jsonl")]


def _mawps(folder: Path) -> Iterable[Pair]:
    pairs = []
    with (folder / "mawps/train.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            text = row["Question"]
            for place, number in enumerate(row["Numbers"].split()):
                text = text.replace(f"number{place}", number.removesuffix(".0"))
            pairs.append((text.replace(" .", ".").replace(" ?", "?"), "math"))
    return pairs


def _mbpp(folder: Path) -> Iterable[Pair]:
    return [(row["text"], "code") for row in _json_lines(folder / "mbpp/train.jsonl")]


def _self_instruct(folder: Path) -> Iterable[Pair]:
    pairs = []
    for row in _json_lines(folder / "self_instruct/seed_tasks.jsonl"):
        text = row["instruction"]
        low = text.lower()
        code = any(word in low for word in ("code", "python", "function", "program", "sql", "html"))
        write = low.startswith(
            ("write", "rewrite", "summar", "translate", "paraphrase", "make up", "create", "edit")
        )
        pairs.append((text, "code" if code else "text" if write else "chat"))
    return pairs


def _chatterbot(folder: Path) -> Iterable[Pair]:
    pairs = []
    for file in sorted((folder / "chatterbot_corpus/english").glob("*.yml")):
        for line in _lines(file):
            if line.startswith("- - "):
                text = line.removeprefix("- - ").strip(" \"'|")
                label = "code" if file.stem == "coding" else "chat"
                pairs.append((text, label))
    return pairs


def _lines(file: Path) -> list[str]:
    return file.read_text("utf-8").splitlines()


def _json_lines(file: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in _lines(file) if line.strip()]
