"""`forgebus run`: a node, and beside it a private broker where none answers."""

import asyncio
import os
import signal
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from daemon.cli_options import (
    DONE,
    USAGE,
    CommandError,
    ConfigFile,
    Host,
    Port,
    settings,
)

if TYPE_CHECKING:
    from daemon.broker import Broker
    from daemon.config import Config
    from daemon.service import Node

STOPPED_AT_ONCE = 130


def run(
    config: ConfigFile = None,
    profile: Annotated[
        str | None,
        typer.Option("--profile", help="Instead of --config: a shipped one, such as pi_zero."),
    ] = None,
    name: Annotated[str | None, typer.Option("--id", help="This node's id on the bus.")] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set", help="Override one key; the value is TOML.", metavar="SECTION.KEY=VALUE"
        ),
    ] = None,
    host: Host = None,
    port: Port = None,
) -> int:
    """Run a node until SIGTERM or Ctrl-C; a second one ends it at once.

    Where no broker is configured, the remembered bus is used. Where the configuration says loopback and no
    broker answers there, a private one is started.
    """
    if config is not None and profile is not None:
        raise CommandError("--config and --profile are two names of one file; give one", USAGE)
    overrides = _overrides(set_ or [])
    if name is not None:
        overrides["node.id"] = name
    chosen = profile_path(profile) if profile is not None else config
    loaded = settings(chosen, host, port, overrides)
    from daemon import logs
    from daemon.cli_find import with_bus
    from daemon.config import names_broker
    from daemon.reach import is_loopback, refusal

    given = host or port or {"broker.host", "broker.port"} & overrides.keys()
    unnamed = not given and not names_broker(chosen, os.environ)
    if unnamed:
        loaded = asyncio.run(with_bus(chosen, loaded, daemon=True))
    logs.set_up(loaded.node.log_level, loaded.node.log_format)
    if why := refusal(loaded.broker):
        raise CommandError(why, USAGE)
    _check_login(loaded)
    return asyncio.run(_run(loaded, alone=unnamed and is_loopback(loaded.broker.host)))


def _check_login(config: "Config") -> None:
    """A broker without an access list takes any login; one with a list would refuse all we send."""
    import structlog

    login, node = config.broker.username, config.node.id
    if login not in {"", node}:
        remedy = "log in as the node's id, or an access list refuses what it sends"
        structlog.get_logger("node").warning(
            "login-is-not-id", login=login, node=node, remedy=remedy
        )


async def _run(config: "Config", *, alone: bool) -> int:
    """The node, and beside it a broker where none answers. `alone`: nobody has said which broker."""
    from daemon.cli_find import tell_of_others
    from daemon.cli_hardware import usable_share
    from daemon.service import Node

    beside = await _private_broker(config)
    try:
        async with asyncio.TaskGroup() as tasks:
            node = Node(config, look=usable_share)
            ended = on_signals(node.stop)
            beyond = [tasks.create_task(tell_of_others(config))] if alone else []
            if beside is not None:
                beyond.append(tasks.create_task(beside.supervise()))
            with _observed(config, node):
                await node.run()
            for task in beyond:
                task.cancel()
    except asyncio.CancelledError:
        if not ended.is_set():
            raise
        return STOPPED_AT_ONCE
    finally:
        if beside is not None:
            await beside.stop()
    return DONE


@contextmanager
def _observed(config: "Config", node: "Node") -> Iterator[None]:
    """Metrics and health beside the node, where the configuration wants them told."""
    if not config.observability.listen:
        yield
        return
    from daemon.exposition import Exposition, ExpositionError

    try:
        with Exposition(config.observability, node.observer):
            yield
    except ExpositionError as error:
        raise CommandError(str(error)) from None


async def _private_broker(config: "Config") -> "Broker | None":
    """Started, where the configuration wants one on loopback and none answers there."""
    from daemon.broker import Broker, answers
    from daemon.reach import is_loopback

    there = config.broker
    if there.start == "never" or not is_loopback(there.host):
        return None
    if await answers(there.host, there.port):
        return None
    private = Broker(config.node.state_dir / "broker", there.port)
    await private.start()
    return private


def on_signals(stop: Callable[[], None]) -> asyncio.Event:
    """First signal: `stop`. Second: the calling task is cancelled, and the event says so."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    stopping, at_once = asyncio.Event(), asyncio.Event()

    def received() -> None:
        if stopping.is_set() and task is not None:
            at_once.set()
            task.cancel()
        stopping.set()
        stop()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, received)
    return at_once


def profile_path(name: str) -> Path:
    """The shipped file of a profile. Raises CommandError when there is none of that name."""
    from daemon.config import shipped

    folder = shipped("configs")
    path = folder / f"{name}.toml"
    known = sorted(each.stem for each in folder.glob("*.toml"))
    if name not in known:
        raise CommandError(f"no profile {name!r} in {folder}; there are {', '.join(known)}", USAGE)
    return path


def _overrides(pairs: list[str]) -> dict[str, object]:
    """Each "section.key=value"; a value that is no TOML is a string."""
    found: dict[str, object] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals:
            raise CommandError(f"--set {pair!r}: write it as section.key=value", USAGE)
        try:
            found[key.strip()] = tomllib.loads(f"value = {value}")["value"]
        except tomllib.TOMLDecodeError:
            found[key.strip()] = value
    return found
