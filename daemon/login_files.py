"""One login as files in a folder: its key, its certificate, the authority's, and a forgebus.toml of them."""

from pathlib import Path

import msgspec

from bus_topics.messages import NodeId
from daemon.certificates import Pair, belongs, told
from daemon.config import Port, TopicBase
from daemon.logins import ADMIN, Role
from daemon.private_files import PrivateFileError, make_private_folder, write_private

SETTINGS, AUTHORITY, CERTIFICATE, KEY = "forgebus.toml", "authority.crt", "login.crt", "login.key"


class Admission(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a login is given: who it is, where the broker is, and what both are known by."""

    login: NodeId
    role: Role
    host: str
    port: Port
    base: TopicBase
    certificate: str
    authority: str


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


def write_login(folder: Path, admission: Admission, key: bytes) -> Path:
    """Write the files; the path of the settings to use them with.

    A forgebus.toml that is there is kept, and the new one is put beside it. Raises PrivateFileError when
    the folder cannot be written, or what was given does not fit the key.
    """
    certificate, authority = admission.certificate.encode(), admission.authority.encode()
    if not belongs(certificate, key, authority) or told(certificate).name != admission.login:
        raise PrivateFileError(
            f"the certificate for {admission.login} is not of this key and authority; enrol again"
        )
    make_private_folder(folder)
    folder = folder.absolute()
    write_private(folder / KEY, key)
    write_private(folder / CERTIFICATE, certificate, 0o644)
    write_private(folder / AUTHORITY, authority, 0o644)
    settings = folder / SETTINGS
    if settings.exists():
        settings = folder / f"{SETTINGS}.{admission.login}"
    write_private(settings, _settings(folder, admission).encode(), 0o644)
    return settings


def read_login(folder: Path) -> Pair:
    """The certificate and key that `write_login` wrote. Raises PrivateFileError."""
    try:
        return Pair((folder / CERTIFICATE).read_bytes(), (folder / KEY).read_bytes())
    except OSError as error:
        raise PrivateFileError(f"{folder}: the login cannot be read: {error.strerror}") from error


def _settings(folder: Path, admission: Admission) -> str:
    node = f'[node]\nid = "{admission.login}"\noperators = ["{ADMIN}"]\n\n'
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
