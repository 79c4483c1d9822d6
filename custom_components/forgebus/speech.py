"""What is said of what was done, in English or German; another language is told in English.

Home Assistant keeps its own words for its own agent, so these are ours. Nothing here knows Home Assistant.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

LANGUAGES: Final = ("en", "de")

_WORDS: Mapping[str, Mapping[str, str]] = {
    "en": {
        "on": "Turned on {names}.",
        "off": "Turned off {names}.",
        "open": "Opened {names}.",
        "close": "Closed {names}.",
        "lock": "Locked {names}.",
        "unlock": "Unlocked {names}.",
        "toggle": "Switched {names}.",
        "set": "Set {names}.",
        "done": "Done.",
        "and": " and ",
        "several": "{count} devices",
        "is": "{name} is {state}.",
        "nothing": "I found nothing to tell.",
        "time": "It is {time:%H:%M}.",
        "date": "It is {date:%B} {date.day}, {date.year}.",
        "timer": "{minutes} min {seconds} s are left.",
        "no_timer": "No timer is running.",
        "failed": "That did not work for {names}.",
        "nothing_done": "That did not work.",
        "not_understood": "I did not understand that.",
    },
    "de": {
        "on": "{names} eingeschaltet.",
        "off": "{names} ausgeschaltet.",
        "open": "{names} geöffnet.",
        "close": "{names} geschlossen.",
        "lock": "{names} abgeschlossen.",
        "unlock": "{names} aufgeschlossen.",
        "toggle": "{names} umgeschaltet.",
        "set": "{names} eingestellt.",
        "done": "Erledigt.",
        "and": " und ",
        "several": "{count} Geräte",
        "is": "{name}: {state}.",
        "nothing": "Dazu habe ich nichts gefunden.",
        "time": "Es ist {time:%H:%M} Uhr.",
        "date": "Heute ist der {date.day}.{date.month}.{date.year}.",
        "timer": "Noch {minutes} min {seconds} s.",
        "no_timer": "Es läuft kein Timer.",
        "failed": "Das hat bei {names} nicht geklappt.",
        "nothing_done": "Das hat nicht geklappt.",
        "not_understood": "Das habe ich nicht verstanden.",
    },
}
_SWITCHING = {
    "HassTurnOn": {"cover": "open", "valve": "open", "lock": "lock", "": "on"},
    "HassTurnOff": {"cover": "close", "valve": "close", "lock": "unlock", "": "off"},
    "HassToggle": {"": "toggle"},
}
_SETTING = (
    *("HassLightSet", "HassFanSetSpeed", "HassSetPosition", "HassClimateSetTemperature"),
    *("HassSetVolume", "HassSetVolumeRelative", "HassHumidifierSetpoint"),
)
_NAMED = 3
"""Things that are told by name; more are counted."""


@dataclass(frozen=True, slots=True)
class Done:
    """One kind of intent on some things of one domain."""

    intent: str
    domain: str
    names: tuple[str, ...]


def language_of(tag: str) -> str:
    """The language of ours that is nearest to a tag such as "de-CH"."""
    language = tag.partition("-")[0].lower()
    return language if language in LANGUAGES else "en"


def word(language: str, key: str, **told: Any) -> str:
    """One sentence or word, filled in."""
    return _WORDS[language_of(language)][key].format(**told)


def of_actions(language: str, done: Iterable[Done]) -> str:
    """What was done, a sentence a kind; what is not worth its own sentence is "Done"."""
    sentences = [_of_action(language, one) for one in done]
    return " ".join(dict.fromkeys(sentences)) or word(language, "done")


def of_states(language: str, states: Iterable[tuple[str, str]]) -> str:
    """Names and states, as an answer to a question."""
    told = [word(language, "is", name=name, state=state) for name, state in states]
    return " ".join(told) or word(language, "nothing")


def listed(language: str, names: Iterable[str]) -> str:
    """Names as one says them; more than a few are counted."""
    told = list(dict.fromkeys(names))
    if len(told) > _NAMED:
        return word(language, "several", count=len(told))
    if len(told) < 2:
        return "".join(told)
    return ", ".join(told[:-1]) + word(language, "and") + told[-1]


def _of_action(language: str, done: Done) -> str:
    kinds = _SWITCHING.get(done.intent)
    if kinds is not None and done.names:
        key = kinds.get(done.domain, kinds[""])
        return word(language, key, names=listed(language, done.names))
    if done.intent in _SETTING and done.names:
        return word(language, "set", names=listed(language, done.names))
    return word(language, "done")
