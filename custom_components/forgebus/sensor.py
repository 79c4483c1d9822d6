"""Sensors of the bus: who is there, what was done, who won last and why."""

from typing import TYPE_CHECKING, Any

from homeassistant.components.sensor import SensorEntity, SensorStateClass
from homeassistant.const import EntityCategory
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .entity import BusEntity, NodeEntity
from .nodes import add_with_nodes

if TYPE_CHECKING:
    from . import ForgebusEntry

PARALLEL_UPDATES = 0


async def async_setup_entry(
    hass: HomeAssistant,
    entry: "ForgebusEntry",
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add the sensors of the bus, and those of each node as it is seen."""
    async_add_entities([NodesOnline(entry), TasksDone(entry), TasksNotDone(entry), Winner(entry)])
    add_with_nodes(entry, async_add_entities, TasksWon)


class NodesOnline(BusEntity, SensorEntity):
    """How many nodes are there; which, in the attributes."""

    _attr_state_class = SensorStateClass.MEASUREMENT
    _attr_entity_category = EntityCategory.DIAGNOSTIC

    def __init__(self, entry: "ForgebusEntry") -> None:
        super().__init__(entry, "nodes_online")

    @callback
    def _take(self) -> None:
        super()._take()
        live = self._bus.roster.live(self._bus.now)
        self._attr_native_value = len(live)
        self._attr_extra_state_attributes = {
            "nodes": list(live),
            "capabilities": sorted(
                {name for node in self._bus.roster if node.id in live for name in node.capabilities}
            ),
        }


class TasksDone(BusEntity, SensorEntity):
    """Tasks that were done, since Home Assistant listens."""

    _attr_state_class = SensorStateClass.TOTAL_INCREASING

    def __init__(self, entry: "ForgebusEntry") -> None:
        super().__init__(entry, "tasks_done")

    @callback
    def _take(self) -> None:
        super()._take()
        self._attr_native_value = self._bus.roster.ended.get("done", 0)


class TasksNotDone(BusEntity, SensorEntity):
    """Tasks that ended in another way: failed, expired, cancelled, unknown."""

    _attr_state_class = SensorStateClass.TOTAL_INCREASING
    _attr_entity_category = EntityCategory.DIAGNOSTIC

    def __init__(self, entry: "ForgebusEntry") -> None:
        super().__init__(entry, "tasks_not_done")

    @callback
    def _take(self) -> None:
        super()._take()
        ended = {how: count for how, count in self._bus.roster.ended.items() if how != "done"}
        self._attr_native_value = sum(ended.values())
        self._attr_extra_state_attributes = ended


class Winner(BusEntity, SensorEntity):
    """The node that was given the last task, and why it and no other."""

    _unrecorded_attributes = frozenset({"bids"})

    def __init__(self, entry: "ForgebusEntry") -> None:
        super().__init__(entry, "last_winner")

    @callback
    def _take(self) -> None:
        super()._take()
        last = self._bus.roster.last
        self._attr_native_value = last.winner if last else None
        shown: dict[str, Any] = {}
        if last is not None:
            bids = {str(bid.get("node")): bid.get("eta_ms") for bid in last.bids}
            shown = {"task": last.task, "reason": last.reason, "bids": bids}
        self._attr_extra_state_attributes = shown


class TasksWon(NodeEntity, SensorEntity):
    """Tasks that a node was given, since Home Assistant listens."""

    _attr_state_class = SensorStateClass.TOTAL_INCREASING

    key = "tasks_won"

    @callback
    def _take(self) -> None:
        super()._take()
        node = self._bus.roster.node(self._node)
        self._attr_available = self._bus.connected and node is not None and node.live(self._bus.now)
        self._attr_native_value = node.won if node else None
