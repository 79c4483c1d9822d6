"""What all entities of a bus share: its device, and being unavailable while the broker is away."""

from typing import TYPE_CHECKING

from homeassistant.core import callback
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers.device_registry import DeviceEntryType, DeviceInfo
from homeassistant.helpers.entity import Entity

from .const import DOMAIN
from .roster import Node

if TYPE_CHECKING:
    from . import ForgebusEntry


class BusEntity(Entity):
    """An entity of the bus as a whole."""

    _attr_has_entity_name = True
    _attr_should_poll = False

    def __init__(self, entry: "ForgebusEntry", key: str) -> None:
        self._entry = entry
        self._bus = entry.runtime_data
        self._attr_unique_id = f"{entry.entry_id}_{key}"
        self._attr_translation_key = key
        self._attr_device_info = DeviceInfo(
            identifiers={(DOMAIN, entry.entry_id)},
            name=entry.title,
            manufacturer="Forgebus",
            model="Bus",
            entry_type=DeviceEntryType.SERVICE,
        )
        self._attr_available = self._bus.connected

    async def async_added_to_hass(self) -> None:
        """Follow the bus from now on."""
        await super().async_added_to_hass()
        self.async_on_remove(self._bus.listen(self._changed))
        self._take()

    @callback
    def _changed(self) -> None:
        self._take()
        self.async_write_ha_state()

    @callback
    def _take(self) -> None:
        """Read from the bus what this entity shows."""
        self._attr_available = self._bus.connected


class NodeEntity(BusEntity):
    """An entity of one node, with a device of the node's own. A class says its `key`."""

    key: str

    def __init__(self, entry: "ForgebusEntry", node: Node) -> None:
        super().__init__(entry, self.key)
        self._node = node.id
        self._attr_unique_id = f"{entry.entry_id}_{node.id}_{self.key}"
        self._attr_device_info = DeviceInfo(
            identifiers={(DOMAIN, f"{entry.entry_id}_{node.id}")},
            name=node.id,
            manufacturer="Forgebus",
            model=node.board or None,
            sw_version=node.release or None,
        )

    async def async_added_to_hass(self) -> None:
        """Put the node's device below that of the bus.

        Said afterwards: the field for it in a device's description has another name from 2026.10 on.
        """
        await super().async_added_to_hass()
        if self.device_entry is not None:
            dr.async_get(self.hass).async_update_device(
                self.device_entry.id, via_device_id=self._bus.device_id
            )
