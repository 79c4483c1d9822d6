"""`forgebus broker`: a private one on loopback; `broker init`: a secured one for several machines."""

import asyncio
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import typer

from daemon.cli_announce import announce
from daemon.cli_identity import Folder, faults_told, write_with_key
from daemon.cli_node import on_signals
from daemon.cli_options import DONE, USAGE, CommandError, Json, Port

if TYPE_CHECKING:
    from daemon.bus_folder import BusFolder
    from daemon.logins import Login, Settings

SECURED_PORT = 8883

app = typer.Typer(
    help="A private broker on loopback; init, logins, announce: a secured one for several machines."
)
app.command()(announce)


@app.callback(invoke_without_command=True)
def broker(
    context: typer.Context,
    port: Port = None,
    directory: Annotated[
        Path | None,
        typer.Option("--dir", help="Keep its sessions here.  [default: a temporary directory]"),
    ] = None,
    bind: Annotated[
        str, typer.Option("--bind", help="Its address; without credentials, loopback alone.")
    ] = "127.0.0.1",
    json: Json = False,
) -> int:
    """Run a private mosquitto on 127.0.0.1, on a free or the given port, until Ctrl-C.

    Further: init sets up a secured broker for several machines, logins lists who was let in, announce
    tells the network where it is.
    """
    if context.invoked_subcommand:
        return DONE
    from daemon import logs
    from daemon.broker import HOST

    if bind != HOST:
        raise CommandError(
            f"a broker that anybody may use listens on {HOST} alone, not on {bind}; for other machines"
            " set up one with credentials: `forgebus broker init --host NAME`",
            USAGE,
        )
    logs.set_up("warning", "console")
    if directory is not None:
        return asyncio.run(_broker(directory, port or 0, json=json))
    with TemporaryDirectory(prefix="forgebus-broker-") as temporary:
        return asyncio.run(_broker(Path(temporary), port or 0, json=json))


@app.command()
def init(
    hosts: Annotated[
        list[str] | None,
        typer.Option(
            "--host",
            help="A name or address that other machines reach it by; the first is told to them.",
            metavar="NAME",
        ),
    ] = None,
    port: Annotated[int, typer.Option("--port", min=1, max=65535)] = SECURED_PORT,
    bind: Annotated[
        str, typer.Option("--bind", help="Listen at this address only.", metavar="ADDRESS")
    ] = "",
    user: Annotated[
        str | None,
        typer.Option("--user", help="Who mosquitto runs as.  [default: mosquitto, for root]"),
    ] = None,
    base: Annotated[str, typer.Option("--base", help="The first topic levels.")] = "forgebus/v1",
    renew: Annotated[
        bool, typer.Option("--renew", help="A new broker certificate; authority and logins stay.")
    ] = False,
    folder: Folder = None,
    json: Json = False,
) -> int:
    """Set up a secured mosquitto: own authority, TLS, a certificate a login, access list, limits."""
    from daemon.bus_folder import BusFolder, now
    from daemon.plain import as_json
    from daemon.txt_record import grouped

    with faults_told():
        at = BusFolder.at(folder)
        if renew:
            settings = _renewed(at, hosts)
            at.renew(settings, now())
            at.reload_broker()
        else:
            settings = _settings(hosts, port, bind, user, base)
            at.set_up(settings, now())
            _admit_admin(at)
        announced = at.announcement()
    told = {
        "configuration": at.broker / "mosquitto.conf",
        "admin": at.admin / "forgebus.toml",
        "hosts": settings.hosts,
        "port": settings.port,
        "fingerprint": announced.authority,
    }
    if json:
        print(as_json(told))
        return DONE
    print(f"{'renewed' if renew else 'set up'}: {at.folder}")
    print(f"  fingerprint          {grouped(announced.authority)}")
    print(f"  start the broker     mosquitto -c {told['configuration']}")
    print("  let it be found      forgebus broker announce")
    print(
        "  let a machine in     forgebus enroll LOGIN, and there: forgebus join", settings.hosts[0]
    )
    print(f"  look for weaknesses  forgebus doctor --security --config {told['admin']}")
    return DONE


@app.command()
def logins(folder: Folder = None, json: Json = False) -> int:
    """List who was let in, as what, and until when."""
    from daemon import show
    from daemon.bus_folder import BusFolder
    from daemon.plain import as_json

    with faults_told():
        register = BusFolder.at(folder).register()
    if json:
        print(as_json({"logins": list(register.logins.values()), "revoked": register.revoked}))
        return DONE
    made = show.table("login", "role", "may", "until")
    for name, one in sorted(register.logins.items()):
        show.row(made, name, one.role.value, _may(one), f"{one.expires:%Y-%m-%d}")
    show.console().print(made)
    return DONE


async def _broker(directory: Path, port: int, *, json: bool) -> int:
    from daemon.broker import HOST, Broker
    from daemon.plain import as_json

    stopped = asyncio.Event()
    on_signals(stopped.set)
    async with Broker(directory, port) as private, asyncio.TaskGroup() as tasks:
        watching = tasks.create_task(private.supervise())
        where = {"host": HOST, "port": private.port, "pid": private.pid}
        print(as_json(where) if json else f"listening on {HOST}:{private.port}", flush=True)
        await stopped.wait()
        watching.cancel()
    return DONE


def _settings(
    hosts: list[str] | None, port: int, bind: str, user: str | None, base: str
) -> "Settings":
    import os

    import msgspec

    from daemon.logins import Settings
    from daemon.txt_record import Announcement

    if user is None:
        user = "mosquitto" if os.geteuid() == 0 else ""
    names = _hosts(hosts or [])
    given = {"hosts": names, "port": port, "bind": bind, "user": user, "base": base}
    announced = {"host": names[0], "port": port, "base": base}
    try:
        msgspec.convert(announced, Announcement)
        return msgspec.convert(given, Settings)
    except msgspec.ValidationError as error:
        raise CommandError(f"this cannot be set up: {error}", USAGE) from None


def _renewed(at: "BusFolder", hosts: list[str] | None) -> "Settings":
    import msgspec

    settings = at.register().settings
    return msgspec.structs.replace(settings, hosts=_hosts(hosts)) if hosts else settings


def _hosts(named: list[str]) -> tuple[str, ...]:
    """What the certificate is good for: what was named, else this machine's name; and loopback."""
    import re
    import socket

    wrong = [host for host in named if not re.fullmatch(r"[A-Za-z0-9.:_-]{1,250}", host)]
    if wrong:
        raise CommandError(f"{wrong[0]!r} is no host name and no address", USAGE)
    first = named or [socket.gethostname()]
    return tuple(dict.fromkeys((*first, "localhost", "127.0.0.1")))


def _admit_admin(at: "BusFolder") -> None:
    """Its files stay here; a machine that looks from afar enrols a login of its own."""
    from daemon.logins import ADMIN, Role

    write_with_key(at, ADMIN, Role.ADMIN, (), at.admin, host="127.0.0.1")


def _may(one: "Login") -> str:
    from daemon.logins import Role

    verb = "run" if one.role is Role.NODE else "ask for"
    match one.role:
        case Role.ADMIN:
            return "look at the broker and at every task"
        case _:
            return f"{verb} {', '.join(one.may) or 'all'}"
