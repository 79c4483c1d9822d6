"""The public intent sets as (sentence, label) rows, and which sentences of one are foreign to another.

Only training parts are read: CLINC150 (CC BY 3.0), HWU64 (CC BY 4.0), SNIPS 2017 (CC0), BANKING77
(CC BY 4.0), and as sentences without an intent chatterbot-corpus English (BSD-3-Clause), MBPP
(CC BY 4.0) and the seed tasks of self-instruct (Apache-2.0). docs/models.md says where they are.
"""

import csv
import json
from pathlib import Path

from engine.routing import prompt_of

Row = tuple[str, str]

SETS = ("clinc150", "hwu64", "snips", "banking77")
OUTSIDE = "oos"
"""CLINC150's label of what has none of its intents."""

# Intents of other sets whose subject none of CLINC150's 150 intents has.
_FOREIGN = {
    "hwu64": (
        "qa_factoid news_query qa_stock social_post social_query play_audiobook play_podcasts "
        "play_radio play_game recommendation_events recommendation_movies email_query "
        "email_sendemail email_addcontact email_querycontact transport_ticket"
    ).split(),
    "snips": "RateBook SearchScreeningEvent SearchCreativeWork".split(),
    "banking77": (
        "age_limit apple_pay_or_google_pay automatic_top_up country_support atm_support "
        "fiat_currency_support get_disposable_virtual_card disposable_card_limits verify_top_up "
        "verify_my_identity why_verify_identity unable_to_verify_identity top_up_limits "
        "top_up_by_cash_or_cheque verify_source_of_funds receiving_money top_up_reverted"
    ).split(),
}
# Of chatterbot-corpus: what is asked about the world, and not of the assistant itself.
_ABOUT_THE_WORLD = (
    "computers food health history literature money movies politics science sports trivia"
).split()


def training(folder: Path, name: str) -> list[Row]:
    """Every row of the training part of a set, in the order of its file; CLINC150's with `oos`."""
    match name:
        case "clinc150":
            sets = json.loads((folder / "clinc150/data_full_train_val.json").read_text("utf-8"))
            rows = [(text, label) for part in ("train", "oos_train") for text, label in sets[part]]
        case "banking77":
            with (folder / "banking77/train.csv").open(encoding="utf-8") as file:
                rows = [(row["text"], row["category"]) for row in csv.DictReader(file)]
        case _:
            texts, labels = (_lines(folder / name / "train" / f) for f in ("seq.in", "label"))
            rows = [(text, label.strip()) for text, label in zip(texts, labels, strict=True)]
    return [(prompt_of(text), label) for text, label in rows if text.strip()]


def foreign(folder: Path) -> list[str]:
    """Sentences of other sets that have none of CLINC150's intents, each once, sorted."""
    found = [
        text
        for name, labels in _FOREIGN.items()
        for text, label in training(folder, name)
        if label in labels
    ]
    for subject in _ABOUT_THE_WORLD:
        lines = _lines(folder / "chatterbot_corpus/english" / f"{subject}.yml")
        said = (line.removeprefix("- - ").strip(" \"'|") for line in lines if "- - " in line)
        found += [prompt_of(text) for text in said]
    found += [prompt_of(row["text"]) for row in _json_lines(folder / "mbpp/train.jsonl")]
    tasks = _json_lines(folder / "self_instruct/seed_tasks.jsonl")
    found += [prompt_of(row["instruction"]) for row in tasks]
    return sorted(set(filter(None, found)))


def unlabelled(folder: Path, name: str) -> list[str]:
    """Sentences of all sets but this one, whose labels mean nothing in it, each once, sorted."""
    found = {text for other in SETS if other != name for text, _ in training(folder, other)}
    return sorted(found)


def _lines(file: Path) -> list[str]:
    return file.read_text("utf-8").splitlines()


def _json_lines(file: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in _lines(file) if line.strip()]
