"""What a node says of itself, and what it listens to: card, will, subscriptions."""

from collections.abc import Iterable

import structlog

from bus_topics import messages as m
from bus_topics import topics
from bus_topics.messages import Status
from daemon.bus import Will
from daemon.config import Config
from daemon.version import VERSION
from handlers.catalog import CATALOG, Entry

_log = structlog.get_logger("presence")


def offered(config: Config) -> dict[str, Entry]:
    """The catalog's entries that this node is configured for and has the files of."""
    entries: dict[str, Entry] = {}
    for capability in config.work.capabilities:
        entry = CATALOG.get(capability)
        missing = "it is not in the catalog"
        if entry is not None:
            missing = entry.missing(config.work.models_dir) or ""
        if entry is None or missing:
            _log.error("not-offered", capability=capability, reason=missing)
        else:
            entries[capability] = entry
    return entries


def card(config: Config, boot: str, skills: tuple[m.Skill, ...], hardware: m.Hardware) -> m.Card:
    """Who we are and what we can do."""
    return m.Card(
        node=config.node.id,
        boot=boot,
        version=VERSION,
        profile=config.node.profile,
        hub=config.node.hub,
        slots=config.work.slots,
        skills=skills,
        hardware=hardware,
    )


def will(config: Config) -> Will:
    """What the broker says for us when we are gone without a word."""
    row = topics.BY_NAME["status"]
    return Will(
        topic=topics.build(config.broker.base, "status", sender=config.node.id),
        payload=Status.OFFLINE.value.encode(),
        qos=row.qos,
        retain=True,
        expiry_s=row.expiry_s,
        delay_s=config.broker.will_delay_s,
    )


def subscriptions(config: Config, capabilities: Iterable[str]) -> list[tuple[str, int]]:
    """Our inbox, everyone's presence, offers we could bid for; a hub also hears asks and events."""
    base = config.broker.base

    def wanted(name: str, **names: str) -> tuple[str, int]:
        return topics.build(base, name, **names), topics.BY_NAME[name].qos

    filters = [
        (f"{base}/in/{config.node.id}/#", 1),
        wanted("status", sender="+"),
        wanted("card", sender="+"),
    ]
    filters += [wanted("offer", sender="+", capability=name) for name in capabilities]
    if config.node.hub:
        filters += [wanted("ask", sender="+", capability="+"), wanted("event", sender="+")]
    return filters
