"""The register of one secured bus: who was let in, as what, with which certificate, and who no more."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import Meta

from bus_topics.messages import Capability, NodeId
from daemon.config import Port
from daemon.names import TopicBase

ADMIN = "admin"
"""The login that may look at the broker itself, and is an operator of every node that joins."""


class Role(StrEnum):
    """What a login is."""

    NODE = "node"
    APP = "app"
    HOME_ASSISTANT = "home-assistant"
    """An app that also has all topics of its own discovery."""
    ADMIN = "admin"


class Login(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One that was let in. Without `may`, a node is offered all and an app may ask for all."""

    login: NodeId
    role: Role
    may: tuple[Capability, ...] = ()
    serial: Annotated[str, Meta(pattern=r"^[0-9a-f]{1,40}$(?!\n)")]
    issued: datetime
    expires: datetime


class Revoked(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A certificate that is none any more."""

    login: NodeId
    serial: str
    since: datetime


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the broker is: its names, the first of which nodes are told, its port and its user.

    An empty `bind` is every address of the machine; an empty `user` leaves it to whoever starts it.
    """

    hosts: Annotated[tuple[str, ...], Meta(min_length=1)]
    port: Port
    bind: str = ""
    user: str = ""
    base: TopicBase = "forgebus/v1"


class Register(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All of it, as `logins.json` holds it."""

    settings: Settings
    logins: dict[str, Login] = {}
    revoked: tuple[Revoked, ...] = ()

    def admitting(self, login: Login) -> "Register":
        """With this login; a certificate that it had before is revoked."""
        before = self
        if login.login in self.logins:
            before = self.revoking(login.login, login.issued).without(login.login)
        return msgspec.structs.replace(before, logins=before.logins | {login.login: login})

    def revoking(self, login: str, now: datetime) -> "Register":
        """With its certificate taken back, and its rights still there. Raises KeyError when there is none."""
        serial = self.logins[login].serial
        if any(one.serial == serial for one in self.revoked):
            return self
        gone = Revoked(login=login, serial=serial, since=now)
        return msgspec.structs.replace(self, revoked=(*self.revoked, gone))

    def without(self, login: str) -> "Register":
        """With its rights taken back too."""
        logins = {name: one for name, one in self.logins.items() if name != login}
        return msgspec.structs.replace(self, logins=logins)
