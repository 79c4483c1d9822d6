"""What a mosquitto.conf leaves open, each with its remedy. Pure; `of_running` finds the file of a broker here."""

import itertools
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import psutil

LOOPBACK = ("127.", "localhost", "::1")


class Weakness(NamedTuple):
    """One weak setting: what it lets happen, and the line that ends it."""

    setting: str
    found: str
    remedy: str


def weaknesses(text: str) -> Iterator[Weakness]:
    """Read one configuration (mosquitto.conf(5)); the settings that this bus cannot be safe without."""
    settings = _settings(text)
    listeners = settings.get("listener", []) + settings.get("port", [])
    beyond = [one for one in listeners if not _on_loopback(one)]
    if beyond:
        yield from _doors(settings, beyond)
    elif settings.get("allow_anonymous") != ["false"]:
        yield Weakness(
            "allow_anonymous",
            "every program of this machine may be any login",
            "enough for one machine that you trust; else `forgebus broker init`",
        )
    yield from _limits(settings)


def of_running(port: int) -> Path | None:
    """The configuration of the mosquitto of this machine that listens on this port, where we may see it."""
    for process in psutil.process_iter(["name", "cmdline"]):
        try:
            if process.info["name"] == "mosquitto" and _listens(process, port):
                return _named(process.info["cmdline"], process.cwd())
        except (psutil.Error, OSError):
            continue
    return None


def _doors(settings: dict[str, list[str]], beyond: Sequence[str]) -> Iterator[Weakness]:
    """Of a broker that other machines reach."""
    where = ", ".join(beyond)
    init = "`forgebus broker init` writes a configuration that has it"
    if not settings.get("certfile") or not settings.get("keyfile"):
        yield Weakness("certfile", f"listener {where} speaks without TLS", f"TLS: {init}")
    if settings.get("allow_anonymous") == ["true"]:
        yield Weakness("allow_anonymous", "anybody may connect", "allow_anonymous false")
    by_certificate = settings.get("require_certificate") == ["true"]
    if not by_certificate and not settings.get("password_file"):
        yield Weakness("require_certificate", "no login is proved", f"certificates: {init}")
    if by_certificate and settings.get("use_identity_as_username") != ["true"]:
        found = "a certificate says nothing about the login"
        yield Weakness("use_identity_as_username", found, "use_identity_as_username true")
    if by_certificate and not settings.get("crlfile"):
        yield Weakness("crlfile", "no certificate can be taken back", f"a list of revoked: {init}")
    if not settings.get("acl_file"):
        yield Weakness("acl_file", "every login may write and read all", f"an access list: {init}")
    if settings.get("use_username_as_clientid") != ["true"]:
        found = "a login may take over another's session"
        yield Weakness("use_username_as_clientid", found, "use_username_as_clientid true")
    if settings.get("tls_version", ["tlsv1.2"])[-1] not in {"tlsv1.2", "tlsv1.3"}:
        yield Weakness("tls_version", "old versions of TLS are spoken", "tls_version tlsv1.2")


def _limits(settings: dict[str, list[str]]) -> Iterator[Weakness]:
    for name, value, without in (
        ("max_packet_size", 300_000, "one message may be 256 MB"),
        ("max_queued_messages", 10_000, "a node that is away loses what comes after 1000 messages"),
        ("max_inflight_messages", 100, "a client is sent 20 messages at a time"),
        ("max_connections", 256, "one machine may use up the broker's connections"),
    ):
        if name == "max_connections" and all(
            _on_loopback(one) for one in settings.get("listener", [])
        ):
            continue
        told = settings.get(name, [""])[-1]
        if not told.isdigit() or int(told) == 0:
            yield Weakness(name, without, f"{name} {value}")
    if settings.get("persistence") != ["true"]:
        yield Weakness("persistence", "a restart forgets all sessions", "persistence true")


def _settings(text: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        name, _, value = line.strip().partition(" ")
        if name and not name.startswith("#"):
            found.setdefault(name, []).append(value.strip())
    return found


def _on_loopback(listener: str) -> bool:
    """`1883 127.0.0.1`; a listener without an address is every address, or a path of a socket."""
    parts = listener.split()
    if parts[:1] == ["0"]:
        return True
    return len(parts) > 1 and parts[1].startswith(LOOPBACK)


def _listens(process: psutil.Process, port: int) -> bool:
    return any(
        one.status == psutil.CONN_LISTEN and one.laddr.port == port
        for one in process.net_connections("tcp")
    )


def _named(command: Sequence[str], folder: str) -> Path | None:
    for before, word in itertools.pairwise(command):
        if before in {"-c", "--config-file"}:
            return Path(os.path.normpath(Path(folder, word)))
    return None
