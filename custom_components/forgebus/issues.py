"""The troubles of the bus, as Home Assistant's repairs show them."""

from datetime import datetime
from typing import TYPE_CHECKING

from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.helpers import issue_registry as ir
from homeassistant.helpers.event import async_track_time_interval

from .bus import LOOK_EVERY
from .const import CONF_CAPABILITY, DOMAIN
from .contract import HOME_CONTROL, TEXT_GENERATION
from .troubles import KINDS, Watch, troubles

if TYPE_CHECKING:
    from . import ForgebusEntry


@callback
def watch(hass: HomeAssistant, entry: "ForgebusEntry") -> CALLBACK_TYPE:
    """Tell and take back troubles from now on; returns how to stop that, which takes all back."""
    bus, lasting = entry.runtime_data, Watch()

    @callback
    def look(_: datetime | None = None) -> None:
        found = troubles(
            bus.roster,
            bus.topics,
            bus.now,
            connected=bus.connected,
            unanswered=bus.unanswered,
            wanted=(HOME_CONTROL, entry.options.get(CONF_CAPABILITY, TEXT_GENERATION)),
        )
        told = lasting.lasting(found, bus.now)
        for kind in KINDS:
            if (trouble := told.get(kind)) is None:
                ir.async_delete_issue(hass, DOMAIN, _id(kind, entry.entry_id))
                continue
            ir.async_create_issue(
                hass,
                DOMAIN,
                _id(kind, entry.entry_id),
                is_fixable=False,
                severity=ir.IssueSeverity.WARNING,
                translation_key=kind,
                translation_placeholders=trouble.told | {"name": entry.title},
            )

    stop_listening = bus.listen(look)
    stop_looking = async_track_time_interval(hass, look, LOOK_EVERY)

    @callback
    def stop() -> None:
        stop_listening()
        stop_looking()
        for kind in KINDS:
            ir.async_delete_issue(hass, DOMAIN, _id(kind, entry.entry_id))

    return stop


def _id(kind: str, entry_id: str) -> str:
    return f"{kind}_{entry_id}"
