"""From what `home_control` answers to what Home Assistant is asked to do.

`home_control` says exactly which entities it means, and may mean some that no slot of Home Assistant can
say ("all but the hall"). Each step here is one intent of Home Assistant that reaches those and no others.
Pure: an answer and a home in, steps out.
"""

import re
from collections.abc import Mapping, Sequence

import msgspec

from doors.home_exposed import Exposed, Home

_INTENT = re.compile(r"Hass[A-Za-z]{1,60}")

ASKING = frozenset(
    (
        *("HassGetState", "HassClimateGetTemperature", "HassGetWeather", "HassTimerStatus"),
        *("HassGetCurrentTime", "HassGetCurrentDate"),
    )
)
"""Intents that change nothing."""


class Meant(msgspec.Struct, frozen=True):
    """An intent as `home_control` tells it."""

    name: str
    slots: dict[str, str | float] = {}
    entities: tuple[str, ...] = ()


class Control(msgspec.Struct, frozen=True):
    """The answer of `home_control`."""

    intents: tuple[Meant, ...] = ()
    abstained: bool = False
    doubt: str = "other"


class Step(msgspec.Struct, frozen=True):
    """One intent of Home Assistant with its slots."""

    name: str
    slots: dict[str, str | int | float]


class CannotError(Exception):
    """What was said needs a state that is not known now, or reaches what is not exposed."""


def steps_of(meant: Sequence[Meant], home: Home, *, only_exposed: bool) -> list[Step]:
    """What to do, in order.

    Args:
        meant: the intents that the sentence stands for.
        home: of which they speak.
        only_exposed: whether Home Assistant keeps an intent to exposed entities by itself.

    Raises CannotError, also where the answer names what nobody may command: nodes are trusted to be wrong.
    """
    return [step for one in meant for step in _steps(one, home, only_exposed=only_exposed)]


def entities_of(meant: Meant, home: Home) -> list[Exposed]:
    """Its entities, as they are."""
    return [home.entities[id_] for id_ in meant.entities if id_ in home.entities]


def is_question(meant: Sequence[Meant]) -> bool:
    """Whether nothing is to be done at all."""
    return all(one.name in ASKING for one in meant)


def _steps(meant: Meant, home: Home, *, only_exposed: bool) -> list[Step]:
    if not _INTENT.fullmatch(meant.name) or not home.entities.keys() >= set(meant.entities):
        raise CannotError("the answer goes beyond what is exposed")
    values = _values(meant)
    if not meant.entities:
        return [Step(meant.name, values)]
    place = home.place(meant.slots)
    found = []
    for domain in dict.fromkeys(id_.partition(".")[0] for id_ in meant.entities):
        ids = [id_ for id_ in meant.entities if id_.partition(".")[0] == domain]
        stepped = _STEPPED.keys() & values.keys()
        if len(ids) > 1 and not stepped:
            whole = home.matched(domain, place, only_exposed=only_exposed)
            if whole == frozenset(ids):
                where: dict[str, str | int | float] = {place.slot: place.name} if place else {}
                found.append(Step(meant.name, {**where, "domain": domain, **values}))
                continue
        found += [_one(meant.name, home.entities[id_], values) for id_ in ids]
    return found


def _one(name: str, entity: Exposed, values: Mapping[str, str | int | float]) -> Step:
    """An intent for one entity, named by its id: of two with one name it is the right one."""
    told = dict(values)
    for slot in _STEPPED.keys() & values.keys():
        by = told.pop(slot)
        if isinstance(by, str):
            raise CannotError(f"{slot} is no number")
        told |= _changed(slot, by, entity)
    return Step(name, {"name": entity.entity_id, **told})


# A slot of ours that says by how much to change something -> the slot of Home Assistant that says what
# it shall be then, the attribute that says what it is, what that has for 100, and its bounds.
_STEPPED: dict[str, tuple[str, str, float, float, float]] = {
    "brightness_step": ("brightness", "brightness", 255.0, 1, 100),
    "percentage_step": ("percentage", "percentage", 100.0, 0, 100),
    "temperature_step": ("temperature", "temperature", 100.0, -50, 250),
}


def _changed(slot: str, by: float, entity: Exposed) -> dict[str, int | float]:
    """The absolute value after a change, which is all that Home Assistant takes."""
    target, attribute, full, least, most = _STEPPED[slot]
    now = getattr(entity.attributes, attribute)
    if not isinstance(now, int | float):
        if slot == "temperature_step":
            raise CannotError(f"no {attribute} is told")
        now = 0.0  # what is off has none
    after = min(most, max(least, now * 100.0 / full + by))
    return {target: round(after, 1) if slot == "temperature_step" else round(after)}


def _values(meant: Meant) -> dict[str, str | int | float]:
    """The slots that do not say which entities are meant; whole numbers as such."""
    naming = () if "Timer" in meant.name else ("name", "area", "floor", "domain")
    values: dict[str, str | int | float] = {}
    for name, value in meant.slots.items():
        if name not in naming:
            whole = isinstance(value, float) and value.is_integer()
            values[name] = int(value) if whole else value
    return values
