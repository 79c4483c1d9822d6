"""One login as files in a folder: its key, its certificate, the authority's, and a forgebus.toml of them.

A login has one connection: a second one ends the first. So a node gets two, its own and, in the folder
`cli` beside it, one for the commands that are run on its machine; `for_commands` finds that one.
"""

import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path

import msgspec

from bus_topics.messages import NodeId
from daemon.certificates import Pair, belongs, told
from daemon.config import BrokerConfig, ConfigError, Port, load
from daemon.login_settings import Merged, merge
from daemon.logins import ADMIN, Role
from daemon.names import TopicBase
from daemon.private_files import PrivateFileError, make_private_folder, write_private

SETTINGS, AUTHORITY, CERTIFICATE, KEY = "forgebus.toml", "authority.crt", "login.crt", "login.key"


COMMANDS = "cli"
LONGEST_NODE = 31 - len(f"-{COMMANDS}")
"""A node's name with what stands behind it for its commands is a login too."""


class Admission(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a login is given: who it is, where the broker is, and what both are known by."""

    login: NodeId
    role: Role
    host: str
    port: Port
    base: TopicBase
    certificate: str
    authority: str
    commands: str = ""
    """The certificate of `<login>-cli`, for a node."""


@dataclass(frozen=True, slots=True)
class Written:
    """Where a login's settings are.

    Attributes:
        settings: the forgebus.toml to use the login with.
        changed: keys of a file that was there and has the login's values now, as "broker.host".
        differs: why a file that was there is left alone, and the settings are beside it; a line each.
    """

    settings: Path
    changed: tuple[str, ...] = ()
    differs: tuple[str, ...] = ()


def check_room(folder: Path, *, replace: bool = False) -> None:
    """Raises PrivateFileError when a login is in this folder already, or none can be written there."""
    make_private_folder(folder)
    if not replace and (folder / KEY).exists():
        raise PrivateFileError(
            f"{folder / KEY} is there already; choose another folder, or --replace that login"
        )
    probe = folder / ".room"
    write_private(probe, b"")
    probe.unlink()


def commands_of(node: str) -> str:
    """The login of the commands on a node's machine."""
    return f"{node}-{COMMANDS}"


def write_login(folder: Path, admission: Admission, key: bytes, commands_key: bytes) -> Written:
    """Write the files, and where the settings to use them with are.

    A forgebus.toml that is there gets a node's settings in place of its defaults; where somebody has set
    one of them otherwise it is kept, and the new one is put beside it. Raises PrivateFileError when the
    folder cannot be written, or what was given does not fit the key.
    """
    folder = folder.absolute()
    authority = admission.authority.encode()
    _write(folder, admission.login, Pair(admission.certificate.encode(), key), authority)
    if admission.commands:
        pair = Pair(admission.commands.encode(), commands_key)
        _write(folder / COMMANDS, commands_of(admission.login), pair, authority)
    settings, text = folder / SETTINGS, _settings(folder, admission)
    if not settings.exists():
        write_private(settings, text.encode(), 0o644)
        return Written(settings)
    merged = _merge_into(settings, text, node=admission.role is Role.NODE)
    if not merged.differs:
        return Written(settings, merged.changed)
    beside = folder / f"{SETTINGS}.{admission.login}"
    write_private(beside, text.encode(), 0o644)
    return Written(beside, differs=merged.differs)


def for_commands(broker: BrokerConfig, node: str) -> BrokerConfig:
    """What a command connects with, where the configuration is a node's: never the node's own login.

    Raises PrivateFileError when there is no other.
    """
    if broker.tls_cert is None or broker.username != node:
        return broker
    beside = broker.tls_cert.parent / COMMANDS
    if not (beside / CERTIFICATE).exists():
        raise PrivateFileError(
            f"this is the login of the node {node}, and a second connection would end the node's; let"
            f" one in for commands (`forgebus enroll {commands_of(node)} --app --out FOLDER`) and name"
            " its configuration with --config"
        )
    return msgspec.structs.replace(
        broker,
        username=commands_of(node),
        tls_cert=beside / CERTIFICATE,
        tls_key=beside / KEY,
    )


def _write(folder: Path, login: str, pair: Pair, authority: bytes) -> None:
    if not belongs(pair.certificate, pair.key, authority) or told(pair.certificate).name != login:
        raise PrivateFileError(
            f"the certificate for {login} is not of this key and authority; enrol again"
        )
    make_private_folder(folder)
    write_private(folder / KEY, pair.key)
    write_private(folder / CERTIFICATE, pair.certificate, 0o644)
    write_private(folder / AUTHORITY, authority, 0o644)


def _merge_into(settings: Path, login: str, *, node: bool) -> Merged:
    """The login's settings in the file that is there, as far as that can be; else why not."""
    try:
        load(settings, {})
        # As bytes, because reading text would change its line ends.
        there = settings.read_bytes().decode()
        merged = merge(there, login)
        if merged.changed and not node:
            return Merged(there, differs=("it may be a node's, and this login is a program's",))
        if merged.changed:
            with tempfile.NamedTemporaryFile(suffix=SETTINGS) as tried:
                tried.write(merged.text.encode())
                tried.flush()
                load(Path(tried.name), {})
            was, real = settings.stat(), settings.resolve()
            owner = (was.st_uid, was.st_gid)
            write_private(real, merged.text.encode(), stat.S_IMODE(was.st_mode), owner)
    except (ConfigError, PrivateFileError, OSError, ValueError) as error:
        return Merged("", differs=(str(error),))
    return merged


def _settings(folder: Path, admission: Admission) -> str:
    operators = f'"{ADMIN}", "{commands_of(admission.login)}"'
    node = f'[node]\nid = "{admission.login}"\noperators = [{operators}]\n\n'
    lines = [
        f"# The login {admission.login} on the bus at {admission.host}.",
        "[broker]",
        f"host = {_quoted(admission.host)}",
        f"port = {admission.port}",
        f'username = "{admission.login}"',
        f"tls_ca = {_quoted(str(folder / AUTHORITY))}",
        f"tls_cert = {_quoted(str(folder / CERTIFICATE))}",
        f"tls_key = {_quoted(str(folder / KEY))}",
        f'base = "{admission.base}"',
        'start = "never"',
    ]
    return (node if admission.role is Role.NODE else "") + "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    """As TOML, whose basic strings are those of JSON but for DEL."""
    return msgspec.json.encode(text).decode().replace("\x7f", "\\u007f")
