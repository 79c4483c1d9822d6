"""What the commands share: their common options, how they reach the bus, and how they fail."""

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from daemon.config import BrokerConfig, Config
    from daemon.mesh import Mesh

DONE, FAILED, USAGE, REJECTED, UNREACHABLE = 0, 1, 2, 3, 4
"""Exit codes."""

ConfigFile = Annotated[
    Path | None,
    typer.Option("--config", "-c", help="Configuration file.", metavar="FILE"),
]
Host = Annotated[str | None, typer.Option("--host", help="The broker's host.", metavar="HOST")]
Port = Annotated[
    int | None, typer.Option("--port", help="The broker's port.", min=1, max=65535, metavar="PORT")
]
Login = Annotated[
    str | None,
    typer.Option("--login", help='Our name on the bus; "cli" by default.', metavar="NAME"),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object, for scripts.")]


class CommandError(Exception):
    """A command cannot do what was asked: what, what to do about it, and the exit code."""

    def __init__(self, what: str, code: int = FAILED) -> None:
        super().__init__(what)
        self.code = code


def settings(
    config: Path | None,
    host: str | None = None,
    port: int | None = None,
    more: Mapping[str, object] | None = None,
) -> "Config":
    """The configuration that a command works with. Raises ConfigError."""
    from daemon.config import load

    overrides: dict[str, object] = dict(more or {})
    if host is not None:
        overrides["broker.host"] = host
    if port is not None:
        overrides["broker.port"] = port
    return load(config, os.environ, overrides)


@asynccontextmanager
async def on_the_bus(
    config: Path | None,
    host: str | None,
    port: int | None,
    login: str | None,
    home: str | None = None,
) -> AsyncIterator["Mesh"]:
    """A connection to the bus that the options or the configuration name, else the remembered one.

    The login is the given one, else the one that the configuration uses at the broker, else "cli".
    """
    import msgspec

    from daemon import logs
    from daemon.asking import MeshError
    from daemon.cli_find import reached
    from daemon.mesh import Mesh
    from daemon.reach import by_certificate, refusal

    broker = commands_broker(await reached(config, host, port))
    if by_certificate(broker) and login not in {None, broker.username}:
        raise CommandError(
            f"--login {login}: the certificate says that this is {broker.username or 'somebody'};"
            " name the configuration of the other login with --config",
            USAGE,
        )
    if login is not None and broker.username:
        broker = msgspec.structs.replace(broker, username=login)
    logs.silence()
    if why := refusal(broker):
        raise CommandError(why, USAGE)
    mesh = Mesh(login=_checked(login or broker.username or "cli"), broker=broker, home=home)
    try:
        await mesh.__aenter__()
    except MeshError as error:
        raise CommandError(str(error), UNREACHABLE) from None
    try:
        yield mesh
    finally:
        await mesh.__aexit__(None, None, None)


def commands_broker(config: "Config") -> "BrokerConfig":
    """The broker as a command reaches it: under the login for commands where the node's has its own."""
    if config.broker.tls_cert is None:
        return config.broker
    from daemon.login_files import for_commands
    from daemon.private_files import PrivateFileError

    try:
        return for_commands(config.broker, config.node.id)
    except PrivateFileError as error:
        raise CommandError(str(error), USAGE) from None


def _checked(login: str) -> str:
    import re

    from bus_topics.messages import NODE_PATTERN

    if not re.match(NODE_PATTERN, login):
        raise CommandError(
            f"{login!r} cannot be a login; take up to 31 lower-case letters, digits and hyphens",
            USAGE,
        )
    return login
