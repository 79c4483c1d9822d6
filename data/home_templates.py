"""Sentence templates of home-assistant/intents (CC BY 4.0), as makers of training sentences.

    makers = template_makers(Path("sets"), ("en", "de"))

Reads ``home_assistant_intents/sentences/<language>`` of the public sets; only for training.
"""

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from data.home_mentions import Goal, Made, single
from data.home_words import ITEMS, pick
from data.homes import Home
from handlers.home_actions import COLORS, INTENTS
from handlers.home_scene import Entity
from handlers.home_speech import COLOR_NAMES

_RULE = re.compile(r"<([a-zäöüß_0-9]+)>", re.IGNORECASE)
_GROUP = re.compile(r"\[([^\[\]()]*)\]|\(([^\[\]()]*)\)")
_SLOT = re.compile(r"\{([a-z_]+)(?::([a-z_]+))?\}")
_NUMBERS = {
    "brightness": ("brightness", 1, 100),
    "temperature": ("temperature", 15, 28),
    "position": ("position", 1, 100),
    "volume_level": ("volume_level", 1, 100),
    "volume": ("volume_level", 1, 100),
    "percentage": ("percentage", 1, 100),
    "fan_speed": ("percentage", 1, 100),
    "hours": ("hours", 1, 12),
    "minutes": ("minutes", 2, 59),
    "seconds": ("seconds", 2, 59),
}
_DOMAINS = ("light", "switch", "fan", "media_player")
_WEIGHT = {
    "HassTurnOn": 5.0,
    "HassTurnOff": 5.0,
    "HassLightSet": 3.0,
    "HassSetPosition": 2.0,
    "HassClimateSetTemperature": 2.0,
    "HassStartTimer": 1.5,
    "HassGetState": 1.5,
    "HassCancelAllTimers": 0.3,
    "HassGetCurrentDate": 0.3,
    "HassGetCurrentTime": 0.3,
    "HassGetWeather": 0.3,
    "HassMediaPrevious": 0.6,
    "HassMediaNext": 0.7,
}
_MOST_RULES = 60


@dataclass(frozen=True, slots=True)
class _Block:
    language: str
    intent: str
    domains: tuple[str, ...]
    sentences: tuple[str, ...]
    rules: dict[str, str]
    lists: dict[str, Any]


def template_makers(sets: Path, languages: Sequence[str], weight: float) -> dict[str, Any]:
    """Topic -> maker and weight, one topic a language; a maker gives training sentences alone."""
    folder = sets / "home_assistant_intents/sentences"
    return {f"intents_{one}": (_Templates(_blocks(folder / one, one)), weight) for one in languages}


class _Templates:
    """A maker as those of :mod:`data.home_wishes`."""

    def __init__(self, blocks: list[_Block]) -> None:
        self._by_intent: dict[str, list[_Block]] = {}
        for block in blocks:
            self._by_intent.setdefault(block.intent, []).append(block)

    def __call__(self, home: Home, part: str, rng: random.Random, _: Sequence[str]) -> Made | None:
        intents = tuple(self._by_intent)
        intent = rng.choices(intents, weights=[_WEIGHT.get(one, 1.0) for one in intents])[0]
        block = rng.choice(self._by_intent[intent])
        text = _expanded(rng.choice(block.sentences), block, rng)
        return _filled(text, block, home, part, rng) if text else None


def _blocks(folder: Path, language: str) -> list[_Block]:
    common = yaml.safe_load((folder / "_common.yaml").read_text("utf-8"))
    found = []
    for file in sorted(folder.glob("*_Hass*.yaml")):
        kind = file.stem.partition("_Hass")[0]
        for intent, body in yaml.safe_load(file.read_text("utf-8"))["intents"].items():
            if intent not in INTENTS:
                continue
            for block in body["data"]:
                needs = block.get("requires_context", {})
                if "area" in needs or not block.get("sentences"):
                    continue
                domain = needs.get("domain") or block.get("slots", {}).get("domain") or kind
                domains = tuple(domain) if isinstance(domain, list) else (domain,)
                rules = common["expansion_rules"] | block.get("expansion_rules", {})
                lists = common.get("lists", {}) | block.get("lists", {})
                sentences = tuple(block["sentences"])
                found.append(_Block(language, intent, domains, sentences, rules, lists))
    return found


def _expanded(template: str, block: _Block, rng: random.Random) -> str:
    """One sentence, slots left open; "" if a rule is missing or it grows without end."""
    for _ in range(_MOST_RULES):
        # Choices first, from the inside out, so that only rules that are chosen are expanded.
        if match := _GROUP.search(template):
            optional, choice = match.groups()
            if optional is not None:
                options = [*optional.split("|"), ""]
            elif ";" in choice:
                parts = choice.split(";")
                rng.shuffle(parts)
                options = [" ".join(parts)]
            else:
                options = choice.split("|")
            template = template[: match.start()] + rng.choice(options) + template[match.end() :]
        elif match := _RULE.search(template):
            rule = block.rules.get(match.group(1))
            if rule is None:
                return ""
            template = template[: match.start()] + f"({rule})" + template[match.end() :]
        else:
            return " ".join(rng.choice(template.split("|")).split())
    return ""


def _filled(text: str, block: _Block, home: Home, part: str, rng: random.Random) -> Made | None:
    """The sentence with its slots filled from this home, and what it asks for."""
    said: dict[str, str] = {}
    names = {match.group(1) for match in _SLOT.finditer(text)}
    target = _target(names, block, home, said, rng, classed="device_class" in text)
    slots = _values(text, block.language, said, part, rng)
    if target is None or slots is None:
        return None
    if block.intent == "HassListAddItem" and not isinstance(target[0], Entity):
        return None
    spoken = _SLOT.sub(lambda match: said[match.group(1)], text).lower()
    return " ".join(spoken.split()), (Goal(block.intent, *target, tuple(slots)),), ""


def _target(
    names: set[str],
    block: _Block,
    home: Home,
    said: dict[str, str],
    rng: random.Random,
    *,
    classed: bool,
) -> tuple[Entity | str, str] | None:
    """What the slots of these names address, entered in ``said``; None if nothing here fits."""
    if not INTENTS[block.intent]:
        return None if names & {"name", "area", "floor"} else ("-", "")
    domains = block.domains if block.domains[0] in INTENTS[block.intent] else _DOMAINS
    if "name" in names:
        found = single(home, domains, rng, home.domains())
        if found is None or "floor" in names:
            return None
        entity, mention = found
        said["name"] = mention.removeprefix("the ").removeprefix("my ")
        if "area" in names:
            if not entity.area or entity.area.lower() in mention:
                return None
            said["area"] = entity.area.lower()
            said["name"] = entity.label().lower()
        return entity, ""
    kind = "area" if "area" in names else "floor"
    domain = rng.choice(domains)
    places = _places(home, domain, floors=kind == "floor")
    if not places or len(names & {"area", "floor"}) != 1 or domain == "cover" or classed:
        return None
    target, said[kind] = rng.choice(places)
    return target, domain


def _values(
    text: str, language: str, said: dict[str, str], part: str, rng: random.Random
) -> list[tuple[str, str]] | None:
    """Values for the other slots, entered in ``said``; None if one is of a kind we do not know."""
    slots: list[tuple[str, str]] = []
    for match in _SLOT.finditer(text):
        name, slot = match.group(1), match.group(2) or match.group(1)
        if name in said or name in ("name", "area", "floor"):
            continue
        if slot in _NUMBERS:
            key, low, high = _NUMBERS[slot]
            said[name] = str(rng.randint(low, high))
            slots.append((key, said[name]))
        elif slot == "color":
            color = rng.choice(COLORS)
            own = [word for word, meant in COLOR_NAMES.items() if meant == color]
            said[name] = color if language == "en" else rng.choice(own or [color])
            slots.append(("color", color))
        elif slot == "item":
            said[name] = rng.choice(pick(ITEMS, part)).lower()
            slots.append(("item", said[name]))
        else:
            return None
    return slots


def _places(home: Home, domain: str, *, floors: bool) -> list[tuple[str, str]]:
    held = {entity.area for entity in home.of(domain) if entity.area}
    if not floors:
        return [(area, area.lower()) for area in sorted(held)]
    inside = [floor for floor in home.floors if held & set(floor.areas)]
    return [(f.name, name.lower()) for f in inside for name in (f.name, *f.aliases)]
