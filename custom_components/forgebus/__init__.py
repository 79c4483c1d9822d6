"""Forgebus in Home Assistant: nodes on an MQTT bus that auction small AI tasks among themselves."""

from typing import TypeAlias

from homeassistant.components import mqtt
from homeassistant.config_entries import ConfigEntry, ConfigEntryState
from homeassistant.const import Platform
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import ConfigEntryNotReady, HomeAssistantError
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers.device_registry import DeviceEntry
from homeassistant.helpers.typing import ConfigType

from .actions import register
from .bus import Bus
from .const import CONF_BASE, CONF_LOGIN, DOMAIN
from .contract import Topics
from .issues import watch

PLATFORMS = (
    Platform.AI_TASK,
    Platform.BINARY_SENSOR,
    Platform.CONVERSATION,
    Platform.SENSOR,
)
CONFIG_SCHEMA = cv.config_entry_only_config_schema(DOMAIN)

ForgebusEntry: TypeAlias = ConfigEntry[Bus]


async def async_setup(hass: HomeAssistant, config: ConfigType) -> bool:
    """Register the action, which is there with or without a bus."""
    register(hass)
    return True


async def async_setup_entry(hass: HomeAssistant, entry: ForgebusEntry) -> bool:
    """Set one bus up."""
    if not await mqtt.async_wait_for_mqtt_client(hass):
        raise ConfigEntryNotReady(translation_domain=DOMAIN, translation_key="no_mqtt")
    bus = Bus(hass, Topics(entry.data[CONF_BASE], entry.data[CONF_LOGIN]))
    entry.async_on_unload(bus.stop)  # Also when it has come half-way.
    try:
        await bus.start()
    except HomeAssistantError as fault:
        raise ConfigEntryNotReady(translation_domain=DOMAIN, translation_key="no_mqtt") from fault
    entry.runtime_data = bus
    # Nodes' devices stand below it, whichever platform comes first.
    device = dr.async_get(hass).async_get_or_create(
        config_entry_id=entry.entry_id,
        identifiers={(DOMAIN, entry.entry_id)},
        name=entry.title,
        manufacturer="Forgebus",
        model="Bus",
        entry_type=dr.DeviceEntryType.SERVICE,
    )
    bus.device_id = device.id
    await hass.config_entries.async_forward_entry_setups(entry, PLATFORMS)
    entry.async_on_unload(watch(hass, entry))
    return True


async def async_unload_entry(hass: HomeAssistant, entry: ForgebusEntry) -> bool:
    """Let go of one bus."""
    return await hass.config_entries.async_unload_platforms(entry, PLATFORMS)


async def async_remove_config_entry_device(
    hass: HomeAssistant, entry: ForgebusEntry, device: DeviceEntry
) -> bool:
    """Let the user remove the device of a node that is not there."""
    prefix = f"{entry.entry_id}_"
    ids = [id_ for domain, id_ in device.identifiers if domain == DOMAIN]
    nodes = {id_.removeprefix(prefix) for id_ in ids if id_.startswith(prefix)}
    if entry.state is not ConfigEntryState.LOADED:
        return bool(nodes)  # Who is there is not known; who is comes back.
    bus = entry.runtime_data
    if not nodes or nodes & set(bus.roster.live(bus.now)):
        return False
    for node in nodes:
        bus.forget(node)
    return True
