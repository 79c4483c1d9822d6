"""Who is there: what a node says of itself, what it hears of others, and what it listens to."""

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

import structlog

from bus_topics import codec, topics
from bus_topics import messages as m
from bus_topics.errors import WrongShape
from bus_topics.messages import Status
from daemon.bus import Will
from daemon.config import Config
from daemon.home_assistant import birth_topic
from daemon.roster import Roster
from daemon.tally import SYS_TOPICS
from daemon.version import VERSION
from handlers.catalog import CATALOG, Entry

LEFTOVERS = 3
"""A retained card of ours from a life before may be found: once, and again after a broker's crash. One
that is found so often has been written again."""

_log = structlog.get_logger("presence")


class Change(NamedTuple):
    """A node went offline (`boot` empty) or lives as another process; ours: somebody has our id."""

    node: str
    boot: str


class Presence:
    """One node's card and status, and the roster of all others'."""

    def __init__(self, config: Config, boot: str, roster: Roster, hardware: m.Hardware) -> None:
        self.status = Status.ONLINE
        self._config = config
        self._own = config.node.id
        self._boot = boot
        self._roster = roster
        self._hardware = hardware
        self._strangers: Counter[str] = Counter()

    def announce(self, skills: tuple[m.Skill, ...], now: float) -> m.Card:
        """Our card as it is now; our own roster knows it before the bus does."""
        node = self._config.node
        card = m.Card(
            node=self._own,
            boot=self._boot,
            version=VERSION,
            profile=node.profile,
            hub=node.hub,
            slots=self._config.work.slots,
            skills=skills,
            hardware=self._hardware,
        )
        self._roster.on_status(self._own, self.status, now)
        self._roster.on_card(self._own, card, now)
        return card

    def hear_status(self, sender: str, payload: bytes, now: float) -> Change | None:
        """A status of somebody. Raises WrongShape when it is none."""
        try:
            status = Status(payload.decode() or Status.OFFLINE.value)
        except ValueError:
            raise WrongShape(f"a status is one of {', '.join(Status)}") from None
        if sender == self._own:
            return None
        changed = self._roster.on_status(sender, status, now)
        return Change(sender, "") if changed and status is not Status.ONLINE else None

    def hear_card(self, sender: str, payload: bytes, now: float, *, live: bool) -> Change | None:
        """A card of somebody; `live` when it was sent just now and not retained from before.

        Raises WireError when it is none, or one of another node.
        """
        if not payload:
            return None
        card = codec.decode(payload, m.Card)
        if card.node != sender:
            raise WrongShape(f"a card of {card.node} under the name of {sender}")
        if sender == self._own:
            return self._double(card, live=live)
        before = self._roster.boot(sender)
        restarted = self._roster.on_card(sender, card, now) and before is not None
        return Change(sender, card.boot) if restarted else None

    def _double(self, card: m.Card, *, live: bool) -> Change | None:
        """Two nodes under one id: neither may be trusted with work until one is renamed.

        Under one client id they throw each other off the bus and never hear each other. What each
        finds, whenever it is back, is the other's retained card where its own was.
        """
        if card.boot == self._boot or self.status is Status.CONFLICT:
            return None
        self._strangers[card.boot] += 1
        if not live and self._strangers[card.boot] < LEFTOVERS:
            return None
        remedy = "give one of the two nodes another id"
        _log.error("conflict", node=self._own, other_boot=card.boot, remedy=remedy)
        return Change(self._own, card.boot)


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
    """Our inbox, everyone's presence, offers we could bid for; a hub also hears asks and the other hubs.

    Whoever is watched also listens to what the broker tells of itself, and who is shown in Home Assistant to its
    birth; where it may not, nothing comes.
    """
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
        filters += [wanted("ask", sender="+", capability="+"), wanted("taken", sender="+")]
    if config.home_assistant.discovery:
        filters.append((birth_topic(config.home_assistant.prefix), 0))
    if config.observability.listen:
        filters += [(topic, 0) for topic in SYS_TOPICS]
    return filters
