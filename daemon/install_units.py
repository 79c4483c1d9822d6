"""What `forgebus install` writes besides the units: the first configuration, and the units' drop-ins.

In those stands what is this machine's own. Text from values; nothing is read or written here.
"""

from collections.abc import Mapping
from pathlib import Path

from daemon.config import Config, WorkConfig

NODE, DOORS, BROKER = "forgebus.service", "forgebus-doors.service", "forgebus-broker.service"
ANNOUNCE = "forgebus-announce.service"
UNITS = (NODE, DOORS, BROKER, ANNOUNCE)
STATE, CACHE = Path("/var/lib/forgebus"), Path("/var/cache/forgebus")
SETTINGS = Path("/etc/forgebus/forgebus.toml")

DAEMON_MB = 128
"""What the node's own process may take beside its workers: twice what it was seen to."""

_HEAD = "# Written by `forgebus install`, anew each time. For changes: systemctl edit {unit}\n"
_OF_NODE = tuple(("broker", key) for key in ("password_file", "tls_ca", "tls_cert", "tls_key"))
_OF_DOORS = (
    ("broker", "tls_ca"),
    *(("doors", key) for key in ("password_file", "tls_cert", "tls_key")),
    ("openai", "api_key_file"),
)
"""The files of the configuration that a unit's user may be unable to read where they lie. The doors are not
given the node's key, which they may not use."""


def first_settings(profile: str) -> str:
    """A forgebus.toml for a machine that has none."""
    return f"""\
# Written once by `forgebus install` and never again: it is yours. Every key with its default:
# /opt/forgebus/.venv/share/forgebus/configs/forgebus.toml. Afterwards: systemctl restart forgebus

[node]
# What this machine is; {profile}.toml beside the file above has the defaults that follow from it.
profile = "{profile}"
state_dir = "{STATE}"

[broker]
# The broker is a service of its own: wait for it.
start = "never"
"""


def memory_max_mb(work: WorkConfig) -> int:
    """What the node and all its workers may take together."""
    return work.slots * work.memory_limit_mb + DAEMON_MB


def profile_drop_in(config: Config, *, named: bool) -> str:
    """The node's limit of memory; and its profile, where the configuration names none (`named`)."""
    lines = ["[Service]", f"MemoryMax={memory_max_mb(config.work)}M"]
    if not named:
        lines.append(f"Environment=FORGEBUS_NODE__PROFILE={config.node.profile}")
    return _HEAD.format(unit=NODE) + "\n".join(lines) + "\n"


def secrets_drop_in(unit: str, config: Config) -> str:
    """Hands over keys, certificates and passwords, though only root may read the files; "" for none."""
    lines = []
    for section, key in _handed(unit, config):
        path = getattr(getattr(config, section), key)
        if path is not None:
            name = f"{section}.{key}"
            # A service's working directory is the root; a percent sign would be a specifier of systemd's.
            place = str(Path("/") / path).replace("%", "%%")
            lines.append(f"LoadCredential={name}:{place}")
            lines.append(f"Environment=FORGEBUS_{section.upper()}__{key.upper()}=%d/{name}")
    return _HEAD.format(unit=unit) + "\n".join(["[Service]", *lines]) + "\n" if lines else ""


def _handed(unit: str, config: Config) -> tuple[tuple[str, str], ...]:
    """Section and key of what the unit reads."""
    if unit == NODE:
        return _OF_NODE
    if config.doors.tls_cert or config.doors.password_file:
        return _OF_DOORS
    return (("broker", "password_file"), *_OF_DOORS)


def drop_ins(config: Config, *, named: bool) -> Mapping[str, str]:
    """Text by path below the folder of the units; "" where there is to be no such file."""
    return {
        f"{NODE}.d/10-profile.conf": profile_drop_in(config, named=named),
        **{f"{unit}.d/20-secrets.conf": secrets_drop_in(unit, config) for unit in (NODE, DOORS)},
    }


MOSQUITTO_SETTINGS = """\
# Written by `forgebus install` for a mosquitto that nobody else has configured. Without the first line a
# request and its answer take 88 ms instead of 0.4 ms; the others let a node that was away find what came.
set_tcp_nodelay true
max_queued_messages 10000
max_inflight_messages 100
autosave_interval 60
"""
