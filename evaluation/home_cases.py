"""One sentence to a home, and what should come of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from evaluation.home_services import States
from evaluation.home_states import Change


@dataclass(frozen=True, slots=True)
class Home:
    """A home as it is put to a model, without the states of a task.

    Attributes:
        entities: id -> name, area, device_class, ... as `handlers.home_scene.Entity` has them.
        areas: their names.
        states: of each entity.
        floors: name -> the areas on it.
        devices: id and name of a device -> its area; where a sentence may be spoken.
    """

    entities: Mapping[str, Mapping[str, Any]]
    areas: tuple[str, ...]
    states: States
    floors: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    devices: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Intended:
    """An intent as it should come: its name, the entities it acts on, and its values."""

    name: str
    entities: frozenset[str]
    values: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class HomeTask:
    """One sentence and the right outcome: changed states, or exactly these intents.

    Attributes:
        case: its id.
        domain: the group it is counted in.
        text: the sentence.
        home: to which it is said, with the states of this task.
        changes: entity -> what should be another; every other state should stay.
        ignored: entity -> attributes that may be anything.
        responses: texts of which one must stand in the answer; () for none.
        intents: of our own rows, instead of changes: exactly these, in any order; () for none.
            None where changes are compared.
        scene: of our own rows: the request as it is sent, instead of the home.
        area: in which the sentence is spoken, "" where that is not told.
    """

    case: str
    domain: str
    text: str
    home: Home | None = None
    changes: Mapping[str, Change] = field(default_factory=dict)
    ignored: Mapping[str, frozenset[str]] = field(default_factory=dict)
    responses: tuple[str, ...] = ()
    intents: tuple[Intended, ...] | None = None
    scene: Mapping[str, Any] | None = None
    area: str = ""

    def request(self) -> dict[str, Any]:
        """The content of a `home_control` task."""
        if self.scene is not None:
            return dict(self.scene)
        assert self.home is not None  # noqa: S101 - one of the two is there
        told = [
            {"entity_id": name, "state": self.home.states[name].state, **about}
            for name, about in self.home.entities.items()
        ]
        floors = [{"name": name, "areas": on} for name, on in self.home.floors.items()]
        return {
            "text": self.text,
            "entities": told,
            "areas": list(self.home.areas),
            **({"floors": floors} if floors else {}),
            **({"context": {"area": self.area}} if self.area else {}),
        }

    @property
    def nothing_to_do(self) -> bool:
        """Whether doing and saying nothing is right."""
        return not (self.changes or self.responses or self.intents)

    def wanted(self) -> str:
        """The right outcome in a few words."""
        if self.intents is not None:
            return "; ".join(sorted(intent_words(i) for i in self.intents)) or "nothing"
        told = [f"{name} {_change_words(change)}" for name, change in self.changes.items()]
        told += [f"say {self.responses[0]!r}"] if self.responses else []
        return "; ".join(told) or "nothing"


def intent_words(intent: Intended) -> str:
    """An intent in a few words."""
    values = " ".join(f"{name}={value}" for name, value in intent.values)
    return " ".join(filter(None, (intent.name, ",".join(sorted(intent.entities)), values)))


def intended(name: str, slots: Mapping[str, Any], entities: list[str]) -> Intended:
    """An intent with its values in one spelling; where it acts is in `entities` alone."""
    values = sorted(
        (key, f"{value:g}" if isinstance(value, int | float) else str(value).lower())
        for key, value in slots.items()
        if key not in ("name", "area", "floor", "domain", "device_class") or "Timer" in name
    )
    return Intended(name, frozenset(entities), tuple(values))


def _change_words(change: Change) -> str:
    values = [f"{name}={value}" for name, value in change.attributes.items()]
    return " ".join(filter(None, (change.state, *values)))
