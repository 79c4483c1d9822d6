"""What the home model should have written: a corrected command as the line of its scene.

The model names things by the letters that a sentence gives them (:mod:`handlers.home_view`), so only
what the sentence names, and only values that it says, can be the right answer to it. Everything else
is refused with what there was to choose from.
"""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Annotated

import msgspec

from handlers.home_actions import (
    INTENTS,
    MOST_COMMANDS,
    Action,
    Choices,
    Intent,
    choices,
    resolve,
    values_of,
)
from handlers.home_scene import Scene, located
from handlers.home_speech import normalise
from handlers.home_view import View, view
from handlers.protocol import BadInput

NOTHING = "none unclear"
"""The line that stands for: nothing should have been done."""

_MOST_LEFT_OUT = 3


class Wanted(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A command as it should have been, in the form of ``home_control``'s answer.

    Of ``slots`` those that only name what is meant are not looked at, nor is ``probability``: an
    answer may be sent back with what was wrong in it changed.
    """

    name: Annotated[str, msgspec.Meta(max_length=80)]
    entities: Annotated[
        tuple[Annotated[str, msgspec.Meta(max_length=255)], ...], msgspec.Meta(max_length=1000)
    ] = ()
    slots: Annotated[
        dict[
            Annotated[str, msgspec.Meta(max_length=40)],
            float | Annotated[str, msgspec.Meta(max_length=200)],
        ],
        msgspec.Meta(max_length=16),
    ] = {}
    probability: float = 0.0


def line_of(scene: Scene, wanted: Sequence[Wanted]) -> str:
    """The line that does exactly this; :data:`NOTHING` for no command.

    Raises:
        BadInput: no line about this sentence and this home does.
    """
    if len(wanted) > MOST_COMMANDS:
        raise BadInput(f"a sentence has at most {MOST_COMMANDS} commands, not {len(wanted)}")
    if not wanted:
        return NOTHING
    placed = located(scene)
    shown = view(placed)
    known = frozenset(entity.entity_id for entity in placed.entities)
    return "; ".join(_action(one, placed, shown, known).line() for one in wanted)


def _action(wanted: Wanted, scene: Scene, shown: View, known: frozenset[str]) -> Action:
    if wanted.name not in INTENTS:
        raise BadInput(f"no intent {wanted.name[:80]!r} is known; there are {', '.join(INTENTS)}")
    strangers = sorted(set(wanted.entities) - known)
    if strangers:
        raise BadInput(f"{strangers[0]!r} is not in the home that the sentence was said in")
    meant = _effect(wanted.name, wanted.entities, wanted.slots)
    found = choices(shown)
    for action in _candidates(wanted, scene, shown, found):
        done = resolve(action, scene, shown, 1.0)
        if _effect(done.name, done.entities, done.slots) == meant:
            return action
    raise BadInput(_why_not(wanted, shown, found))


def _candidates(wanted: Wanted, scene: Scene, shown: View, found: Choices) -> Iterator[Action]:
    """What this intent can do here: to single things, to places, to all of a kind, to all but some."""
    ends = [
        tuple(zip(names, values, strict=True))
        for names in found.tails(wanted.name)
        for values in itertools.product(*(found.values(wanted.name, name) for name in names))
    ]
    groups = []
    for together in found.together(wanted.name):
        target, _, domain = together.partition(" ")
        groups.append(Action(wanted.name, target, domain))
    heads = [Action(wanted.name, target) for target in found.targets(wanted.name)] + groups
    meant = frozenset(wanted.entities)
    if meant:
        heads += [one for group in groups for one in _all_but_some(group, meant, scene, shown)]
    for head in heads:
        yield from (replace(head, slots=end) for end in ends)


def _all_but_some(
    group: Action, meant: frozenset[str], scene: Scene, shown: View
) -> Iterator[Action]:
    """The group without what is named of it, where that leaves exactly what is meant."""
    whole = frozenset(resolve(group, scene, shown, 1.0).entities)
    left_out = whole - meant
    if not left_out or not meant < whole:
        return
    held: dict[str, frozenset[str]] = {
        letter: frozenset((entity.entity_id,)) for letter, entity in shown.entities.items()
    } | {
        letter: frozenset(e.entity_id for e in scene.entities if place.holds(e)) & whole
        for letter, place in shown.places.items()
        if letter != group.target
    }
    fitting = [letter for letter, ids in held.items() if ids and ids <= left_out]
    for count in range(1, _MOST_LEFT_OUT + 1):
        for letters in itertools.combinations(fitting, count):
            if frozenset().union(*(held[letter] for letter in letters)) == left_out:
                yield replace(group, without=letters)
                return


def _effect(
    name: str, entities: Sequence[str], slots: Mapping[str, str | float]
) -> tuple[str, frozenset[str], tuple[tuple[str, str], ...]]:
    """What a command comes to, however its entities were named."""
    values = values_of(Intent(name, dict(slots), tuple(entities), 1.0))
    told = sorted((key, _plain(value)) for key, value in values.items())
    return name, frozenset(entities), tuple(told)


def _plain(value: str | float) -> str:
    return normalise(value) if isinstance(value, str) else f"{value:g}"


def _why_not(wanted: Wanted, shown: View, found: Choices) -> str:
    """What the sentence does name, so that whoever corrects sees what is missing."""
    if not found.tails(wanted.name):
        return (
            f"{wanted.name} cannot be learned from this sentence: it says no value that the intent "
            "needs (a number in its range, a colour of the list, an item)"
        )
    named = [f"{letter} = {one.entity_id}" for letter, one in shown.entities.items()]
    named += [f"{letter} = {place.name}" for letter, place in shown.places.items()]
    named += [f"{letter} = {value:g}" for letter, value in shown.numbers.items()]
    return (
        f"{wanted.name} with these entities and slots cannot be learned from this sentence, which "
        f"names {', '.join(named)[:200] or 'nothing of this home'}; what is meant must be named in "
        "it: give the device or the area the name or an alias that people say"
    )
