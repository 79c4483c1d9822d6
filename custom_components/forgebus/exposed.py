"""The home as Assist may see it: the exposed entities with their areas, names and states.

Read from Home Assistant's registries for each sentence, because states and names change.
"""

from dataclasses import dataclass
from typing import Any

from homeassistant.components.homeassistant.exposed_entities import async_should_expose
from homeassistant.core import HomeAssistant, State, callback
from homeassistant.helpers import (
    area_registry as ar,
)
from homeassistant.helpers import (
    device_registry as dr,
)
from homeassistant.helpers import (
    entity_registry as er,
)
from homeassistant.helpers import (
    floor_registry as fr,
)

from .scene import Storey, Thing, scene

ASSISTANT = "conversation"
"""Under this name Home Assistant keeps what Assist may use."""


@callback
def scene_of(hass: HomeAssistant, said: str, device_id: str | None) -> dict[str, Any]:
    """The content of a `home_control` task for a sentence that was said to this device."""
    look = _Look(
        hass, ar.async_get(hass), dr.async_get(hass), er.async_get(hass), fr.async_get(hass)
    )
    return scene(said, look.things(), look.area_names(), look.floors(), look.here(device_id))


@dataclass(frozen=True, slots=True)
class _Look:
    hass: HomeAssistant
    areas: ar.AreaRegistry
    devices: dr.DeviceRegistry
    entities: er.EntityRegistry
    storeys: fr.FloorRegistry

    def things(self) -> list[Thing]:
        """Exposed entities that are there, by name."""
        states = sorted(self.hass.states.async_all(), key=lambda state: state.entity_id)
        return [
            self._thing(state)
            for state in states
            if async_should_expose(self.hass, ASSISTANT, state.entity_id)
        ]

    def area_names(self) -> list[str]:
        """Every area."""
        return sorted(area.name for area in self.areas.async_list_areas())

    def floors(self) -> list[Storey]:
        """Every floor, with the names of its areas."""
        return [
            Storey(
                floor.name,
                tuple(
                    sorted(
                        area.name for area in ar.async_entries_for_floor(self.areas, floor.floor_id)
                    )
                ),
                tuple(sorted(floor.aliases)),
            )
            for floor in self.storeys.async_list_floors()
        ]

    def here(self, device_id: str | None) -> str:
        """The area of the device that was spoken to."""
        device = self.devices.async_get(device_id) if device_id else None
        return self._area_name(device.area_id if device else None)

    def _thing(self, state: State) -> Thing:
        entry = self.entities.async_get(state.entity_id)
        aliases = (
            sorted(alias for alias in entry.aliases if isinstance(alias, str)) if entry else []
        )
        return Thing(
            entity_id=state.entity_id,
            name=state.name,
            area=self._area_name(self._area_of(entry)),
            state=state.state,
            aliases=tuple(alias for alias in aliases if alias and alias != state.name),
            device_class=str(state.attributes.get("device_class") or ""),
        )

    def _area_of(self, entry: er.RegistryEntry | None) -> str | None:
        if entry is None or entry.area_id is not None or entry.device_id is None:
            return entry.area_id if entry else None
        device = self.devices.async_get(entry.device_id)
        return device.area_id if device else None

    def _area_name(self, area_id: str | None) -> str:
        area = self.areas.async_get_area(area_id) if area_id else None
        return area.name if area else ""
