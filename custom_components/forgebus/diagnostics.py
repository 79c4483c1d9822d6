"""What a report of a fault needs, without what it must not have: no login, no task's name, no content."""

from typing import TYPE_CHECKING, Any

from homeassistant.components.diagnostics import async_redact_data
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant

from .bus import Bus
from .const import CONF_LOGIN
from .contract import VERSION

if TYPE_CHECKING:
    from . import ForgebusEntry

REDACTED = {CONF_LOGIN, "task", "boot"}


async def async_get_config_entry_diagnostics(
    hass: HomeAssistant, entry: "ForgebusEntry"
) -> dict[str, Any]:
    """The bus as this entry sees it."""
    told: dict[str, Any] = {
        "entry": {"data": dict(entry.data), "options": dict(entry.options)},
        "version": VERSION,
        "state": entry.state.value,
    }
    if entry.state is ConfigEntryState.LOADED:
        told |= _seen(entry.runtime_data)
    redacted: dict[str, Any] = async_redact_data(told, REDACTED)
    return redacted


def _seen(bus: Bus) -> dict[str, Any]:
    last = bus.roster.last
    return {
        "connected": bus.connected,
        "answered": bus.answered,
        "unanswered_in_a_row": bus.unanswered,
        "ended": bus.roster.ended,
        "last_decision": None
        if last is None
        else {
            "task": last.task,
            "winner": last.winner,
            "reason": last.reason,
            "bids": list(last.bids),
        },
        "nodes": [
            {
                "node": node.id,
                "live": node.live(bus.now),
                "silent_s": round(bus.now - node.seen, 1),
                "card": node.card,
            }
            for node in bus.roster
        ],
    }
