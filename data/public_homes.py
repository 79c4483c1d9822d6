"""Device names and command templates of acon96/home-llm (MIT), added to our training words.

Only the training parts grow; a name or phrasing that a validation part has is left out.
"""

import csv
from pathlib import Path

from data.home_wordings import add
from data.home_words import THINGS, pick

_DOMAINS = {"blinds": "cover", "garage_door": "cover"}
_NAMED = ("light", "switch", "fan", "lock", "media_player", "climate", "vacuum", "cover", "todo")
_TOPICS = {
    "turn_on": "on",
    "turn_off": "off",
    "open_cover": "open",
    "close_cover": "close",
    "lock": "lock",
    "unlock": "unlock",
    "media_next_track": "next",
    "media_previous_track": "previous",
    "media_pause": "pause",
    "media_play": "resume",
    "start": "vacuum",
    "return_to_base": "dock",
}
_SWITCHED = ("light", "switch", "fan")
_MARKS = str.maketrans("", "", "[](){}|")


def add_public(folder: Path) -> None:
    """Extend the training words and phrases from ``folder/home_llm_piles/english``."""
    piles = folder / "home_llm_piles/english"
    for domain, names in _names(piles / "pile_of_device_names.csv").items():
        held = set(pick(THINGS[domain], "validation"))
        THINGS[domain]["train"] += "".join(f";{name}" for name in names if name not in held)
    _questions(piles / "pile_of_status_requests.csv")
    with (piles / "pile_of_templated_actions.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            topic, template = _template(row["device_type"], row["service"], row["phrase"])
            if topic:
                add(topic, template)


_ASKED = {"light": "state", "fan": "state", "blinds": "state_open", "garage_door": "state_open"}


def _questions(file: Path) -> None:
    """Add the questions about a state."""
    with file.open(encoding="utf-8") as rows:
        for row in csv.DictReader(rows):
            topic = {"lock": "state_locked", **_ASKED}.get(row["device_type"], "")
            text = row["phrase"].lower().translate(_MARKS).strip(" .?!")
            for article in ("the ", ""):
                text = text.replace(f"{article}<device_name>", "{x}")
            if topic and "<" not in text and "{x}" in text:
                add(topic, text)


def _names(file: Path) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    with file.open(encoding="utf-8") as rows:
        for row in csv.DictReader(rows):
            kind = row["device_name"].partition(".")[0]
            domain = _DOMAINS.get(kind, kind)
            name = row["description"].strip()
            if domain in _NAMED and ";" not in name:
                found.setdefault(domain, []).append(name)
    return found


def _template(kind: str, service: str, phrase: str) -> tuple[str, str]:
    """Topic of :mod:`data.home_wordings` and template; an empty topic for what we do not cover."""
    text = phrase.lower().translate(_MARKS).strip(" .?!")
    for article in ("the ", ""):
        text = text.replace(f"{article}<device_name>", "{x}")
    text = text.removesuffix(" blinds").replace("<brightness>", "{n}").replace("<color>", "{c}")
    topic = _TOPICS.get(service, "")
    if kind == "light" and "{n}" in text:
        topic = "brightness"
    elif kind == "light" and "{c}" in text:
        topic = "color"
    elif (topic in ("on", "off") and kind not in _SWITCHED) or (
        topic == "vacuum" and kind != "vacuum"
    ):
        topic = ""
    return ("", "") if "<" in text or "{x}" not in text else (topic, text)
