"""The line that the home model writes, what it means, and everything it may say.

One command is ``intent target [slot value]...``; several are joined with ``; ``. The target is an
entity's letter (``A``), an area's letter and a domain (``R light``), ``all`` and a domain, or ``-``
where the intent needs none. A line that begins with ``none`` abstains and says why::

    HassLightSet R light brightness 50
    HassTurnOff A; HassTurnOn all cover
    HassStartTimer - minutes 5
    none device

Intents and slots are those of Home Assistant (home-assistant/intents, ``intents.yaml``).
"""

from collections.abc import Iterable
from dataclasses import dataclass

import msgspec

from engine.grammar import Grammar, choice, either, literal, repeat, sequence
from handlers.home_scene import COVER_CLASSES, Entity, Scene, View
from handlers.home_speech import plain_words, words

REASONS = {
    "device": "the sentence names a device or a room that this home does not have",
    "other": "the sentence is not a command for the home",
    "unclear": "the sentence does not say which device, or what to do with it",
}

SWITCHED = (
    *("light", "fan", "switch", "cover", "lock", "media_player", "climate", "vacuum", "valve"),
    *("scene", "script"),
)
READ = (*SWITCHED[:9], "sensor", "binary_sensor")

# Intent -> domains it may address; () means that it takes no target.
INTENTS: dict[str, tuple[str, ...]] = {
    "HassTurnOn": SWITCHED,
    "HassTurnOff": SWITCHED,
    "HassLightSet": ("light",),
    "HassSetPosition": ("cover", "valve"),
    "HassClimateSetTemperature": ("climate",),
    "HassClimateGetTemperature": ("climate",),
    "HassVacuumStart": ("vacuum",),
    "HassVacuumReturnToBase": ("vacuum",),
    "HassMediaPause": ("media_player",),
    "HassMediaUnpause": ("media_player",),
    "HassMediaNext": ("media_player",),
    "HassMediaPrevious": ("media_player",),
    "HassSetVolume": ("media_player",),
    "HassGetState": READ,
    "HassListAddItem": ("todo",),
    "HassShoppingListAddItem": (),
    "HassStartTimer": (),
    "HassCancelAllTimers": (),
    "HassGetCurrentTime": (),
    "HassGetCurrentDate": (),
    "HassGetWeather": (),
}

# Intent -> what must follow the target: alternatives, each a sequence of slots.
SLOTS: dict[str, tuple[tuple[str, ...], ...]] = {
    "HassLightSet": (("brightness",), ("color",), ("brightness", "color")),
    "HassSetPosition": (("position",),),
    "HassClimateSetTemperature": (("temperature",),),
    "HassSetVolume": (("volume_level",),),
    "HassListAddItem": (("item",),),
    "HassShoppingListAddItem": (("item",),),
    "HassStartTimer": (
        *(("hours",), ("minutes",), ("seconds",)),
        *(("hours", "minutes"), ("minutes", "seconds")),
    ),
}

NUMERIC = frozenset(
    ("brightness", "position", "temperature", "volume_level", "hours", "minutes", "seconds")
)

MOST_COMMANDS = 3
"""Most commands in one sentence."""

COLORS = (
    *("white", "black", "red", "orange", "yellow", "green", "blue", "purple", "brown", "pink"),
    "turquoise",
)


@dataclass(frozen=True, slots=True)
class Action:
    """One command as the model writes it, letters not yet looked up.

    ``target`` is an entity letter, an area letter, ``all`` or ``-``; ``domain`` is "" for an
    entity letter and for ``-``. Slot values are strings as they stand in the line.
    """

    intent: str
    target: str
    domain: str = ""
    slots: tuple[tuple[str, str], ...] = ()

    def line(self) -> str:
        """The action as the model writes it."""
        head = [self.intent, self.target, *([self.domain] if self.domain else [])]
        return " ".join([*head, *(part for slot in self.slots for part in slot)])


class Intent(msgspec.Struct, frozen=True):
    """One command for Home Assistant.

    ``slots`` as Home Assistant names them; ``entities`` are the ids it will act on;
    ``probability`` is the model's for exactly this command.
    """

    name: str
    slots: dict[str, str | float]
    entities: tuple[str, ...]
    probability: float


def parse(line: str) -> list[Action]:
    """Read a line that follows the grammar; [] for an abstention.

    Raises:
        ValueError: the line does not follow the grammar.
    """
    if line.startswith("none"):
        return []
    return [_parse_one(part.strip()) for part in line.split(";")]


def resolve(action: Action, scene: Scene, shown: View, probability: float) -> Intent:
    """Put names, areas and ids of the home in the place of letters."""
    slots: dict[str, str | float] = {}
    chosen: Iterable[Entity] = ()
    if action.target in shown.entities:
        entity = shown.entities[action.target]
        chosen = (entity,)
        slots["name"] = entity.label()
    elif action.target in shown.areas:
        slots["area"] = shown.areas[action.target]
        slots["domain"] = action.domain
        chosen = (e for e in scene.entities if e.area == slots["area"])
    elif action.target == "all":
        slots["domain"] = action.domain
        chosen = scene.entities
    if action.domain:
        chosen = _of_class([e for e in chosen if e.kind() == action.domain], shown.sentence)
    for name, value in action.slots:
        slots[name] = float(value) if name in NUMERIC else value
    ids = tuple(entity.entity_id for entity in chosen)
    return Intent(action.intent, slots, ids, probability)


def grammar(shown: View) -> Grammar:
    """Every line that may be written about this view; nothing else can be decoded."""
    found = choices(shown)
    commands = [line for intent in INTENTS if (line := _command(intent, found)) is not None]
    abstain = choice(f"none {reason}" for reason in REASONS)
    if not commands:
        return abstain
    command = either(*commands)
    return either(
        abstain, sequence(command, repeat(sequence(literal("; "), command), 0, MOST_COMMANDS - 1))
    )


def choices(shown: View) -> "Choices":
    """What may stand in each place of a line about this view."""
    letters: dict[str, list[str]] = {}
    for letter, entity in shown.entities.items():
        letters.setdefault(entity.kind(), []).append(letter)
    return Choices(
        by_domain={domain: tuple(found) for domain, found in letters.items()},
        groups=shown.domains,
        numbers=shown.numbers,
        colors=tuple(color for color in COLORS if color in plain_words(shown.sentence)),
        items=tuple(_spans(plain_words(shown.sentence))),
    )


@dataclass(frozen=True, slots=True)
class Choices:
    """What may stand in each place of a line: all of it comes from the view."""

    by_domain: dict[str, tuple[str, ...]]
    groups: dict[str, frozenset[str]]
    numbers: tuple[str, ...]
    colors: tuple[str, ...]
    items: tuple[str, ...]

    def targets(self, intent: str) -> list[str]:
        """Every target that ``intent`` may have here."""
        domains = INTENTS[intent]
        if not domains:
            return ["-"]
        own = [letter for domain in domains for letter in self.by_domain.get(domain, ())]
        if intent == "HassListAddItem":
            return own
        return own + [
            f"{group} {domain}"
            for group, held in self.groups.items()
            for domain in domains
            if domain in held
        ]

    def values(self, slot: str) -> tuple[str, ...]:
        """Every value that ``slot`` may have here."""
        match slot:
            case "color":
                return self.colors
            case "item":
                return self.items
            case _:
                return self.numbers

    def tails(self, intent: str) -> list[tuple[str, ...]]:
        """Slot sequences of ``intent`` for which there are values here."""
        return [
            names for names in SLOTS.get(intent, ((),)) if all(self.values(name) for name in names)
        ]


_MOST_ITEM_WORDS = 6


def _command(intent: str, found: Choices) -> Grammar | None:
    """One command of ``intent``, or None where it has no target or no value here."""
    targets, tails = found.targets(intent), found.tails(intent)
    if not targets or not tails:
        return None
    ends = [
        sequence(*(sequence(literal(f" {name} "), choice(found.values(name))) for name in names))
        for names in tails
    ]
    return sequence(literal(f"{intent} "), choice(targets), either(*ends))


def _spans(said: list[str]) -> list[str]:
    """Runs of at most six words: what a list item may be."""
    return [
        " ".join(said[start:end])
        for start in range(len(said))
        for end in range(start + 1, min(start + _MOST_ITEM_WORDS, len(said)) + 1)
    ]


def _of_class(chosen: list[Entity], sentence: str) -> list[Entity]:
    """Of several covers, those of the class that was said: blinds are not the garage door."""
    said = [name for name in COVER_CLASSES if name in words(sentence)]
    fitting = [
        entity
        for entity in chosen
        if any(name == entity.device_class or name in words(entity.label()) for name in said)
    ]
    return fitting or chosen


def _parse_one(text: str) -> Action:
    parts = text.split(" ")
    if len(parts) < 2 or parts[0] not in INTENTS:
        raise ValueError(f"{text!r} does not begin with an intent and a target")
    intent, target, rest = parts[0], parts[1], parts[2:]
    domain = ""
    if target == "all" or (rest and rest[0] in INTENTS[intent]):
        if not rest:
            raise ValueError(f"{text!r} names no domain")
        domain, rest = rest[0], rest[1:]
    slots: list[tuple[str, str]] = []
    while rest:
        if rest[0] == "item":
            slots.append(("item", " ".join(rest[1:])))
            break
        if len(rest) < 2:
            raise ValueError(f"slot {rest[0]!r} of {text!r} has no value")
        slots.append((rest[0], rest[1]))
        rest = rest[2:]
    return Action(intent, target, domain, tuple(slots))
