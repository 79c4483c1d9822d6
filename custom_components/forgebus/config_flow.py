"""Set-up: found by a node's card or given by hand, tried out, and only then kept.

Home Assistant cannot know under which login it reaches the broker, and a broker with an access list lets an
app ask under its own login alone. So the login is asked for, and a question goes out and back before
an entry is made: a wrong name is told there, and not by answers that never come.
"""

import re
from typing import Any

import voluptuous as vol
from homeassistant.components import conversation, mqtt
from homeassistant.config_entries import (
    ConfigEntry,
    ConfigFlow,
    ConfigFlowResult,
    OptionsFlow,
    OptionsFlowWithReload,
)
from homeassistant.core import callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.selector import (
    BooleanSelector,
    ConversationAgentSelector,
    SelectSelector,
    SelectSelectorConfig,
    SelectSelectorMode,
    TextSelector,
)
from homeassistant.helpers.service_info.mqtt import MqttServiceInfo

from .bus import Bus, BusError
from .const import CONF_BASE, CONF_CAPABILITY, CONF_LOGIN, CONF_NEXT_AGENT, CONF_TALK, DOMAIN
from .contract import (
    BASE_PATTERN,
    DEFAULT_BASE,
    DEFAULT_LOGIN,
    LOGIN_PATTERN,
    TEXT_GENERATION,
    Malformed,
    Topics,
    base_of_card,
    read_object,
)

REACH_S = 8.0
"""How long an answer is waited for: a hub that takes over from another needs three seconds."""


class ForgebusFlow(ConfigFlow, domain=DOMAIN):
    """Set one bus up, or change where it is."""

    VERSION = 1

    def __init__(self) -> None:
        self._base = DEFAULT_BASE

    @staticmethod
    @callback
    def async_get_options_flow(config_entry: ConfigEntry) -> OptionsFlow:
        """How the entry is used."""
        return ForgebusOptions()

    async def async_step_user(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Where the bus is, and our login."""
        if not await mqtt.async_wait_for_mqtt_client(self.hass):
            return self.async_abort(reason="no_mqtt")
        errors: dict[str, str] = {}
        if user_input is not None:
            errors = await self._faults(user_input)
            if not errors:
                # That it was found as well is no reason not to set it up by hand.
                await self.async_set_unique_id(user_input[CONF_BASE], raise_on_progress=False)
                self._abort_if_unique_id_configured()
                return self._made(user_input)
        return self.async_show_form(
            step_id="user", data_schema=_schema(user_input or {}), errors=errors
        )

    async def async_step_mqtt(self, discovery_info: MqttServiceInfo) -> ConfigFlowResult:
        """A node's card was seen."""
        base = base_of_card(discovery_info.topic)
        try:
            read_object(discovery_info.payload)
        except Malformed:
            base = None
        if base is None:
            return self.async_abort(reason="invalid_discovery_info")
        await self.async_set_unique_id(base)
        self._abort_if_unique_id_configured()
        self._base = base
        self.context.update({"title_placeholders": {"name": _title(base)}})
        return await self.async_step_confirm()

    async def async_step_confirm(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """The bus that was found; only our login is missing."""
        errors: dict[str, str] = {}
        if user_input is not None:
            told = {CONF_BASE: self._base, **user_input}
            errors = await self._faults(told)
            if not errors:
                return self._made(told)
        login = (user_input or {}).get(CONF_LOGIN, DEFAULT_LOGIN)
        return self.async_show_form(
            step_id="confirm",
            data_schema=vol.Schema({vol.Required(CONF_LOGIN, default=login): TextSelector()}),
            description_placeholders={"base": self._base},
            errors=errors,
        )

    async def async_step_reconfigure(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Another base or login for the same entry."""
        entry = self._get_reconfigure_entry()
        errors: dict[str, str] = {}
        if user_input is not None:
            errors = await self._faults(user_input)
            if not errors:
                base = user_input[CONF_BASE]
                for other in self._async_current_entries():
                    if other.unique_id == base and other.entry_id != entry.entry_id:
                        return self.async_abort(reason="already_configured")
                return self.async_update_reload_and_abort(
                    entry, unique_id=base, title=_title(base), data=user_input
                )
        return self.async_show_form(
            step_id="reconfigure",
            data_schema=_schema(user_input or dict(entry.data)),
            errors=errors,
        )

    async def _faults(self, told: dict[str, Any]) -> dict[str, str]:
        """What is wrong with what was given, by field; tried on the bus itself when it looks right."""
        errors = {}
        if not re.fullmatch(BASE_PATTERN, told[CONF_BASE]):
            errors[CONF_BASE] = "invalid_base"
        if not re.fullmatch(LOGIN_PATTERN, told[CONF_LOGIN]):
            errors[CONF_LOGIN] = "invalid_login"
        if errors:
            return errors
        bus = Bus(self.hass, Topics(told[CONF_BASE], told[CONF_LOGIN]))
        try:
            await bus.start()
            await bus.reach(REACH_S)
        except BusError as fault:
            return {"base": fault.reason}
        except HomeAssistantError:
            return {"base": "not_connected"}
        finally:
            bus.stop()
        return {}

    def _made(self, told: dict[str, Any]) -> ConfigFlowResult:
        return self.async_create_entry(title=_title(told[CONF_BASE]), data=told)


class ForgebusOptions(OptionsFlowWithReload):
    """What the agent and the action use."""

    async def async_step_init(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Default capability, next agent, and whether it talks."""
        if user_input is not None:
            # A field that was emptied is left out, and without one it would be Home Assistant's agent.
            return self.async_create_entry(data={CONF_NEXT_AGENT: ""} | user_input)
        options = self.config_entry.options
        bus = getattr(self.config_entry, "runtime_data", None)
        known = {TEXT_GENERATION, options.get(CONF_CAPABILITY, TEXT_GENERATION)}
        if isinstance(bus, Bus):
            known.update(bus.roster.capabilities())
        schema = vol.Schema(
            {
                vol.Required(
                    CONF_CAPABILITY, default=options.get(CONF_CAPABILITY, TEXT_GENERATION)
                ): SelectSelector(
                    SelectSelectorConfig(
                        options=sorted(known), custom_value=True, mode=SelectSelectorMode.DROPDOWN
                    )
                ),
                vol.Optional(
                    CONF_NEXT_AGENT,
                    description={
                        "suggested_value": options.get(
                            CONF_NEXT_AGENT, conversation.HOME_ASSISTANT_AGENT
                        )
                    },
                ): ConversationAgentSelector(),
                vol.Required(CONF_TALK, default=options.get(CONF_TALK, False)): BooleanSelector(),
            }
        )
        return self.async_show_form(step_id="init", data_schema=schema)


def _schema(told: dict[str, Any]) -> vol.Schema:
    return vol.Schema(
        {
            vol.Required(CONF_BASE, default=told.get(CONF_BASE, DEFAULT_BASE)): TextSelector(),
            vol.Required(CONF_LOGIN, default=told.get(CONF_LOGIN, DEFAULT_LOGIN)): TextSelector(),
        }
    )


def _title(base: str) -> str:
    return "Forgebus" if base == DEFAULT_BASE else f"Forgebus ({base})"
