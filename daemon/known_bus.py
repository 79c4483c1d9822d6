"""The bus that somebody here has trusted: one file, what of a found bus is believed, and what is refused.

    configured   a broker that a file, the environment or an option names: nothing is looked for
    remembered   the bus in this file: its authority's fingerprint is pinned
    found        announced on the network: used by nobody before a person, or an option, has trusted it

A daemon uses what is configured or remembered, and never what is only found.
"""

import os
import stat
from enum import StrEnum
from pathlib import Path

import msgspec

from bus_topics.messages import VERSION
from daemon.config import BrokerConfig, Config, Port
from daemon.names import TopicBase
from daemon.private_files import PrivateFileError, make_private_folder, weakness, write_private
from daemon.reach import speaks_tls
from daemon.txt_record import Fingerprint, Found, fingerprint, grouped

FILE = "known_bus.json"


class KnownBusError(Exception):
    """The remembered bus cannot be used; the message says why, and what to do."""


class KnownBus(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is remembered. `settings` is the forgebus.toml that `forgebus join` wrote, or empty."""

    name: str
    address: str
    host: str
    port: Port
    base: TopicBase
    tls: bool
    authority: Fingerprint = ""
    settings: str = ""


class Standing(StrEnum):
    """What a found bus is to this machine."""

    NEW = "new"
    REMEMBERED = "remembered"
    CHANGED = "changed"
    """The name or the place of the remembered one, under another authority."""
    UNUSABLE = "unusable"


def trusted(found: Found) -> KnownBus:
    """As it is remembered once somebody has trusted it; its record must be sound."""
    assert found.bus is not None  # noqa: S101 - whoever trusts it has seen its record
    return KnownBus(
        name=found.name,
        address=found.address,
        host=found.bus.host or found.address,
        port=found.bus.port,
        base=found.bus.base,
        tls=found.bus.tls,
        authority=found.bus.authority,
    )


def standing(known: KnownBus | None, found: Found) -> Standing:
    """What a found bus is to a machine that remembers this one."""
    bus = found.bus
    if bus is None or bus.protocol != VERSION:
        return Standing.UNUSABLE
    if known is None:
        return Standing.NEW
    places = {(known.host, known.port), (known.address, known.port)}
    same_place = bool(places & {(bus.host, bus.port), (found.address, bus.port)})
    if (bus.authority, bus.tls) == (known.authority, known.tls):
        return Standing.REMEMBERED if bus.authority or same_place else Standing.NEW
    return Standing.CHANGED if same_place or found.name == known.name else Standing.NEW


def remembered(folder: Path) -> KnownBus | None:
    """The bus in this state directory; None when none was trusted, or it is another user's directory.

    Raises KnownBusError when others could have written the file, or it is damaged.
    """
    path = folder / FILE
    try:
        if not path.exists():
            return None
    except PermissionError:  # a service's: what it remembers is its own
        return None
    open_folder = folder.stat().st_mode & (stat.S_IWOTH | stat.S_IWGRP)
    fault = f"{folder} can be written by others: chmod go-w {folder}" if open_folder else ""
    if fault := weakness(path) or fault:
        raise KnownBusError(f"the remembered bus is not believed: {fault}")
    try:
        return msgspec.json.decode(path.read_bytes(), type=KnownBus)
    except (OSError, msgspec.DecodeError) as error:
        raise KnownBusError(
            f"{path} is damaged: {error}; `forgebus discover --forget` removes it"
        ) from None


def remember(folder: Path, bus: KnownBus) -> None:
    """Keep it in this state directory, for whoever owns that. Raises KnownBusError."""
    try:
        make_private_folder(folder)
        write_private(folder / FILE, msgspec.json.format(msgspec.json.encode(bus)) + b"\n")
        if os.geteuid() == 0:
            owner = folder.stat()
            # Whose folder it is may have put a link there meanwhile.
            os.chown(folder / FILE, owner.st_uid, owner.st_gid, follow_symlinks=False)
    except PrivateFileError as error:
        raise KnownBusError(str(error)) from error


def forget(folder: Path) -> bool:
    """Remove what is remembered; whether there was anything. Raises KnownBusError."""
    try:
        (folder / FILE).unlink()
    except FileNotFoundError:
        return False
    except OSError as error:
        raise KnownBusError(f"{folder / FILE} cannot be removed: {error.strerror}") from error
    return True


def with_bus(config: Config, known: KnownBus, joined: Config | None) -> Config:
    """The configuration with the remembered bus in place of none.

    Args:
        config: what is configured, which names no broker.
        known: the remembered bus.
        joined: what stands in `known.settings`; None without.

    Raises KnownBusError when this machine has no login there, or one of another authority.
    """
    if joined is not None:
        _check_pin(known, joined.broker)
        node = msgspec.structs.replace(
            config.node, id=joined.node.id, operators=joined.node.operators
        )
        return msgspec.structs.replace(config, node=node, broker=joined.broker)
    broker = msgspec.structs.replace(
        config.broker, host=known.host, port=known.port, base=known.base
    )
    if known.tls and not speaks_tls(broker):
        raise KnownBusError(
            f"the remembered bus {known.name} at {known.address} has not let this machine in:"
            " `forgebus enroll LOGIN` there, then `forgebus join` here; or name another broker with --host,"
            " or `forgebus discover --forget`"
        )
    _check_pin(known, broker)
    return msgspec.structs.replace(config, broker=broker)


def check_authority(known: KnownBus, certificate: bytes, of: str) -> None:
    """Raises KnownBusError when this certificate is not the authority that is pinned."""
    try:
        seen = fingerprint(certificate)
    except ValueError:
        seen = ""
    if known.authority and seen != known.authority:
        raise KnownBusError(
            f"{of} is of another authority ({grouped(seen)}) than the bus {known.name} that was trusted"
            f" ({grouped(known.authority)}): somebody stands between, or it was set up anew. If it was,"
            " `forgebus discover --forget`, and trust it again"
        )


def _check_pin(known: KnownBus, broker: BrokerConfig) -> None:
    if broker.tls_ca is None:
        return
    try:
        certificate = broker.tls_ca.read_bytes()
    except OSError as error:
        raise KnownBusError(f"{broker.tls_ca} cannot be read: {error.strerror}") from error
    check_authority(known, certificate, str(broker.tls_ca))
