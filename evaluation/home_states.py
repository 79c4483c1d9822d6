"""Whether exactly the expected states changed, and nothing else.

The whole home is compared: every entity's state, and every attribute that the expectation names or
that was set to a value. Not compared are what the task tells to ignore; `is_closed`, `is_opening`,
`is_closing` and `color_mode`, which follow from others; and what Home Assistant shows of a light
only while it is on. A color is one value, in whichever of its forms the expectation names. A cover
that is opening counts as open, and so on for all that ends by itself.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from evaluation.home_colors import COLOR_FORMS
from evaluation.home_services import EntityState, States

DERIVED = frozenset(("is_closed", "is_opening", "is_closing", "color_mode", "xy_color"))
_WHILE_ON = frozenset(("brightness", "color_temp", "color_temp_kelvin", *COLOR_FORMS))
_ARRIVED = {
    "opening": "open",
    "closing": "closed",
    "locking": "locked",
    "unlocking": "unlocked",
    "returning": "docked",
}
"""A state on the way -> the one that it ends in."""
_STARTED = frozenset(("on", "playing", "idle"))


@dataclass(frozen=True, slots=True)
class Change:
    """What of an entity should be another; a state of None stays."""

    state: str | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict)


def expected_states(before: Mapping[str, EntityState], changes: Mapping[str, Change]) -> States:
    """The home after the changes."""
    after = {name: state.copy() for name, state in before.items()}
    for name, change in changes.items():
        after[name].state = change.state if change.state is not None else after[name].state
        after[name].put(**change.attributes)
    return after


def differences(
    before: Mapping[str, EntityState],
    after: Mapping[str, EntityState],
    changes: Mapping[str, Change],
    ignored: Mapping[str, frozenset[str]],
) -> list[str]:
    """What is not as expected, each as `entity: what is, expected what`; [] where all is.

    Args:
        before: the home as the sentence found it.
        after: as it was left.
        changes: the expected ones.
        ignored: entity -> attributes, or "state", that may be anything.
    """
    found = []
    for entity, was in before.items():
        change = changes.get(entity, Change())
        passed_over = ignored.get(entity, frozenset())
        is_now = after[entity]
        state = was.state if change.state is None else change.state
        if "state" not in passed_over and not _same_state(entity, state, is_now.state, was.state):
            found.append(f"{entity}: {is_now.state}, expected {state}")
        for name in sorted(_named(is_now, change, passed_over)):
            wanted = change.attributes.get(name, was.attributes.get(name))
            given = is_now.attributes.get(name)
            if entity.startswith("light.") and name in _WHILE_ON:
                wanted = None if state == "off" else wanted
                given = None if is_now.state == "off" else given
            if not same(wanted, given):
                found.append(f"{entity}: {name} {given}, expected {wanted}")
    return found


def same(one: object, other: object) -> bool:
    """Equal as values: 21 and 21.0 and "21", lists and tuples of these."""
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, bool) or isinstance(other, bool) or one is None or other is None:
        return one == other or str(one).lower() == str(other).lower()
    try:
        return abs(float(one) - float(other)) < 1e-6  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return str(one) == str(other)


def _named(after: EntityState, change: Change, ignored: frozenset[str]) -> set[str]:
    named = set(change.attributes)
    named |= after.commanded.difference(COLOR_FORMS)
    if not (named | ignored).intersection(COLOR_FORMS):
        named |= after.commanded.intersection(COLOR_FORMS[:1])
    return named - ignored - DERIVED


def _same_state(entity: str, wanted: str, given: str, was: str) -> bool:
    if entity.startswith("media_player.") and given == "on" and was not in _STARTED:
        # Turned on: whether it then plays is the player's own affair.
        return wanted in _STARTED
    # No time passes here: what is on its way is there.
    return same(_ARRIVED.get(wanted, wanted), _ARRIVED.get(given, given))
