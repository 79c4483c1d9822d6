"""Entities that come with the nodes: each node's are added when its card is first seen."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from homeassistant.core import callback
from homeassistant.helpers.entity import Entity
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .roster import Node

if TYPE_CHECKING:
    from . import ForgebusEntry


@callback
def add_with_nodes(
    entry: "ForgebusEntry",
    async_add_entities: AddConfigEntryEntitiesCallback,
    make: "Callable[[ForgebusEntry, Node], Entity]",
) -> None:
    """Add what `make` makes of each node that has a card, now and later; once a node."""
    bus, known = entry.runtime_data, set[str]()

    @callback
    def look() -> None:
        known.intersection_update(node.id for node in bus.roster)
        new = [node for node in bus.roster if node.card and node.id not in known]
        known.update(node.id for node in new)
        if new:
            async_add_entities([make(entry, node) for node in new])

    look()
    entry.async_on_unload(bus.listen(look))
