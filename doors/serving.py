"""All doors that the configuration opens, in one process with one login on the bus.

    OpenAI client ── HTTP ─────▶ openai_door ──┐
                                               ├──▶ Mesh ── submit ──▶ home ─▶ auction …
    Assist ───────── Wyoming ──▶ wyoming_door ─┘

A door is a requester like any other app: it has the rights and the budget of its login, and owns nothing.
"""

import asyncio
import importlib
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from functools import partial
from typing import Any

import msgspec
import structlog

from daemon import notify
from daemon.alarm import every
from daemon.asking import MeshError
from daemon.config import BrokerConfig, Config
from daemon.mesh import Mesh

RETRY_S = 2.0

_log = structlog.get_logger("doors")


def opened(config: Config) -> list[str]:
    """The doors that this configuration opens, by the names of their sections."""
    return [
        name
        for name, listen in (("openai", config.openai.listen), ("wyoming", config.wyoming.listen))
        if listen
    ]


async def serve(config: Config, stopping: asyncio.Event) -> None:
    """Open them, and keep them open until `stopping`; then what is being answered is ended.

    Raises ConfigError where a door cannot be opened: for a file at once, before there is a broker.
    """
    doors = [importlib.import_module(f"doors.{name}_door") for name in opened(config)]
    for door in doors:
        door.check(config)
    mesh = await _unless(stopping, _connected(config))
    if mesh is None:
        return
    async with AsyncExitStack() as stack:
        stack.push_async_exit(mesh)
        for door in doors:
            await stack.enter_async_context(door.open_door(config, mesh))
        notify.ready()
        async with asyncio.TaskGroup() as tasks:
            interval = notify.watchdog_interval_s() or 5.0
            watching = tasks.create_task(every(interval, partial(_watchdog, mesh)))
            await stopping.wait()
            notify.stopping()
            watching.cancel()


def doors_broker(config: Config) -> BrokerConfig:
    """The broker as the doors reach it: under their own login where the node has one."""
    doors, broker = config.doors, config.broker
    own: dict[str, Any] = {
        key: value
        for key in ("password_file", "tls_cert", "tls_key")
        if (value := getattr(doors, key)) is not None
    }
    if own or broker.username:
        own["username"] = doors.login
    return msgspec.structs.replace(broker, **own)


async def _connected(config: Config) -> Mesh:
    """On the bus, however long the broker takes to come."""
    told = ""
    while True:
        mesh = Mesh(login=config.doors.login, broker=doors_broker(config))
        try:
            return await mesh.__aenter__()
        except MeshError as error:
            if str(error) != told:
                _log.warning("no-bus", reason=str(error))
            told = str(error)
        await asyncio.sleep(RETRY_S)


async def _unless(stopping: asyncio.Event, doing: Coroutine[Any, Any, Mesh]) -> Mesh | None:
    """What comes of it; None, and it is cancelled, where we are stopped before."""
    done, stopped = asyncio.create_task(doing), asyncio.create_task(stopping.wait())
    try:
        await asyncio.wait((done, stopped), return_when=asyncio.FIRST_COMPLETED)
        return done.result() if done.done() else None
    finally:
        for task in (done, stopped):
            task.cancel()
        await asyncio.gather(done, stopped, return_exceptions=True)


def _watchdog(mesh: Mesh) -> None:
    if mesh.at_work:
        notify.watchdog()
