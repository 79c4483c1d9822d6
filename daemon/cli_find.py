"""`forgebus discover`, and how a command without a configured broker comes to one: remembered, here, or found.

    configured > remembered > one that answers on this machine > found, and trusted by a person

What is only found is never used: at a terminal the person is asked, elsewhere the command is refused with
a line that names the options.
"""

import asyncio
import contextlib
import os
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from daemon.cli_announce import Interfaces
from daemon.cli_options import (
    DONE,
    UNREACHABLE,
    USAGE,
    CommandError,
    ConfigFile,
    Json,
    settings,
)

if TYPE_CHECKING:
    from daemon.config import Config
    from daemon.known_bus import KnownBus
    from daemon.txt_record import Found

PATIENCE_S = 10.0
"""How long a daemon waits for a broker of its own machine before it looks who else is there."""


def discover(
    trust: Annotated[
        str | None,
        typer.Option(
            "--trust",
            help="Remember this one from now on; without TLS, ADDRESS:PORT.",
            metavar="FINGERPRINT",
        ),
    ] = None,
    forget: Annotated[
        bool, typer.Option("--forget", help="Remember no bus any more; looks for none.")
    ] = False,
    seconds: Annotated[
        float, typer.Option("--seconds", help="How long to listen.", min=0.1, max=60)
    ] = 2.0,
    interfaces: Interfaces = None,
    config: ConfigFile = None,
    json: Json = False,
) -> int:
    """Look for a bus on this network, and say which one this machine remembers."""
    from daemon import known_bus
    from daemon.plain import as_json

    folder = settings(config).node.state_dir
    with _faults_told():
        if forget:
            gone = known_bus.forget(folder)
            print(as_json({"forgotten": gone}) if json else _forgotten(forgotten=gone))
            return DONE
        known = known_bus.remembered(folder)
        found = asyncio.run(_looked(seconds, interfaces or ()))
        if trust is not None:
            known = _trusted(trust, found, known)
            known_bus.remember(folder, known)
    if json:
        standing = [known_bus.standing(known, one) for one in found]
        told = [
            {"standing": how, **_as_told(one)} for how, one in zip(standing, found, strict=True)
        ]
        print(as_json({"found": told, "remembered": known}))
        return DONE
    _show(found, known)
    return DONE


async def reached(config: Path | None, host: str | None, port: int | None) -> "Config":
    """The configuration that a command speaks to a bus with.

    Raises CommandError when a bus was found and nobody has trusted it.
    """
    loaded = settings(config, host, port)
    if host is not None or port is not None:
        return loaded
    return await with_bus(config, loaded, daemon=False)


async def with_bus(path: Path | None, loaded: "Config", *, daemon: bool) -> "Config":
    """The configuration, with the bus that it does not name.

    A daemon goes without what nobody trusts: it is asked for at a terminal, and passed over elsewhere.
    """
    from daemon import known_bus
    from daemon.broker import answers
    from daemon.config import names_broker

    if names_broker(path, os.environ):
        return loaded
    with _faults_told():
        if known_bus.remembered(loaded.node.state_dir) is None:
            if (daemon and not _asks()) or await answers(loaded.broker.host, loaded.broker.port):
                return loaded
            chosen = _chosen(await _looked(), daemon=daemon)
            if chosen is None:
                return loaded
            known_bus.remember(loaded.node.state_dir, chosen)
    return with_remembered(loaded)


def with_remembered(loaded: "Config") -> "Config":
    """The configuration, which names no broker, with the remembered bus if there is one."""
    from daemon import known_bus

    with _faults_told():
        known = known_bus.remembered(loaded.node.state_dir)
        if known is None:
            return loaded
        joined = settings(Path(known.settings)) if known.settings else None
        return known_bus.with_bus(loaded, known, joined)


async def tell_of_others(config: "Config") -> None:
    """For a daemon that has waited in vain for a broker here: a line in its log for each bus that it hears of.

    It trusts none of them; the line says how a person does.
    """
    import structlog

    from daemon.broker import answers
    from daemon.known_bus import Standing, standing

    await asyncio.sleep(PATIENCE_S)
    if await answers(config.broker.host, config.broker.port):
        return
    for one in await _looked():
        if standing(None, one) is Standing.NEW:
            structlog.get_logger("node").warning(
                "bus-announced",
                name=one.name,
                at=one.where,
                fingerprint=_named(one),
                remedy="nobody here has trusted it: forgebus join, or set [broker] host",
            )


async def place_to_join() -> str:
    """Where `forgebus join` without a HOST goes: the remembered bus, or a found one that was trusted."""
    from daemon import known_bus

    folder = settings(None).node.state_dir
    with _faults_told():
        known = known_bus.remembered(folder)
        if known is None:
            known = _chosen(await _looked(), daemon=False, way="forgebus join {address}")
            if known is None:
                raise CommandError(
                    "no bus announces itself on this network; name its machine: forgebus join HOST",
                    UNREACHABLE,
                )
            known_bus.remember(folder, known)
    print(f"joining {known.name} at {known.address}", file=sys.stderr)
    return known.address


def check_pinned(host: str, authority: str) -> None:
    """Refuse a login of another authority than that of the bus which is remembered at this place."""
    from daemon import known_bus

    known = _remembered_at(host)
    if known is not None:
        with _faults_told():
            known_bus.check_authority(known, authority.encode(), "the login that was given")


def remember_login(host: str, written: Path) -> None:
    """Commands of this user find the settings that `join` wrote for the remembered bus."""
    import msgspec

    from daemon import known_bus

    known = _remembered_at(host)
    if known is not None:
        with _faults_told():
            folder = settings(None).node.state_dir
            changed = msgspec.structs.replace(known, settings=str(written.absolute()))
            known_bus.remember(folder, changed)


def _remembered_at(host: str) -> "KnownBus | None":
    from daemon import known_bus

    with _faults_told():
        known = known_bus.remembered(settings(None).node.state_dir)
    return known if known is not None and host in {known.address, known.host} else None


def _asks() -> bool:
    """Whether somebody sits here who can be asked."""
    return sys.stdin.isatty() and sys.stderr.isatty()


async def _looked(seconds: float | None = None, interfaces: Sequence[str] = ()) -> "list[Found]":
    from daemon.discovery import LOOK_S, DiscoveryError, look

    if _asks():
        print("looking for a bus on this network", file=sys.stderr)
    try:
        return await look(LOOK_S if seconds is None else seconds, interfaces)
    except DiscoveryError as error:
        if seconds is None:  # nobody asked for it
            return []
        raise CommandError(str(error), UNREACHABLE) from None


def _chosen(
    found: "list[Found]", *, daemon: bool, way: str = "--host {address}"
) -> "KnownBus | None":
    """The one that the person here trusts; None when there is nothing to choose from.

    Raises CommandError when nobody can be asked, or no was the answer.
    """
    from daemon.known_bus import Standing, standing, trusted
    from daemon.plain import printable

    usable = [one for one in found if standing(None, one) is Standing.NEW]
    if not usable:
        return None
    if not _asks():
        one = usable[0]
        raise CommandError(
            f"no broker is configured; {one.name} announces itself at {one.where}, and nobody here has"
            f" trusted it: forgebus discover --trust {_named(one)}, or {way.format(address=one.address)}",
            USAGE,
        )
    for number, one in enumerate(usable, 1):
        print(printable(_told(number, one)), file=sys.stderr)
    print(_WARNING, file=sys.stderr)
    if len(usable) == 1:
        yes = typer.confirm("Trust it, and remember it?", default=False, err=True)
        number = 1 if yes else 0
    else:
        number = typer.prompt(
            "Which one is to be trusted? 0 for none", default=0, type=int, err=True
        )
    if 1 <= number <= len(usable):
        return trusted(usable[number - 1])
    if daemon:
        return None
    raise CommandError("no bus was trusted; name one with --host", USAGE)


_WARNING = (
    "Anybody on this network can announce a bus. Compare the fingerprint with the one that"
    " `forgebus broker init` and `forgebus broker announce` show on its machine."
)


def _told(number: int, one: "Found") -> str:
    from daemon.txt_record import grouped

    if one.bus is None:
        return f"{number}. {one.name}\n   {one.address or 'no address'}: {one.fault}"
    named = f" ({one.bus.host})" if one.bus.host else ""
    return (
        f"{number}. {one.name}\n"
        f"   address      {one.where}{named}, {'TLS' if one.bus.tls else 'no TLS'}\n"
        f"   topics       {one.bus.base}, protocol {one.bus.protocol}\n"
        f"   fingerprint  {grouped(one.bus.authority)}"
    )


def _named(one: "Found") -> str:
    """How --trust names it."""
    return one.bus.authority if one.bus is not None and one.bus.authority else one.where


def _trusted(which: str, found: "list[Found]", known: "KnownBus | None") -> "KnownBus":
    """What --trust means. Raises CommandError."""
    from daemon.known_bus import Standing, standing, trusted

    wanted = re.sub(r"^sha256|[\s:]", "", which.lower()) if "." not in which else which
    one = next((one for one in found if _named(one) == wanted), None)
    if one is None:
        raise CommandError(
            f"nothing that was found is called {which!r}; `forgebus discover` shows the whole"
            " fingerprint of each",
            UNREACHABLE,
        )
    match standing(known, one):
        case Standing.REMEMBERED if known is not None:
            return known
        case Standing.NEW if known is None:
            return trusted(one)
        case Standing.UNUSABLE:
            raise CommandError(f"{one.name} cannot be used: {_trouble(one)}", USAGE)
        case _:
            name = known.name if known is not None else ""
            raise CommandError(
                f"this machine remembers another bus, {name}; if it is to be another from now on:"
                " forgebus discover --forget, and again",
                USAGE,
            )


def _trouble(one: "Found") -> str:
    from bus_topics.messages import VERSION

    if one.bus is None:
        return one.fault
    return f"it speaks protocol {one.bus.protocol}, this release {VERSION}"


def _as_told(one: "Found") -> dict[str, object]:
    return {"name": one.name, "addresses": one.addresses, "bus": one.bus, "fault": one.fault}


def _forgotten(*, forgotten: bool) -> str:
    return "forgotten" if forgotten else "no bus was remembered"


def _show(found: "list[Found]", known: "KnownBus | None") -> None:
    from daemon.known_bus import Standing, standing
    from daemon.plain import printable
    from daemon.txt_record import grouped

    for number, one in enumerate(found, 1):
        how = standing(known, one)
        print(printable(f"{_told(number, one)}\n   {_MEANING[how.value]}"))
    if not found:
        print("no bus announces itself on this network")
    if known is not None:
        print(
            f"remembered: {known.name} at {known.address}:{known.port}, {grouped(known.authority)}"
        )
    elif any(standing(None, one) is Standing.NEW for one in found):
        print("to use one: `forgebus join` where it speaks TLS; --trust alone where it does not")


_MEANING = {
    "new": "new: nobody here has trusted it",
    "remembered": "remembered: this machine uses it",
    "changed": "CHANGED: not the bus that was trusted, or set up anew; it is not used",
    "unusable": "not usable by this release",
}


@contextlib.contextmanager
def _faults_told() -> Iterator[None]:
    """What the memory of a bus knows to go wrong, as a line and an exit code."""
    from daemon.known_bus import KnownBusError

    try:
        yield
    except KnownBusError as error:
        raise CommandError(str(error), USAGE) from None
