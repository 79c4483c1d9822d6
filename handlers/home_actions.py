"""The line that the home model writes, what it means, and everything it may say.

One command is ``intent target [slot value]...``; several are joined with ``; ``. The target is an
entity's letter (``A``), a place's letter and a domain (``R light``), ``all`` and a domain, or ``-``
where the intent needs none; of a place or of all, some may be left out (``all light except R A``).
Numbers are letters too. A line that begins with ``none`` abstains and says why::

    HassLightSet R light brightness N
    HassTurnOff A; HassTurnOn all cover except R
    HassLightSet A change up
    HassStartTimer - minutes N
    none device

Intents and slots are those of Home Assistant (home-assistant/intents, ``intents.yaml``); a change by
a step is told in slots of our own, ``brightness_step``, ``temperature_step`` and ``percentage_step``.
"""

from dataclasses import dataclass

import msgspec

from engine.grammar import Grammar, choice, either, literal, repeat, sequence, shared
from handlers.home_items import items
from handlers.home_kinds import in_use, of_class
from handlers.home_scene import Entity, Place, Scene
from handlers.home_speech import words
from handlers.home_view import ANY, SWITCHED_TOGETHER, View

REASONS = {
    "device": "the sentence names a device or a room that this home does not have",
    "other": "the sentence is not a command for the home",
    "unclear": "the sentence does not say which device, or what to do with it",
}

SWITCHED = (
    *("light", "fan", "switch", "cover", "lock", "media_player", "climate", "valve"),
    "lawn_mower",
)
READ = (*SWITCHED, "vacuum", "sensor", "binary_sensor", "humidifier", "person")
_TIMER = (("minutes",), ("seconds",), ("hours",), ("called",), ())

# Intent -> domains it may address; () means that it takes no target.
INTENTS: dict[str, tuple[str, ...]] = {
    "HassTurnOn": (*SWITCHED, "humidifier", "scene", "script", ANY),
    "HassTurnOff": (*SWITCHED, "humidifier", ANY),
    "HassToggle": SWITCHED[:4],
    "HassFanSetSpeed": ("fan",),
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
    "HassSetVolumeRelative": ("media_player",),
    "HassMediaPlayerMute": ("media_player",),
    "HassMediaPlayerUnmute": ("media_player",),
    "HassMediaSearchAndPlay": ("media_player",),
    "HassStopMoving": ("cover", "valve"),
    "HassHumidifierSetpoint": ("humidifier",),
    "HassLawnMowerStartMowing": ("lawn_mower",),
    "HassLawnMowerDock": ("lawn_mower",),
    "HassGetState": READ,
    "HassListAddItem": ("todo",),
    "HassListCompleteItem": ("todo",),
    "HassShoppingListAddItem": (),
    "HassShoppingListCompleteItem": (),
    "HassStartTimer": (),
    "HassCancelTimer": (),
    "HassPauseTimer": (),
    "HassUnpauseTimer": (),
    "HassTimerStatus": (),
    "HassIncreaseTimer": (),
    "HassDecreaseTimer": (),
    "HassCancelAllTimers": (),
    "HassGetCurrentTime": (),
    "HassGetCurrentDate": (),
    "HassGetWeather": (),
}

_OF_TIMERS = ("HassCancelTimer", "HassPauseTimer", "HassUnpauseTimer", "HassTimerStatus")
"""Intents that tell a timer by the time that it was set to."""

ASKING = (
    *("HassGetState", "HassClimateGetTemperature", "HassGetWeather", "HassTimerStatus"),
    *("HassGetCurrentTime", "HassGetCurrentDate"),
)
"""Intents that change nothing."""

# Intent -> what must follow the target: alternatives, each a sequence of slots.
SLOTS: dict[str, tuple[tuple[str, ...], ...]] = {
    "HassLightSet": (
        *(("brightness",), ("color",), ("brightness", "color"), ("temperature",)),
        ("brightness", "temperature"),
        *(("change",), ("up_by",), ("down_by",)),
    ),
    "HassFanSetSpeed": (("percentage",), ("change",), ("up_by",), ("down_by",)),
    "HassSetPosition": (("position",),),
    "HassClimateSetTemperature": (("temperature",), ("change",), ("up_by",), ("down_by",)),
    "HassSetVolume": (("volume_level",),),
    "HassSetVolumeRelative": (("change",), ("up_by",), ("down_by",)),
    "HassHumidifierSetpoint": (("humidity",),),
    "HassMediaSearchAndPlay": (("query",),),
    **dict.fromkeys(
        (
            *("HassListAddItem", "HassShoppingListAddItem"),
            *("HassListCompleteItem", "HassShoppingListCompleteItem"),
        ),
        (("item",),),
    ),
    "HassStartTimer": (
        *(("hours",), ("minutes",), ("seconds",), ("minutes", "called"), ("hours", "called")),
        *(("hours", "minutes"), ("minutes", "seconds"), ("seconds", "called")),
    ),
    **dict.fromkeys(_OF_TIMERS, _TIMER),
    **dict.fromkeys(
        ("HassIncreaseTimer", "HassDecreaseTimer"),
        (*_TIMER[:3], ("minutes", "called"), ("seconds", "called"), ("hours", "called")),
    ),
}

_NAMING = ("name", "area", "floor", "domain")

TEXTS = {"item": "item", "query": "search_query", "called": "name"}
"""Slot whose value is words of the sentence, always the last -> its name in Home Assistant."""

# Slot -> the least and the greatest number that it takes.
_RANGES: dict[str, tuple[float, float]] = {
    **dict.fromkeys(("brightness", "position", "volume_level", "percentage", "humidity"), (0, 100)),
    **dict.fromkeys(("up_by", "down_by"), (0.5, 100)),
    **dict.fromkeys(("hours", "minutes", "seconds"), (1, 600)),
    "temperature": (5, 110),
}
_KELVIN = (1500, 9000)

# Intent -> the slot that tells a change by a step, and the step where the sentence gives no number.
_STEPS = {
    "HassLightSet": ("brightness_step", 15.0),
    "HassFanSetSpeed": ("percentage_step", 20.0),
    "HassSetVolumeRelative": ("volume_step", 10.0),
    "HassClimateSetTemperature": ("temperature_step", 1.0),
}

COLORS = (
    *("white", "black", "red", "orange", "yellow", "green", "blue", "purple", "brown", "pink"),
    *("turquoise", "cyan", "magenta", "teal", "lime", "gold", "violet", "lavender", "indigo"),
)

_ALWAYS = (
    *(";", "none", *REASONS, *INTENTS, "-", "all", "except", "up", "down", *COLORS),
    *dict.fromkeys(domain for held in INTENTS.values() for domain in held),
    *dict.fromkeys(name for held in SLOTS.values() for names in held for name in names),
)
"""The words of a line that come from no home and no sentence."""

_WARMER = (("change", "up"),)

MOST_COMMANDS = 3
"""Most commands in one sentence."""


@dataclass(frozen=True, slots=True)
class Action:
    """One command as the model writes it, letters not yet looked up.

    ``target`` is an entity letter, an area letter, ``all`` or ``-``; ``domain`` is "" for an
    entity letter and for ``-``; ``without`` are letters of what is left out of a place or of all.
    Slot values are strings as they stand in the line.
    """

    intent: str
    target: str
    domain: str = ""
    slots: tuple[tuple[str, str], ...] = ()
    without: tuple[str, ...] = ()

    def line(self) -> str:
        """The action as the model writes it."""
        head = [self.intent, self.target, *([self.domain] if self.domain else [])]
        head += ["except", *self.without] if self.without else []
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


def values_of(intent: Intent) -> dict[str, str | float]:
    """The slots of an intent that do not say which entities are meant; a timer's name is a value."""
    naming = () if "Timer" in intent.name else _NAMING
    return {name: value for name, value in intent.slots.items() if name not in naming}


def parse(line: str) -> list[Action]:
    """Read a line that follows the grammar, each command once; [] for an abstention.

    Raises:
        ValueError: the line does not follow the grammar.
    """
    if line.startswith("none"):
        return []
    # What is said twice is done once.
    return list(dict.fromkeys(_parse_one(part.strip()) for part in line.split(";")))


def resolve(action: Action, scene: Scene, shown: View, probability: float) -> Intent:
    """Put names, places, numbers and ids of the home in the place of letters.

    What no slot of Home Assistant can say (all but some, everything) is told by the ids alone.
    """
    slots: dict[str, str | float] = {}
    chosen: list[Entity] = []
    if action.target in shown.entities:
        chosen = [shown.entities[action.target]]
        slots["name"] = chosen[0].label()
    elif action.target != "-":
        place = shown.places.get(action.target)
        if action.domain != ANY and not action.without:
            slots = {("floor" if place.floor else "area"): place.name} if place else {}
            slots["domain"] = action.domain
        domains = SWITCHED_TOGETHER if action.domain == ANY else (action.domain,)
        inside = [e for e in scene.entities if e.kind() in domains and e.in_groups()]
        chosen = [e for e in inside if place is None or place.holds(e)]
        chosen = in_use(action.intent, of_class(chosen, words(shown.sentence)))
    elif action.intent == "HassGetWeather":
        chosen = [e for e in scene.entities if e.kind() == "weather"][:1]
    left_out = [shown.entities.get(x) or shown.places[x] for x in action.without]
    chosen = [e for e in chosen if not any(_is_in(e, one) for one in left_out)]
    intent, values = action.intent, action.slots
    if (
        values == _WARMER
        and chosen
        and all(e.kind() == "climate" and e.state == "off" for e in chosen)
    ):
        intent, values = "HassTurnOn", ()  # There is no temperature yet to add a degree to.
    for name, value in values:
        slots |= _slot(intent, name, value, shown)
    return Intent(intent, slots, tuple(e.entity_id for e in chosen), probability)


def grammar(shown: View) -> Grammar:
    """Every line that may be written about this view; nothing else can be decoded."""
    found = choices(shown)
    commands = [line for intent in INTENTS if (line := _command(intent, found)) is not None]
    abstain = choice(f"none {reason}" for reason in REASONS)
    if not commands:
        return abstain
    command = shared(either(*commands))
    return either(
        abstain, sequence(command, repeat(sequence(literal("; "), command), 0, MOST_COMMANDS - 1))
    )


def words_of(shown: View) -> list[str]:
    """Every word that a line about this view may have."""
    return [*_ALWAYS, *shown.entities, *shown.places, *shown.numbers, *items(shown)]


def choices(shown: View) -> "Choices":
    """What may stand in each place of a line about this view."""
    letters: dict[str, list[str]] = {}
    read = {word for piece, _ in shown.told for word in piece.split(" ")}
    for letter, entity in shown.entities.items():
        letters.setdefault(entity.kind(), []).append(letter)
    return Choices(
        by_domain={domain: tuple(found) for domain, found in letters.items()},
        groups=shown.domains,
        places=tuple(shown.places),
        numbers=shown.numbers,
        colors=tuple(color for color in COLORS if color in read),
        items=tuple(items(shown)),
    )


@dataclass(frozen=True, slots=True)
class Choices:
    """What may stand in each place of a line: all of it comes from the view."""

    by_domain: dict[str, tuple[str, ...]]
    groups: dict[str, frozenset[str]]
    places: tuple[str, ...]
    numbers: dict[str, float]
    colors: tuple[str, ...]
    items: tuple[str, ...]

    def targets(self, intent: str) -> list[str]:
        """Every target that ``intent`` may have here."""
        domains = INTENTS[intent]
        if not domains:
            return ["-"]
        return [letter for domain in domains for letter in self.by_domain.get(domain, ())]

    def together(self, intent: str) -> list[str]:
        """Every place, and "all", with a domain of ``intent`` that it has."""
        if "todo" in INTENTS[intent]:
            return []
        return [
            f"{group} {domain}"
            for group, held in self.groups.items()
            for domain in INTENTS[intent]
            if domain in held
        ]

    def values(self, intent: str, slot: str) -> tuple[str, ...]:
        """Every value that ``slot`` may have here."""
        match slot:
            case "color":
                return self.colors
            case "item" | "query" | "called":
                return self.items
            case "change":
                return ("up", "down")
            case _:
                kelvin = intent == "HassLightSet" and slot == "temperature"
                low, high = _KELVIN if kelvin else _RANGES[slot]
                return tuple(x for x, value in self.numbers.items() if low <= value <= high)

    def tails(self, intent: str) -> list[tuple[str, ...]]:
        """Slot sequences of ``intent`` for which there are values here."""
        return [
            names
            for names in SLOTS.get(intent, ((),))
            if all(self.values(intent, name) for name in names)
        ]


def _command(intent: str, found: Choices) -> Grammar | None:
    """One command of ``intent``, or None where it has no target or no value here."""
    single, together, tails = found.targets(intent), found.together(intent), found.tails(intent)
    if not (single or together) or not tails:
        return None
    targets = [choice(single)] if single else []
    if together:
        targets.append(sequence(choice(together), _left_out(found)))
    ends = [
        sequence(*(sequence(literal(f" {n} "), choice(found.values(intent, n))) for n in names))
        for names in tails
    ]
    return sequence(literal(f"{intent} "), either(*targets), either(*ends))


def _left_out(found: Choices) -> Grammar:
    letters = [*(x for held in found.by_domain.values() for x in held), *found.places]
    if not letters:
        return literal("")
    one = sequence(literal(" "), choice(letters))
    return repeat(sequence(literal(" except"), one, repeat(one, 0, 2)), 0, 1)


def _slot(intent: str, name: str, value: str, shown: View) -> dict[str, str | float]:
    """One slot as Home Assistant names it."""
    slot, step = _STEPS.get(intent, ("", 0.0))
    match name:
        case "change":
            return {slot: step if value == "up" else -step}
        case "up_by":
            return {slot: shown.numbers[value]}
        case "down_by":
            return {slot: -shown.numbers[value]}
        case "item" | "query" | "called":
            return {TEXTS[name]: items(shown).get(value, value)}
        case "hours" | "minutes" | "seconds" if intent in _OF_TIMERS:
            return {f"start_{name}": shown.numbers[value]}
        case "color":
            return {name: value}
        case _:
            return {name: shown.numbers[value]}


def _is_in(entity: Entity, left_out: Entity | Place) -> bool:
    return entity == left_out if isinstance(left_out, Entity) else left_out.holds(entity)


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
    without: list[str] = []
    if rest and rest[0] == "except":
        rest = rest[1:]
        while rest and len(rest[0]) == 1:
            without.append(rest[0])
            rest = rest[1:]
    slots: list[tuple[str, str]] = []
    while rest:
        if rest[0] in TEXTS:
            slots.append((rest[0], " ".join(rest[1:])))
            break
        if len(rest) < 2:
            raise ValueError(f"slot {rest[0]!r} of {text!r} has no value")
        slots.append((rest[0], rest[1]))
        rest = rest[2:]
    return Action(intent, target, domain, tuple(slots), tuple(without))
