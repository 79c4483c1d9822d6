"""`forgebus enroll`, `join` and `revoke`: who may be on a secured bus."""

import asyncio
import contextlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from daemon.cli_options import DONE, FAILED, USAGE, CommandError, Json

if TYPE_CHECKING:
    from daemon.bus_folder import BusFolder
    from daemon.login_files import Admission, Written
    from daemon.logins import Login, Role

HERE = Path("/etc/forgebus")
"""Where a node finds its forgebus.toml."""
ENROL_PORT = 8884

Folder = Annotated[
    Path | None,
    typer.Option("--dir", help="The bus's folder.  [default: /etc/forgebus/bus]", metavar="DIR"),
]


def enroll(  # noqa: PLR0917 - the options of a command
    login: Annotated[str, typer.Argument(help="The name it will have on the bus.")],
    app: Annotated[bool, typer.Option("--app", help="A program that asks, not a node.")] = False,
    home_assistant: Annotated[
        bool,
        typer.Option("--home-assistant", help="Home Assistant: --app, and its discovery topics."),
    ] = False,
    may: Annotated[
        list[str] | None,
        typer.Option(
            "--may",
            help="All it may be offered (a node) or ask for (--app). Again for more; without it, anything.",
            metavar="CAPABILITY",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="Write the login here, without a code.", metavar="FOLDER"),
    ] = None,
    listen: Annotated[
        str, typer.Option("--listen", help="Where to wait for it.", metavar="ADDRESS:PORT")
    ] = f"0.0.0.0:{ENROL_PORT}",
    minutes: Annotated[
        float, typer.Option("--minutes", help="How long the code is good.", min=0.01, max=60)
    ] = 10.0,
    replace: Annotated[
        bool, typer.Option("--replace", help="Revoke the certificate that this login has.")
    ] = False,
    folder: Folder = None,
    json: Json = False,
) -> int:
    """Let one machine in: shows a code that `forgebus join` there asks for."""
    from daemon.bus_folder import BusFolder, BusFolderError
    from daemon.enrolment import EnrolmentError
    from daemon.login_files import LONGEST_NODE
    from daemon.logins import Role
    from daemon.plain import as_json

    role = Role.APP if app else Role.NODE
    if home_assistant:
        role = Role.HOME_ASSISTANT
    longest = LONGEST_NODE if role is Role.NODE else 31
    allowed = _checked(login, may or [], longest=longest)
    with faults_told():
        at = BusFolder.at(folder)
        at.check_free(login, replace=replace)
        if out is not None:
            from daemon.login_files import check_room

            check_room(out, replace=replace)
            written = write_with_key(at, login, role, allowed, out, replace=replace)
            if json:
                print(as_json(_told(login, written)))
            else:
                print(f"written: {written.settings}")
                _tell_file_there(out, written)
            return DONE
        host, port = _address(listen, ENROL_PORT)

        def admit(requests: bytes) -> "Admission":
            try:
                return _admit(at, login, role, allowed, requests, replace=replace)
            except BusFolderError as error:
                raise EnrolmentError(str(error)) from error

        asyncio.run(_open(at, login, admit, (host, port), minutes, json=json))
    return DONE


def join(
    where: Annotated[
        str | None,
        typer.Argument(
            help="The machine that shows the code.  [default: the bus that is found]",
            metavar="[HOST]",
            show_default=False,
        ),
    ] = None,
    out: Annotated[
        Path, typer.Option("--out", "-o", help="Write the login here.", metavar="FOLDER")
    ] = HERE,
    replace: Annotated[
        bool, typer.Option("--replace", help="Write over a login that is there.")
    ] = False,
    json: Json = False,
) -> int:
    """Get this machine's login with the code that `forgebus enroll` shows; it is asked for, or read."""
    from daemon.certificates import new_request
    from daemon.cli_find import check_pinned, place_to_join, remember_login
    from daemon.cli_install import taken_up_by
    from daemon.enrolment import enrol
    from daemon.login_files import check_room, write_login
    from daemon.plain import as_json

    with faults_told():
        check_room(out, replace=replace)
        if where is None:
            where = asyncio.run(place_to_join())
        host, port = _address(where, ENROL_PORT)
        code = _code()
        pair, commands = new_request("new"), new_request("new")
        requests = pair.certificate + commands.certificate
        admission = asyncio.run(enrol(host, port, code, requests))
        check_pinned(host, admission.authority)
        written = write_login(out, admission, pair.key, commands.key)
        remember_login(host, written.settings)
    if json:
        print(as_json(_told(admission.login, written)))
        return DONE
    print(f"this machine is {admission.login} on the bus at {admission.host}:{admission.port}")
    print(f"  {written.settings}")
    _tell_file_there(out, written)
    service = taken_up_by(written.settings) if admission.role == "node" else ""
    program = f"forgebus {'run' if admission.role == 'node' else 'ask'} --config {written.settings}"
    print(f"  {service or program}")
    return DONE


def revoke(
    login: Annotated[str, typer.Argument(help="Who is let in no more.")],
    folder: Folder = None,
    json: Json = False,
) -> int:
    """Take a login back: its certificate is void, its rights are gone, its connection is ended."""
    from daemon.bus_folder import BusFolder, now
    from daemon.login_files import commands_of
    from daemon.plain import as_json

    with faults_told():
        at = BusFolder.at(folder)
        gone = [login, *(one for one in (commands_of(login),) if one in at.register().logins)]
        entries = [at.revoke(one, now()) for one in gone]
        trouble = at.reload_broker()
        sessions = [] if trouble else [asyncio.run(_end_session(at, one)) for one in entries]
        for one in gone:
            at.forget(one, now())
        trouble = at.reload_broker()
        ended = not trouble and all(sessions)
    if json:
        print(as_json({"revoked": login, "session_ended": ended, "trouble": trouble}))
    else:
        print(f"{login} is revoked" + ("; its session at the broker is ended" if ended else ""))
    if not ended:
        why = trouble or "the broker gave no answer; restart it to end a connection that stands"
        print(f"forgebus: {why}", file=sys.stderr)
    return DONE


@contextlib.contextmanager
def faults_told() -> Iterator[None]:
    """What the commands about identity know to go wrong, as a line and an exit code."""
    from daemon.bus_folder import BusFolderError
    from daemon.certificates import CertificateError
    from daemon.enrolment import EnrolmentError
    from daemon.private_files import PrivateFileError

    try:
        yield
    except (BusFolderError, CertificateError, EnrolmentError, PrivateFileError) as error:
        raise CommandError(str(error), FAILED) from None


def write_with_key(
    at: "BusFolder",
    login: str,
    role: "Role",
    may: tuple[str, ...],
    out: Path,
    *,
    host: str = "",
    replace: bool = False,
) -> "Written":
    """A login whose key is made here, for a machine that files are carried to; where its settings are."""
    import msgspec

    from daemon.certificates import new_request
    from daemon.login_files import write_login

    pair, commands = new_request(login), new_request(login)
    requests = pair.certificate + commands.certificate
    admission = _admit(at, login, role, may, requests, replace=replace)
    if host:
        admission = msgspec.structs.replace(admission, host=host)
    return write_login(out, admission, pair.key, commands.key)


def _told(login: str, written: "Written") -> dict[str, object]:
    """For machines."""
    return {
        "login": login,
        "config": written.settings,
        "changed": list(written.changed),
        "differs": list(written.differs),
    }


def _tell_file_there(folder: Path, written: "Written") -> None:
    """What became of a forgebus.toml that was in the folder already."""
    if written.changed:
        print(f"  changed there: {', '.join(written.changed)}; all else is as it was")
    if written.differs:
        print(f"  {folder.absolute() / 'forgebus.toml'} is left alone:")
        for line in written.differs:
            print(f"    {line}")
        print(f"  if it is to use this login, take over by hand what {written.settings.name} says")


async def _open(
    at: "BusFolder",
    login: str,
    admit: Callable[[bytes], "Admission"],
    where: tuple[str, int],
    minutes: float,
    *,
    json: bool,
) -> None:
    from daemon.enrolment import Door, new_code
    from daemon.plain import as_json

    door = Door(new_code(), admit, minutes)
    host = at.register().settings.hosts[0]

    def opened(port: int) -> None:
        if json:
            print(as_json({"code": door.code, "port": port, "minutes": minutes}), flush=True)
            return
        there = host if port == ENROL_PORT else f"{host}:{port}"
        print(f"code: {door.code}    for {login}, once, within {minutes:g} minutes")
        print(f"on the new machine: forgebus join {there}", flush=True)

    await door.run(*where, opened)
    if not json:
        print(f"{login} has joined")


def _admit(
    at: "BusFolder",
    login: str,
    role: "Role",
    may: tuple[str, ...],
    requests: bytes,
    *,
    replace: bool,
) -> "Admission":
    """Let it in: register, access list, broker told; and what the new side is given.

    Of the two requests the second is for the commands on a node's machine.
    """
    from daemon.bus_folder import now
    from daemon.certificates import each_request
    from daemon.login_files import Admission, commands_of
    from daemon.logins import Role

    request, more = each_request(requests)
    made = at.admit(login, role, may, request, now(), replace=replace)
    commands = b""
    if role is Role.NODE:
        commands = at.admit(commands_of(login), Role.APP, (), more, now(), replace=True)
    if at.broker_pid() is not None and (trouble := at.reload_broker()):
        print(f"forgebus: {trouble}", file=sys.stderr)
    settings = at.register().settings
    return Admission(
        login=login,
        role=role,
        host=settings.hosts[0],
        port=settings.port,
        base=settings.base,
        certificate=made.decode(),
        authority=at.authority_certificate().decode(),
        commands=commands.decode(),
    )


async def _end_session(at: "BusFolder", entry: "Login") -> bool:
    """Take the session over with a passing certificate and let it end; what waited in it is gone too.

    What it said last under its name is that it is gone, so that no home waits for it.
    """
    from tempfile import TemporaryDirectory

    from bus_topics import topics
    from bus_topics.messages import Status
    from daemon import logs
    from daemon.bus import Bus
    from daemon.bus_folder import now
    from daemon.config import BrokerConfig
    from daemon.logins import Role
    from daemon.private_files import write_private

    logs.silence()
    up = asyncio.Event()
    login = entry.login
    settings, pair = at.register().settings, at.passing_pair(login, now())
    with TemporaryDirectory(prefix="forgebus-revoke-") as temporary:
        ca, certificate, key = (Path(temporary, name) for name in ("ca", "certificate", "key"))
        write_private(ca, at.authority_certificate())
        write_private(certificate, pair.certificate)
        write_private(key, pair.key)
        there = BrokerConfig(
            host="127.0.0.1", port=settings.port, tls_ca=ca, tls_cert=certificate, tls_key=key
        )
        bus = Bus(
            there,
            login=login,
            client_id=login,
            session_expiry_s=0,
            subscriptions=(),
            on_message=lambda _: None,
            on_link=lambda linked: up.set() if linked else None,
        )
        running = asyncio.create_task(bus.run())
        try:
            await asyncio.wait_for(up.wait(), 5.0)
            if entry.role is Role.NODE:
                status = topics.BY_NAME["status"]
                for name, said in (("status", Status.OFFLINE.value.encode()), ("card", b"")):
                    topic = topics.build(settings.base, name, sender=login)
                    bus.publish(topic, said, qos=1, retain=True, expiry_s=status.expiry_s)
                await bus.flush(2.0)
        except TimeoutError:
            return False
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
    return True


def _code() -> str:
    """Never an argument: those can be seen by everybody on the machine, and stay in the history."""
    if sys.stdin.isatty():
        return str(typer.prompt("code", err=True))
    return sys.stdin.readline().strip()


def _checked(login: str, may: list[str], longest: int) -> tuple[str, ...]:
    import re

    from bus_topics.messages import CAPABILITY_PATTERN, NODE_PATTERN

    if not re.match(NODE_PATTERN, login) or len(login) > longest:
        remedy = f"take up to {longest} lower-case letters, digits and hyphens"
        raise CommandError(f"{login!r} cannot be a login; {remedy}", USAGE)
    for capability in may:
        if not re.match(CAPABILITY_PATTERN, capability):
            raise CommandError(f"--may {capability!r} is no capability", USAGE)
    return tuple(dict.fromkeys(may))


def _address(text: str, port: int) -> tuple[str, int]:
    """HOST, HOST:PORT, or [IPV6]:PORT."""
    host, colon, number = text.rpartition(":")
    bare = not colon or text.endswith("]") or (":" in host and not host.startswith("["))
    if bare:
        host, number = text, str(port)
    if not number.isascii() or not number.isdigit() or not 0 <= int(number) <= 65_535:
        raise CommandError(f"{text!r} is no address; write it as HOST or HOST:PORT", USAGE)
    return host.strip("[]"), int(number)
