"""What a secured mosquitto is told: its configuration and its access list, as text.

The access list names every login: what the patterns of docs/protocol.md say of anybody (`%u`), these lines
say of each one that was enrolled. So a certificate that the register does not know has no right at all, and
a login that is taken back loses its rights with the next reload, even while it is still connected.
"""

from collections.abc import Iterable
from pathlib import Path

from bus_topics.topics import TOPICS
from bus_topics.topics import Role as Writer
from daemon.config_home_assistant import HomeAssistantConfig
from daemon.home_assistant import birth_topic, config_topic
from daemon.logins import Login, Role, Settings
from daemon.tally import SYS_TOPICS

MOST_CONNECTIONS = 256
CONFIGURATION, ACCESS_LIST = "mosquitto.conf", "acl"
AUTHORITY, CERTIFICATE, KEY = "authority.crt", "broker.crt", "broker.key"
REVOKED, PID = "revoked.crl", "mosquitto.pid"
DISCOVERY = HomeAssistantConfig().prefix
"""Home Assistant's own topics; a bus on which it has others has an access list of its own."""


def configuration(folder: Path, settings: Settings) -> str:
    """The whole mosquitto.conf; every path in it is below `folder`."""
    lines = [
        "# Written by `forgebus broker init`; --renew writes it anew.",
        f"listener {settings.port}" + (f" {settings.bind}" if settings.bind else ""),
        f"cafile {folder / AUTHORITY}",
        f"certfile {folder / CERTIFICATE}",
        f"keyfile {folder / KEY}",
        f"crlfile {folder / REVOKED}",
        "# The oldest that is spoken.",
        "tls_version tlsv1.2",
        "# Who it is, stands in the certificate, and a session belongs to whom it stands for.",
        "require_certificate true",
        "use_identity_as_username true",
        "use_username_as_clientid true",
        "allow_anonymous false",
        f"acl_file {folder / ACCESS_LIST}",
        "# A node that was away finds what came meanwhile; overflow would be silent. The largest message",
        "# of the protocol has 262144 bytes.",
        "max_queued_messages 10000",
        "max_queued_bytes 134217728",
        "max_inflight_messages 100",
        "max_packet_size 300000",
        f"max_connections {MOST_CONNECTIONS}",
        "max_keepalive 3600",
        "persistent_client_expiration 14d",
        "# Without it a request and its answer take 88 ms instead of 0.4 ms.",
        "set_tcp_nodelay true",
        "persistence true",
        f"persistence_location {folder}/data/",
        "autosave_interval 60",
        f"pid_file {folder / PID}",
        "log_dest stderr",
        "log_type error",
        "log_type warning",
        "log_type notice",
    ]
    if settings.user:
        lines.append(f"user {settings.user}")
    return "\n".join(lines) + "\n"


def access_list(base: str, logins: Iterable[Login]) -> str:
    """What each login may write and read; what is not named is refused."""
    blocks = [_block(base, one) for one in sorted(logins, key=lambda one: one.login)]
    return "# Written by `forgebus enroll` and `forgebus revoke`.\n" + "\n".join(blocks)


def _block(base: str, one: Login) -> str:
    match one.role:
        case Role.NODE:
            rights = [*_everybody(base, one), *_node(base, one)]
        case Role.APP:
            rights = [*_everybody(base, one), *_asker(base, one)]
        case Role.HOME_ASSISTANT:
            rights = [*_everybody(base, one), *_asker(base, one), f"readwrite {DISCOVERY}/#"]
        case Role.ADMIN:
            gone = f"write {DISCOVERY}/device/+/config"  # what a dead node left
            rights = [*_everybody(base, one), *_asker(base, one), "read $SYS/#", gone]
    lines = [f"user {one.login}", *(f"topic {right}" for right in rights)]
    return "\n".join(lines) + "\n"


def _everybody(base: str, one: Login) -> list[str]:
    own = one.login
    asks = ("+",) if one.role is Role.NODE or not one.may else one.may
    return [
        f"read {base}/in/{own}/#",
        f"read {base}/node/+/+",
        f"read {base}/event/+",
        f"read {base}/answer/{own}/#",
        *(f"write {base}/ask/{own}/{what}" for what in asks),
    ]


def _node(base: str, one: Login) -> list[str]:
    own = one.login
    offered = one.may or ("+",)
    return [
        f"write {base}/in/+/{own}/+",
        f"write {base}/node/{own}/+",
        f"write {base}/offer/+/{own}",
        f"write {base}/event/{own}",
        f"write {base}/taken/{own}",
        f"write {base}/answer/+/+",
        f"write {config_topic(DISCOVERY, own)}",
        f"read {birth_topic(DISCOVERY)}",
        *(f"read {topic}" for topic in SYS_TOPICS),
        *(f"read {base}/offer/{what}/+" for what in offered),
        f"read {base}/ask/+/+",
        f"read {base}/taken/+",
    ]


def _asker(base: str, one: Login) -> list[str]:
    """What a requester may say to others.

    One that may ask for some things only cannot submit at all: the topic of a submit does not name what
    is wanted, that of an ask does.
    """
    own = one.login
    kinds = [
        row.name
        for row in TOPICS
        if row.writer is Writer.REQUESTER and not (row.name == "submit" and one.may)
    ]
    return [
        f"write {base}/in/{own}/{own}/+",
        *(f"write {base}/in/+/{own}/{kind}" for kind in kinds),
    ]
