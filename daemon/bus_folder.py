"""The folder of one secured bus, on the machine of its broker: authority, register, and mosquitto's files.

    authority/  the key that signs, the register (`logins.json`); for its owner alone
    broker/     mosquitto.conf, access list, certificates, list of revoked ones; mosquitto reads it
    admin/      a login of its own for looking at the broker: `--config admin/forgebus.toml`
    announced.json  what `forgebus broker announce` says of it on the network; no secret

Each change writes the register first and then everything that follows from it, so that a change cut off
in the middle is completed by the next.
"""

import contextlib
import fcntl
import os
import pwd
import signal
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from daemon import broker_files
from daemon.certificates import (
    CERTIFICATE_DAYS,
    Authority,
    CertificateError,
    Pair,
    new_request,
    told,
)
from daemon.logins import Login, Register, Role, Settings
from daemon.private_files import PrivateFileError, make_private_folder, write_private
from daemon.txt_record import Announcement, fingerprint

USUAL = Path("/etc/forgebus/bus")
REGISTER, LOCK = "logins.json", "lock"
AUTHORITY_CERTIFICATE, AUTHORITY_KEY = "authority.crt", "authority.key"
ANNOUNCED = "announced.json"


class BusFolderError(Exception):
    """The folder cannot be used as asked; the message says what, where, and what to do."""


class BusFolder:
    """A bus that was set up in this folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()
        self.broker = self.folder / "broker"
        self.admin = self.folder / "admin"
        self._authority = self.folder / "authority"

    @classmethod
    def at(cls, folder: Path | None) -> "BusFolder":
        """The one that was named, or the usual one."""
        return cls(USUAL if folder is None else folder)

    @property
    def exists(self) -> bool:
        """Whether a bus was set up here."""
        return (self._authority / REGISTER).exists()

    def register(self) -> Register:
        """Everybody that was let in. Raises BusFolderError."""
        path = self._authority / REGISTER
        try:
            return msgspec.json.decode(path.read_bytes(), type=Register)
        except FileNotFoundError:
            raise BusFolderError(
                f"{self.folder} holds no bus; set one up with `forgebus broker init --dir"
                f" {self.folder}`, or name its folder with --dir"
            ) from None
        except OSError as error:
            raise BusFolderError(
                f"{path} cannot be read: {error.strerror}; run this as the user that set it up"
            ) from error
        except msgspec.DecodeError as error:
            raise BusFolderError(f"{path} is damaged: {error}; restore it from a copy") from None

    def authority_certificate(self) -> bytes:
        """What every login needs to know the broker by."""
        return self._read(self._authority / AUTHORITY_CERTIFICATE)

    def announcement(self) -> Announcement:
        """What may be told of it to everybody. Raises BusFolderError."""
        path = self.folder / ANNOUNCED
        try:
            return msgspec.json.decode(path.read_bytes(), type=Announcement)
        except (OSError, msgspec.DecodeError) as error:
            raise BusFolderError(
                f"{path} cannot be read: {error}; `forgebus broker init` writes it, for a bus that is there"
                " with --renew"
            ) from None

    def set_up(self, settings: Settings, now: datetime) -> None:
        """Make a new bus: authority, broker, admin. Raises BusFolderError when there is one already."""
        if self.exists:
            raise BusFolderError(
                f"{self.folder} holds a bus already; --renew gives its broker a new certificate and"
                " keeps authority and logins"
            )
        self._check_user(settings.user)
        with self._writing():
            authority = Authority.new("forgebus authority", now)
            write_private(self._authority / AUTHORITY_CERTIFICATE, authority.pair.certificate)
            write_private(self._authority / AUTHORITY_KEY, authority.pair.key)
            self._save(Register(settings=settings))
            self._certify_broker(authority, settings, now)
            self._publish(authority, now)

    def renew(self, settings: Settings, now: datetime) -> None:
        """A new certificate for the broker, and its files written anew; logins stay."""
        register = self.register()
        self._check_user(settings.user)
        with self._writing():
            authority = self._open()
            self._save(msgspec.structs.replace(register, settings=settings))
            self._certify_broker(authority, settings, now)
            self._publish(authority, now)

    def admit(
        self,
        login: str,
        role: Role,
        may: tuple[str, ...],
        request: bytes,
        now: datetime,
        *,
        replace: bool = False,
    ) -> bytes:
        """Sign a request and give the login its rights; its certificate.

        Raises BusFolderError when the login is there already and may not be replaced, CertificateError
        when the request cannot be signed.
        """
        with self._writing():
            self.check_free(login, replace=replace)
            authority = self._open()
            made = authority.login(request, login, now, CERTIFICATE_DAYS)
            read = told(made)
            entry = Login(
                login=login,
                role=role,
                may=may,
                serial=read.serial,
                issued=now,
                expires=read.expires,
            )
            self._save(self.register().admitting(entry))
            self._publish(authority, now)
        return made

    def check_free(self, login: str, *, replace: bool = False) -> None:
        """Raises BusFolderError when the login is there already, unless it may be replaced."""
        if login in self.register().logins and not replace:
            raise BusFolderError(
                f"{login} is a login already; --replace revokes its certificate and makes another,"
                f" or choose another name"
            )

    def revoke(self, login: str, now: datetime) -> Login:
        """Make the login's certificate void; its rights stay until `forget`. Raises BusFolderError."""
        with self._writing():
            register = self.register()
            if login not in register.logins:
                known = ", ".join(sorted(register.logins))
                raise BusFolderError(f"{login} is no login here; there are {known}")
            self._save(register.revoking(login, now))
            self._publish(self._open(), now)
        return register.logins[login]

    def forget(self, login: str, now: datetime) -> None:
        """Take the login's rights: from the next reload on it may do nothing, also where it is connected."""
        with self._writing():
            self._save(self.register().without(login))
            self._publish(self._open(), now)

    def passing_pair(self, login: str, now: datetime) -> Pair:
        """A certificate of this name for five minutes: who holds it ends that login's session."""
        pair = new_request(login)
        made = self._open().login(pair.certificate, login, now, 5 / 1440)
        return Pair(made, pair.key)

    def broker_pid(self) -> int | None:
        """The mosquitto that runs on this folder; None when there is none."""
        try:
            pid = int((self.broker / broker_files.PID).read_text())
            program = Path(f"/proc/{pid}/comm").read_text(encoding="utf-8").strip()
        except (OSError, ValueError):
            return None
        return pid if program == "mosquitto" else None

    def reload_broker(self) -> str:
        """Tell a running mosquitto to read its files again; "" or why that could not be done."""
        pid = self.broker_pid()
        if pid is None:
            return "no broker runs on this folder; it reads the change when it starts"
        try:
            os.kill(pid, signal.SIGHUP)
        except OSError as error:
            return (
                f"mosquitto ({pid}) could not be told: {error.strerror}; it has to read its files again:"
                " systemctl reload mosquitto, or kill -HUP its process"
            )
        return ""

    def _open(self) -> Authority:
        certificate = self.authority_certificate()
        key = self._read(self._authority / AUTHORITY_KEY)
        try:
            return Authority(Pair(certificate, key))
        except CertificateError as error:
            raise BusFolderError(f"{self._authority}: {error}; restore it from a copy") from None

    def _save(self, register: Register) -> None:
        encoded = msgspec.json.format(msgspec.json.encode(register))
        write_private(self._authority / REGISTER, encoded + b"\n")

    def _certify_broker(self, authority: Authority, settings: Settings, now: datetime) -> None:
        pair = authority.broker(settings.hosts, now)
        self._give(broker_files.CERTIFICATE, pair.certificate, settings.user)
        self._give(broker_files.KEY, pair.key, settings.user)
        self._give(broker_files.AUTHORITY, authority.pair.certificate, settings.user)
        self._describe(settings, authority.pair.certificate)
        text = broker_files.configuration(self.broker, settings)
        self._give(broker_files.CONFIGURATION, text.encode(), settings.user)
        data = self.broker / "data"
        make_private_folder(data)
        for folder in (self.broker, data):
            self._hand_over(folder, settings.user)

    def _describe(self, settings: Settings, certificate: bytes) -> None:
        """A file that anybody may read: whoever announces the bus needs none of its rights."""
        told = Announcement(
            port=settings.port,
            base=settings.base,
            tls=True,
            authority=fingerprint(certificate),
            host=settings.hosts[0],
        )
        encoded = msgspec.json.format(msgspec.json.encode(told))
        write_private(self.folder / ANNOUNCED, encoded + b"\n", 0o644)

    def _publish(self, authority: Authority, now: datetime) -> None:
        """Write what mosquitto knows of the register."""
        register = self.register()
        settings = register.settings
        text = broker_files.access_list(settings.base, register.logins.values())
        self._give(broker_files.ACCESS_LIST, text.encode(), settings.user)
        listed = [(one.serial, one.since) for one in register.revoked]
        self._give(broker_files.REVOKED, authority.revocations(listed, now), settings.user)

    def _give(self, name: str, data: bytes, user: str) -> None:
        path = self.broker / name
        write_private(path, data)
        self._hand_over(path, user)

    def _hand_over(self, path: Path, user: str) -> None:
        if os.geteuid() == 0 and user:
            account = pwd.getpwnam(user)
            # Whose folder it is may have put a link there meanwhile.
            os.chown(path, account.pw_uid, account.pw_gid, follow_symlinks=False)

    def _check_user(self, user: str) -> None:
        if user and os.geteuid() == 0:
            try:
                pwd.getpwnam(user)
            except KeyError:
                raise BusFolderError(
                    f"there is no user {user} on this machine: apt-get install mosquitto makes it,"
                    " or name another with --user"
                ) from None

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        """One change at a time; every fault of the disk is a BusFolderError."""
        try:
            if not self.folder.exists():
                self.folder.mkdir(mode=0o755, parents=True)
            for folder in (self._authority, self.broker):
                make_private_folder(folder)
            with (self._authority / LOCK).open("wb") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                yield
        except PrivateFileError as error:
            raise BusFolderError(str(error)) from error
        except OSError as error:
            raise BusFolderError(
                f"{self.folder} cannot be written: {error.strerror}; run this as its owner, or choose"
                " another folder with --dir"
            ) from error

    def _read(self, path: Path) -> bytes:
        try:
            return path.read_bytes()
        except OSError as error:
            raise BusFolderError(
                f"{path} cannot be read: {error.strerror}; run this as the user that set it up"
            ) from error


def now() -> datetime:
    """The wall clock, which certificates are made of."""
    return datetime.now(UTC)
