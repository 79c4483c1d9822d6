"""`forgebus broker announce`: tell the network where the bus is, beside the broker, in a process of its own."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from daemon.cli_identity import Folder, faults_told
from daemon.cli_node import STOPPED_AT_ONCE, on_signals
from daemon.cli_options import DONE, FAILED, USAGE, CommandError, Json

if TYPE_CHECKING:
    from daemon.txt_record import Announcement

Interfaces = Annotated[
    list[str] | None,
    typer.Option(
        "--interface",
        help="From this address of ours only. Again for more; all by default.",
        metavar="ADDRESS",
    ),
]


def announce(
    port: Annotated[
        int | None,
        typer.Option("--port", help="A broker of one's own instead.", min=1, max=65535),
    ] = None,
    host: Annotated[
        str, typer.Option("--host", help="With --port: the name of its certificate.")
    ] = "",
    ca: Annotated[
        Path | None,
        typer.Option("--ca", help="With --port: its authority, if it speaks TLS.", metavar="FILE"),
    ] = None,
    base: Annotated[
        str, typer.Option("--base", help="With --port: the first topic levels.")
    ] = "forgebus/v1",
    interfaces: Interfaces = None,
    folder: Folder = None,
    json: Json = False,
) -> int:
    """Announce the broker by zeroconf while it listens, until SIGTERM or Ctrl-C.

    What is said is no secret, and gives nobody a login: `forgebus discover` shows it.
    """
    from daemon import logs, notify
    from daemon.announcer import announce as announce_until
    from daemon.bus_folder import BusFolder
    from daemon.discovery import DiscoveryError
    from daemon.plain import as_json
    from daemon.txt_record import grouped

    if port is None:
        with faults_told():
            bus = BusFolder.at(folder).announcement()
    else:
        bus = _of_ones_own(port, host, ca, base)
    logs.set_up("warning", "console")

    def told(addresses: tuple[str, ...]) -> None:
        if json:
            print(as_json({"announced": addresses, "bus": bus}), flush=True)
        elif addresses:
            where = ", ".join(addresses)
            print(f"announced: {where}, port {bus.port}, {grouped(bus.authority)}", flush=True)
        else:
            print(f"not announced: no broker listens for others at port {bus.port}", flush=True)
        notify.status(f"announced at {', '.join(addresses) or 'no address'}")
        notify.ready()

    async def until_stopped() -> int:
        stopping = asyncio.Event()
        at_once = on_signals(stopping.set)
        try:
            await announce_until(bus, stopping, told, interfaces or ())
        except asyncio.CancelledError:
            if not at_once.is_set():
                raise
            return STOPPED_AT_ONCE
        return DONE

    try:
        return asyncio.run(until_stopped())
    except DiscoveryError as error:
        raise CommandError(str(error), FAILED) from None


def _of_ones_own(port: int, host: str, ca: Path | None, base: str) -> "Announcement":
    import msgspec

    from daemon.txt_record import Announcement, fingerprint

    try:
        authority = fingerprint(ca.read_bytes()) if ca is not None else ""
    except (OSError, ValueError) as error:
        raise CommandError(f"--ca {ca} is no certificate: {error}", USAGE) from None
    tls = ca is not None
    said = {"port": port, "host": host, "base": base, "tls": tls, "authority": authority}
    try:
        return msgspec.convert(said, Announcement)
    except msgspec.ValidationError as error:
        raise CommandError(f"this cannot be announced: {error}", USAGE) from None
