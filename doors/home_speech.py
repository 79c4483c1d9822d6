"""What Assist says aloud, in English and German: what was done, how things stand, and why not.

Home Assistant words its own intents only for its own sentences; for others it speaks what it is sent.
Pure, and short: the words are heard, not read.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from doors.home_exposed import Exposed, Home
from doors.home_steps import Meant, entities_of

MOST_NAMES = 6


def language_of(*told: str | None) -> str:
    """The first language that was told, as one that is spoken here."""
    first = next((one for one in told if one), "en")
    return "de" if first.lower().split("-")[0].split("_")[0] == "de" else "en"


def done(meant: Sequence[Meant], home: Home, language: str) -> str:
    """What was done, a sentence for each command."""
    words = _DONE[language]
    told = []
    for one in meant:
        things = entities_of(one, home)
        domains = {thing.domain for thing in things}
        kind = domains.pop() if len(domains) == 1 else ""
        form = words.get(f"{one.name} {kind}") or words.get(one.name) or words[""]
        item = str(one.slots.get("item") or one.slots.get("search_query") or "")
        told.append(form.format(what=_listed([t.name for t in things], language), item=item))
    return plain(". ".join(dict.fromkeys(told)) + ".")


def told(meant: Sequence[Meant], home: Home, language: str, now: datetime) -> str:
    """The answers to questions; "" where Home Assistant alone knows one."""
    answers = [_answer(one, entities_of(one, home), language, now) for one in meant]
    return plain(" ".join(answer for answer in answers if answer))


def sorry(why: str, language: str) -> str:
    """Why nothing was done; `why` is a key of the list below."""
    return _SORRY[language].get(why, _SORRY[language]["other"])


def known(why: str) -> str:
    """`why` as one of that list: a node's word for its doubt may be any text, and goes into a log."""
    return why if why in _SORRY["en"] else "other"


def plain(text: str) -> str:
    """Without braces: Home Assistant takes text with them for a template, and names come from others."""
    return text.replace("{", "(").replace("}", ")")


_DONE = {
    "en": {
        "": "Done",
        "HassTurnOn": "Turned on {what}",
        "HassTurnOn cover": "Opened {what}",
        "HassTurnOn valve": "Opened {what}",
        "HassTurnOn lock": "Locked {what}",
        "HassTurnOn scene": "Activated {what}",
        "HassTurnOn script": "Started {what}",
        "HassTurnOff": "Turned off {what}",
        "HassTurnOff cover": "Closed {what}",
        "HassTurnOff valve": "Closed {what}",
        "HassTurnOff lock": "Unlocked {what}",
        "HassLightSet": "Set {what}",
        "HassSetPosition": "Moved {what}",
        "HassClimateSetTemperature": "Set {what}",
        "HassListAddItem": "Added {item}",
        "HassShoppingListAddItem": "Added {item}",
    },
    "de": {
        "": "Erledigt",
        "HassTurnOn": "{what} eingeschaltet",
        "HassTurnOn cover": "{what} geöffnet",
        "HassTurnOn valve": "{what} geöffnet",
        "HassTurnOn lock": "{what} abgeschlossen",
        "HassTurnOn scene": "{what} aktiviert",
        "HassTurnOn script": "{what} gestartet",
        "HassTurnOff": "{what} ausgeschaltet",
        "HassTurnOff cover": "{what} geschlossen",
        "HassTurnOff valve": "{what} geschlossen",
        "HassTurnOff lock": "{what} aufgeschlossen",
        "HassLightSet": "{what} eingestellt",
        "HassSetPosition": "{what} bewegt",
        "HassClimateSetTemperature": "{what} eingestellt",
        "HassListAddItem": "{item} hinzugefügt",
        "HassShoppingListAddItem": "{item} hinzugefügt",
    },
}
_SORRY = {
    "en": {
        "other": "Sorry, I did not understand that.",
        "device": "Sorry, there is no such device or room here.",
        "unclear": "Sorry, I did not understand which device, or what to do with it.",
        "unsure": "Sorry, I am not sure what that means, so I did nothing.",
        "long": "Sorry, that was too long for me.",
        "state": "Sorry, I do not know its present state.",
        "many": "Sorry, one thing at a time, please.",
        "unknown-home": "Sorry, I do not know the devices of this home.",
        "silent-home": "Sorry, Home Assistant does not tell me its devices now.",
        "nobody": "Sorry, nobody can answer that now.",
        "failed": "Sorry, that could not be done completely.",
    },
    "de": {
        "other": "Das habe ich leider nicht verstanden.",
        "device": "So ein Gerät oder so einen Raum gibt es hier leider nicht.",
        "unclear": "Ich habe leider nicht verstanden, welches Gerät gemeint ist, oder was es tun soll.",
        "unsure": "Ich bin nicht sicher, was das heißt, und habe nichts getan.",
        "long": "Das war mir leider zu lang.",
        "state": "Ich kenne den jetzigen Zustand leider nicht.",
        "many": "Bitte eins nach dem anderen.",
        "unknown-home": "Ich kenne die Geräte dieses Zuhauses leider nicht.",
        "silent-home": "Home Assistant nennt mir seine Geräte gerade nicht.",
        "nobody": "Das kann gerade niemand beantworten.",
        "failed": "Das ging leider nicht ganz.",
    },
}
_STATES_DE = {
    "on": "an",
    "off": "aus",
    "open": "offen",
    "opening": "beim Öffnen",
    "closed": "geschlossen",
    "closing": "beim Schließen",
    "locked": "abgeschlossen",
    "unlocked": "offen",
    "home": "zu Hause",
    "not_home": "unterwegs",
    "playing": "spielt",
    "paused": "angehalten",
    "idle": "bereit",
    "docked": "in der Station",
    "cleaning": "bei der Arbeit",
    "heat": "heizt",
    "cool": "kühlt",
    "unavailable": "nicht erreichbar",
    "unknown": "unbekannt",
    "sunny": "sonnig",
    "cloudy": "bewölkt",
    "partlycloudy": "teils bewölkt",
    "rainy": "regnerisch",
    "snowy": "Schnee",
    "fog": "neblig",
    "windy": "windig",
}
_STATES_EN = {"not_home": "away", "partlycloudy": "partly cloudy"}
_OPENS = ("door", "window", "opening", "garage_door")


def _answer(meant: Meant, things: list[Exposed], language: str, now: datetime) -> str:
    is_ = "ist" if language == "de" else "is"
    match meant.name, things:
        case "HassGetCurrentTime", _:
            return f"Es ist {now:%H:%M} Uhr." if language == "de" else f"It is {now:%H:%M}."
        case "HassGetCurrentDate", _:
            return f"Heute ist der {now:%d.%m.%Y}." if language == "de" else f"Today is {now:%F}."
        case "HassClimateGetTemperature", [one, *_]:
            value = _number(one.attributes.current_temperature, language)
            unit = "Grad" if language == "de" else "degrees"
            return f"{one.name} {is_} {value} {unit}." if value else ""
        case "HassGetWeather", [one, *_]:
            degrees = _number(one.attributes.temperature, language)
            return f"{_state(one, language)}{f', {degrees} °' if degrees else ''}."
        case _, [one]:
            return f"{one.name} {is_} {_state(one, language)}."
        case _, [_, *_]:
            return _by_state(things, language)
        case _:
            return ""


def _by_state(things: Sequence[Exposed], language: str) -> str:
    """As "On: lamp. Off: hall and kitchen." says it."""
    groups: dict[str, list[str]] = {}
    for one in things:
        groups.setdefault(_state(one, language), []).append(one.name)
    return " ".join(
        f"{state[:1].upper()}{state[1:]}: {_listed(names, language)}."
        for state, names in list(groups.items())[:MOST_NAMES]
    )


def _state(one: Exposed, language: str) -> str:
    state = one.state
    if one.attributes.device_class in _OPENS and state in {"on", "off"}:
        state = "open" if state == "on" else "closed"
    unit = one.attributes.unit_of_measurement
    if unit:
        return f"{_decimal(state, language)} {unit}"
    words = _STATES_DE if language == "de" else _STATES_EN
    return words.get(state, state.replace("_", " "))


def _number(value: Any, language: str) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return ""
    return _decimal(f"{value:g}", language)


def _decimal(number: str, language: str) -> str:
    return number.replace(".", ",") if language == "de" else number


def _listed(names: Sequence[str], language: str) -> str:
    """As in "the hall, the kitchen and 4 more"."""
    conjunction, more = ("und", "weitere") if language == "de" else ("and", "more")
    shown = list(names[:MOST_NAMES])
    if len(names) > MOST_NAMES:
        shown.append(f"{len(names) - MOST_NAMES} {more}")
    return f" {conjunction} ".join(filter(None, (", ".join(shown[:-1]), *shown[-1:])))
