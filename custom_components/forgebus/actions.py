"""The action `forgebus.ask`: any task for the bus, with its answer as the response."""

from typing import Any

import voluptuous as vol
from homeassistant.config_entries import ConfigEntry, ConfigEntryState
from homeassistant.core import (
    HomeAssistant,
    ServiceCall,
    ServiceResponse,
    SupportsResponse,
    callback,
)
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.helpers import config_validation as cv

from .bus import Bus
from .const import CONF_CAPABILITY, DOMAIN
from .contract import (
    CAPABILITY_PATTERN,
    LOGIN_PATTERN,
    PREFERENCES,
    TEXT_GENERATION,
    Answer,
    Options,
)

ASK = "ask"
_SCHEMA = vol.Schema(
    {
        vol.Optional("config_entry_id"): cv.string,
        vol.Optional("capability"): vol.All(cv.string, vol.Match(rf"^{CAPABILITY_PATTERN}\Z")),
        vol.Required("content"): vol.Any(dict, list, str, int, float, bool),
        vol.Optional("deadline", default=60): vol.All(vol.Coerce(float), vol.Range(1, 3600)),
        vol.Optional("preference"): vol.In(PREFERENCES),
        vol.Optional("private", default=False): cv.boolean,
        vol.Optional("node"): vol.All(cv.string, vol.Match(rf"^{LOGIN_PATTERN}\Z")),
        vol.Optional("max_tokens"): vol.All(vol.Coerce(int), vol.Range(1, 32_768)),
    }
)


@callback
def register(hass: HomeAssistant) -> None:
    """Register the action."""

    async def ask(call: ServiceCall) -> ServiceResponse:
        entry = _entry(hass, call.data.get("config_entry_id"))
        bus: Bus = entry.runtime_data
        capability = call.data.get("capability") or entry.options.get(
            CONF_CAPABILITY, TEXT_GENERATION
        )
        options = Options(
            deadline_s=call.data["deadline"],
            preference=call.data.get("preference"),
            private=call.data["private"],
            node=call.data.get("node"),
            max_tokens=call.data.get("max_tokens"),
        )
        answer = await bus.ask(capability, call.data["content"], options)
        if answer.rejected is not None:
            raise HomeAssistantError(
                translation_domain=DOMAIN,
                translation_key="rejected",
                translation_placeholders={"code": answer.rejected, "error": answer.error},
            )
        return _response(answer)

    hass.services.async_register(
        DOMAIN, ASK, ask, schema=_SCHEMA, supports_response=SupportsResponse.ONLY
    )


def _entry(hass: HomeAssistant, entry_id: str | None) -> ConfigEntry[Bus]:
    """The bus that is meant: the named one, or the only one."""
    entries: list[ConfigEntry[Bus]] = hass.config_entries.async_entries(DOMAIN)
    if entry_id is not None:
        entries = [entry for entry in entries if entry.entry_id == entry_id]
    loaded = [entry for entry in entries if entry.state is ConfigEntryState.LOADED]
    if len(loaded) == 1:
        return loaded[0]
    why = "several_buses" if loaded else "no_bus"
    raise ServiceValidationError(translation_domain=DOMAIN, translation_key=why)


def _response(answer: Answer) -> dict[str, Any]:
    told: dict[str, Any] = {
        "id": answer.id,
        "outcome": answer.outcome,
        "result": answer.result,
        "abstained": answer.abstained,
        "error": answer.error,
        "node": answer.node,
        "model": answer.model,
        "elapsed_ms": answer.elapsed_ms,
    }
    if answer.provenance is not None:
        told["provenance"] = answer.provenance
    return told
