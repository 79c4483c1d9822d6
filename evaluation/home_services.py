"""What intents do to a home: Home Assistant's services as changes of states and attributes.

A small, exact model, after Home Assistant's own components (homeassistant/components/*, 2024.6 to
2025.12) and its intents (helpers/intent.py), without time passing: a cover is where it was sent.

| intent | on | does |
|---|---|---|
| HassTurnOn, HassTurnOff, HassToggle | light, switch, input_boolean, siren, humidifier, ... | state on or off |
| | fan | the same; percentage 100 or 0 follows |
| | cover, valve | opens and closes; position 100 or 0 follows |
| | lock | locks, unlocks |
| | climate | the first of heat_cool, heat, cool that it has, or off |
| | media_player | on or off (playing counts as on) |
| | vacuum, lawn_mower | cleaning or mowing; off sends it back |
| | scene, script, button | is run: no state to compare |
| HassOpenCover, HassCloseCover, HassSetPosition | cover, valve | position; open unless it is 0 |
| HassLightSet | light | on; brightness in percent becomes round(255 * n / 100); color, temperature |
| the same with `brightness_step` | light | percent more or less of 255, from 0 where it is off |
| HassFanSetSpeed, also `percentage_step` | fan | percentage; on unless it is 0 |
| HassClimateSetTemperature, also `temperature_step` | climate | temperature |
| HassVacuumStart, HassVacuumReturnToBase | vacuum | cleaning, returning |
| HassLawnMowerStartMowing, HassLawnMowerDock | lawn_mower | mowing, returning |
| HassMediaPause, HassMediaUnpause, HassMediaSearchAndPlay | media_player | paused; playing |
| HassMediaNext, HassMediaPrevious | media_player | playing; the track follows |
| HassSetVolume, HassSetVolumeRelative | media_player | volume_level, 0 to 1 |
| HassMediaPlayerMute, HassMediaPlayerUnmute | media_player | is_volume_muted |
| HassListAddItem, HassShoppingListAddItem, HassListCompleteItem | todo | its count of open items |
| HassHumidifierSetpoint, HassHumidifierMode | humidifier | humidity, mode; on |
| questions, timers, weather, broadcasts, HassNevermind | - | nothing |

A value that Home Assistant would show by itself afterwards (the percentage of a fan that was turned
on) is a consequence: it is compared only where the expectation names it. An intent that is not in
the table, or that an entity cannot follow, is an `Unmodelled`: the task is not right.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from evaluation.home_colors import color_attributes


class Unmodelled(Exception):  # noqa: N818 - the name says it
    """An intent that is not in the table, or that this entity has no service for."""


@dataclass(slots=True)
class EntityState:
    """State and attributes of one entity.

    Attributes:
        commanded: attributes that a service set to a value that was asked for.
    """

    state: str
    attributes: dict[str, Any] = field(default_factory=dict)
    commanded: set[str] = field(default_factory=set)

    def copy(self) -> "EntityState":
        """One that may be changed."""
        return EntityState(self.state, dict(self.attributes), set(self.commanded))

    def put(self, **attributes: Any) -> None:
        """Set what was asked for."""
        self.attributes |= attributes
        self.commanded |= attributes.keys()

    def follow(self, **attributes: Any) -> None:
        """Set what follows from it."""
        self.attributes |= attributes


States = dict[str, EntityState]

_ON = "HassTurnOn"
_OFF = "HassTurnOff"

WITHOUT_STATES = frozenset(
    (
        *("HassGetState", "HassClimateGetTemperature", "HassGetWeather", "HassGetCurrentTime"),
        *("HassGetCurrentDate", "HassNevermind", "HassRespond", "HassBroadcast", "HassStopMoving"),
        *("HassStartTimer", "HassCancelTimer", "HassCancelAllTimers", "HassIncreaseTimer"),
        *("HassDecreaseTimer", "HassPauseTimer", "HassUnpauseTimer", "HassTimerStatus"),
        *("HassVacuumCleanArea", "HassGetTemperature"),
    )
)
"""Intents after which no state that is compared is another."""

_RUN = frozenset(("scene", "script", "button", "input_button", "automation"))
_PLAIN = frozenset(
    (
        *("light", "switch", "input_boolean", "siren", "humidifier", "water_heater", "remote"),
        *("group", "camera"),
    )
)


def apply_intents(
    states: Mapping[str, EntityState], intents: Iterable[tuple[str, Mapping[str, Any], list[str]]]
) -> States:
    """The home after `intents`, each a name, slots and ids of entities, in order.

    Raises:
        Unmodelled: see the module; the text says which intent and which entity.
    """
    after = {name: state.copy() for name, state in states.items()}
    for name, slots, entities in intents:
        if name in WITHOUT_STATES:
            continue
        targets = [entity for entity in entities if entity in after]
        if missing := [entity for entity in entities if entity not in after]:
            raise Unmodelled(f"{name} acts on {missing[0]}, which this home does not have")
        if name in _LISTS and not targets:
            targets = [entity for entity in after if entity.startswith("todo.shopping")][:1]
        if not targets:
            raise Unmodelled(f"{name} acts on no entity")
        for entity in targets:
            _apply(name, slots, entity.partition(".")[0], after[entity])
    return after


def _apply(name: str, slots: Mapping[str, Any], domain: str, one: EntityState) -> None:
    match name:
        case "HassTurnOn" | "HassOpenCover" | "HassLockDoor":
            _turn(domain, one, on=True)
        case "HassTurnOff" | "HassCloseCover" | "HassUnlockDoor":
            _turn(domain, one, on=False)
        case "HassToggle":
            _turn(domain, one, on=one.state in ("off", "closed", "unlocked", "docked", "standby"))
        case _:
            found = _SERVICES.get(name)
            if found is None:
                raise Unmodelled(f"intent {name} is not known here")
            domains, service = found
            if domain not in domains:
                raise Unmodelled(f"{name} does not fit a {domain}")
            service(one, slots)


def _turn(domain: str, one: EntityState, *, on: bool) -> None:
    match domain:
        case "fan":
            one.state = "on" if on else "off"
            one.follow(percentage=100 if on else 0)
        case "cover" | "valve":
            one.state = "open" if on else "closed"
            one.follow(current_position=100 if on else 0)
        case "lock":
            one.state = "locked" if on else "unlocked"
        case "climate":
            _turn_climate(one, on=on)
        case "media_player":
            if not on:
                one.state = "off"
            elif one.state in ("off", "standby", "idle"):
                one.state = "on"
        case "vacuum":
            one.state = "cleaning" if on else "returning"
        case "lawn_mower":
            one.state = "mowing" if on else "returning"
        case _ if domain in _PLAIN:
            one.state = "on" if on else "off"
        case _ if domain in _RUN and on:
            pass
        case _:
            raise Unmodelled(f"a {domain} cannot be turned {'on' if on else 'off'}")


def _turn_climate(one: EntityState, *, on: bool) -> None:
    if not on:
        one.state = "off"
        return
    modes = one.attributes.get("hvac_modes")
    names = [str(mode) for mode in modes] if isinstance(modes, list) else []
    if one.state == "off":
        first = [mode for mode in ("heat_cool", "heat", "cool") if mode in names or not names]
        rest = [mode for mode in names if mode != "off"]
        one.state = (first or rest or ["heat"])[0]


def _number(slots: Mapping[str, Any], name: str, least: float, most: float) -> float:
    try:
        value = float(slots[name])
    except (KeyError, TypeError, ValueError) as fault:
        raise Unmodelled(f"the intent has no number in its slot {name!r}") from fault
    if not least <= value <= most:
        raise Unmodelled(f"{name} {value:g} is not between {least:g} and {most:g}")
    return value


def _light(one: EntityState, slots: Mapping[str, Any]) -> None:
    if not slots.keys() & {"brightness", "brightness_step", "color", "temperature"}:
        raise Unmodelled("HassLightSet sets nothing")
    if "brightness_step" in slots:
        before = _attribute(one, "brightness", 0.0) if one.state == "on" else 0.0
        step = round(255 * _number(slots, "brightness_step", -100, 100) / 100)
        brightness = round(min(255.0, max(0.0, before + step)))
        if brightness == 0:
            one.state = "off"
            return
        one.put(brightness=brightness)
    one.state = "on"
    if "brightness" in slots:
        percent = _number(slots, "brightness", 0, 100)
        if percent == 0:
            one.state = "off"
            return
        one.put(brightness=round(255 * percent / 100))
    if "color" in slots:
        attributes = color_attributes(str(slots["color"]))
        if attributes is None:
            raise Unmodelled(f"there is no color {slots['color']!r}")
        one.put(**attributes)
    if "temperature" in slots:
        kelvin = int(_number(slots, "temperature", 1000, 20_000))
        one.put(color_temp_kelvin=kelvin)
        one.follow(color_temp=1_000_000 // kelvin)


def _position(one: EntityState, slots: Mapping[str, Any]) -> None:
    position = round(_number(slots, "position", 0, 100))
    one.state = "open" if position else "closed"
    one.put(current_position=position)


def _attribute(one: EntityState, name: str, otherwise: float | None = None) -> float:
    """A number that the entity shows, to which a step is added."""
    shown = one.attributes.get(name)
    try:
        return float(otherwise if shown is None else shown)  # type: ignore[arg-type]
    except (TypeError, ValueError) as fault:
        raise Unmodelled(f"a step of {name} needs the {name} before") from fault


def _speed(one: EntityState, slots: Mapping[str, Any]) -> None:
    if "percentage_step" in slots:
        step = _number(slots, "percentage_step", -100, 100)
        percentage = round(min(100.0, max(0.0, _attribute(one, "percentage", 0.0) + step)))
    else:
        percentage = round(_number(slots, "percentage", 0, 100))
    one.state = "on" if percentage else "off"
    one.put(percentage=percentage)


def _temperature(one: EntityState, slots: Mapping[str, Any]) -> None:
    if "temperature_step" in slots:
        step = _number(slots, "temperature_step", -50, 50)
        one.put(temperature=_attribute(one, "temperature") + step)
    else:
        one.put(temperature=_number(slots, "temperature", -50, 150))


def _volume(one: EntityState, slots: Mapping[str, Any]) -> None:
    one.put(volume_level=round(_number(slots, "volume_level", 0, 100) / 100, 4))


def _volume_relative(one: EntityState, slots: Mapping[str, Any]) -> None:
    step = slots.get("volume_step")
    before = float(one.attributes.get("volume_level") or 0)
    share = {"up": 0.1, "down": -0.1}.get(str(step))
    if share is None:
        share = _number(slots, "volume_step", -100, 100) / 100
    one.put(volume_level=round(min(1.0, max(0.0, before + share)), 4))


def _track(step: int) -> Callable[[EntityState, Mapping[str, Any]], None]:
    def service(one: EntityState, _: Mapping[str, Any]) -> None:
        one.state = "playing"
        track = one.attributes.get("media_track")
        one.follow(media_track=(track if isinstance(track, int) else 0) + step)

    return service


def _items(step: int) -> Callable[[EntityState, Mapping[str, Any]], None]:
    def service(one: EntityState, _: Mapping[str, Any]) -> None:
        if not one.state.isdigit():
            raise Unmodelled(f"a to-do list counts its items, this one is {one.state!r}")
        one.state = str(max(0, int(one.state) + step))

    return service


def _humidity(one: EntityState, slots: Mapping[str, Any]) -> None:
    one.state = "on"
    one.put(humidity=_number(slots, "humidity", 0, 100))


def _humidifier_mode(one: EntityState, slots: Mapping[str, Any]) -> None:
    one.state = "on"
    one.put(mode=str(slots.get("mode", "")))


def _becomes(state: str) -> Callable[[EntityState, Mapping[str, Any]], None]:
    def service(one: EntityState, _: Mapping[str, Any]) -> None:
        one.state = state

    return service


def _muted(*, muted: bool) -> Callable[[EntityState, Mapping[str, Any]], None]:
    def service(one: EntityState, _: Mapping[str, Any]) -> None:
        one.put(is_volume_muted=muted)

    return service


_LISTS = frozenset(("HassShoppingListAddItem", "HassShoppingListCompleteItem"))
_MEDIA = frozenset(("media_player",))
_MOVED = frozenset(("cover", "valve"))
_TODO = frozenset(("todo",))

Service = Callable[[EntityState, Mapping[str, Any]], None]
_SERVICES: dict[str, tuple[frozenset[str], Service]] = {
    "HassLightSet": (frozenset(("light",)), _light),
    "HassSetPosition": (_MOVED, _position),
    "HassFanSetSpeed": (frozenset(("fan",)), _speed),
    "HassClimateSetTemperature": (frozenset(("climate", "water_heater")), _temperature),
    "HassVacuumStart": (frozenset(("vacuum",)), _becomes("cleaning")),
    "HassVacuumReturnToBase": (frozenset(("vacuum",)), _becomes("returning")),
    "HassLawnMowerStartMowing": (frozenset(("lawn_mower",)), _becomes("mowing")),
    "HassLawnMowerDock": (frozenset(("lawn_mower",)), _becomes("returning")),
    "HassMediaPause": (_MEDIA, _becomes("paused")),
    "HassMediaUnpause": (_MEDIA, _becomes("playing")),
    "HassMediaSearchAndPlay": (_MEDIA, _becomes("playing")),
    "HassMediaNext": (_MEDIA, _track(1)),
    "HassMediaPrevious": (_MEDIA, _track(-1)),
    "HassSetVolume": (_MEDIA, _volume),
    "HassSetVolumeRelative": (_MEDIA, _volume_relative),
    "HassMediaPlayerMute": (_MEDIA, _muted(muted=True)),
    "HassMediaPlayerUnmute": (_MEDIA, _muted(muted=False)),
    "HassListAddItem": (_TODO, _items(1)),
    "HassListCompleteItem": (_TODO, _items(-1)),
    "HassShoppingListAddItem": (_TODO, _items(1)),
    "HassShoppingListCompleteItem": (_TODO, _items(-1)),
    "HassHumidifierSetpoint": (frozenset(("humidifier",)), _humidity),
    "HassHumidifierMode": (frozenset(("humidifier",)), _humidifier_mode),
}
