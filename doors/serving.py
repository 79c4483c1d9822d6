"""All doors that the configuration opens, in one process with one login on the bus.

    OpenAI client ── HTTP ─────▶ openai_door ──┐
                                               ├──▶ Mesh ── submit ──▶ home ─▶ auction …
    Assist ───────── Wyoming ──▶ wyoming_door ─┘

A door is a requester like any other app: it has the rights and the budget of its login, and owns nothing.
"""

import asyncio
import contextlib
import importlib
from contextlib import AbstractAsyncContextManager, AsyncExitStack
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
    """Open them, and keep them open until `stopping`; then what is being answered is ended."""
    mesh = await _connected(config, stopping)
    if mesh is None:
        return
    async with AsyncExitStack() as stack:
        stack.push_async_exit(mesh)
        for name in opened(config):
            await stack.enter_async_context(_door(name, config, mesh))
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


async def _connected(config: Config, stopping: asyncio.Event) -> Mesh | None:
    """On the bus, however long the broker takes to come; None when we were stopped before."""
    told = ""
    while not stopping.is_set():
        mesh = Mesh(login=config.doors.login, broker=doors_broker(config))
        try:
            return await mesh.__aenter__()
        except MeshError as error:
            if str(error) != told:
                _log.warning("no-bus", reason=str(error))
            told = str(error)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stopping.wait(), RETRY_S)
    return None


def _door(name: str, config: Config, mesh: Mesh) -> AbstractAsyncContextManager[None]:
    """Listening when entered; each module has an `open_door` of this form."""
    door = importlib.import_module(f"doors.{name}_door")
    opened_door: AbstractAsyncContextManager[None] = door.open_door(config, mesh)
    return opened_door


def _watchdog(mesh: Mesh) -> None:
    if mesh.linked:
        notify.watchdog()
