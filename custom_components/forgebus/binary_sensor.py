"""Whether each node is there."""

from typing import TYPE_CHECKING

from homeassistant.components.binary_sensor import BinarySensorDeviceClass, BinarySensorEntity
from homeassistant.const import EntityCategory
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .entity import NodeEntity
from .nodes import add_with_nodes

if TYPE_CHECKING:
    from . import ForgebusEntry

PARALLEL_UPDATES = 0


async def async_setup_entry(
    hass: HomeAssistant,
    entry: "ForgebusEntry",
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add one for each node as it is seen."""
    add_with_nodes(entry, async_add_entities, NodeOnline)


class NodeOnline(NodeEntity, BinarySensorEntity):
    """A node that dies is off, not unavailable: that it is away is what is known of it."""

    _attr_device_class = BinarySensorDeviceClass.CONNECTIVITY
    _attr_entity_category = EntityCategory.DIAGNOSTIC

    key = "online"

    @callback
    def _take(self) -> None:
        super()._take()
        node = self._bus.roster.node(self._node)
        self._attr_is_on = node is not None and node.live(self._bus.now)
        self._attr_extra_state_attributes = {
            "capabilities": list(node.capabilities) if node else [],
            "hub": node.hub if node else False,
        }
