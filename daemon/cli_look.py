"""`forgebus nodes`, `tasks` and `why`: the commands that only look."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from daemon.cli_options import (
    FAILED,
    UNREACHABLE,
    CommandError,
    ConfigFile,
    Host,
    Json,
    Login,
    Port,
    on_the_bus,
)

if TYPE_CHECKING:
    from bus_topics import messages as m
    from daemon.mesh import Mesh

WATCH_S = 1.0

_Where = tuple[Path | None, str | None, int | None, str | None]
Home = Annotated[str | None, typer.Option("--home", help="Ask this node only.")]


def nodes(
    json: Json = False,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Stay, and show changes.")] = False,
    config: ConfigFile = None,
    host: Host = None,
    port: Port = None,
    login: Login = None,
) -> None:
    """Show the nodes on the bus: what each can do, how fast, on what."""
    where = (config, host, port, login)
    asyncio.run(_watch(where) if watch and not json else _nodes(where, json=json))


def tasks(
    limit: Annotated[int, typer.Option("--limit", "-n", help="How many.", min=1, max=100)] = 20,
    json: Json = False,
    home: Home = None,
    config: ConfigFile = None,
    host: Host = None,
    port: Port = None,
    login: Login = None,
) -> None:
    """Show the latest tasks of all homes, newest first."""
    asyncio.run(_tasks((config, host, port, login), home, limit, json=json))


def why(
    task: Annotated[str, typer.Argument(help="As `forgebus tasks` names it, or its id.")],
    json: Json = False,
    home: Home = None,
    config: ConfigFile = None,
    host: Host = None,
    port: Port = None,
    login: Login = None,
) -> None:
    """Tell a task's story: who bid what, how it was corrected, who won and why, and each step's time."""
    asyncio.run(_why(task, home, (config, host, port, login), json=json))


async def find_record(mesh: "Mesh", task: str, home: str | None) -> "tuple[str, m.TaskRecord]":
    """The home that knows the task, and the task's story there. An id alone is a task of our own."""
    from daemon.asking import MeshError, Rejected

    key = _checked(task if "/" in task else f"{mesh.login}/{task}")
    why_not = ""
    for node in await _homes(mesh, home):
        try:
            records = await mesh.report(key, home=node)
        except Rejected as rejected:
            if rejected.rejection.code.value == "denied":
                why_not = rejected.rejection.reason
        except MeshError as error:
            why_not = str(error)
        else:
            if records:
                return node, records[0]
    if why_not:
        raise CommandError(why_not)
    known = "no live node knows" if home is None else f"{home} does not know"
    raise CommandError(f"{known} the task {key}; `forgebus tasks` lists the latest", FAILED)


async def _homes(mesh: "Mesh", home: str | None) -> list[str]:
    """The nodes to ask for a record: the given one, or all that are live, this login's hub first."""
    views = await mesh.nodes()
    live = [view.id for view in views if view.online]
    if home is not None:
        return [home]
    if not live:
        raise CommandError("no node is on the bus; start one with `forgebus run`", UNREACHABLE)
    hubs = {view.id for view in views if view.card is not None and view.card.hub}
    return sorted(live, key=lambda node: (node not in hubs, node))


async def _nodes(where: _Where, *, json: bool) -> None:
    from daemon import show
    from daemon.plain import as_json

    async with on_the_bus(*where) as mesh:
        views = await mesh.nodes()
    if json:
        print(as_json({"nodes": views}))
    else:
        show.console().print(show.nodes(views))
    if not views:
        raise CommandError("no node is on the bus; start one with `forgebus run`", UNREACHABLE)


async def _watch(where: _Where) -> None:
    from rich.live import Live

    from daemon import show

    async with on_the_bus(*where) as mesh:
        with Live(console=show.console(), auto_refresh=False) as live:
            while True:
                live.update(show.nodes(await mesh.nodes()), refresh=True)
                await asyncio.sleep(WATCH_S)


async def _tasks(where: _Where, home: str | None, limit: int, *, json: bool) -> None:
    from daemon import show
    from daemon.asking import MeshError
    from daemon.plain import as_json

    found: list[m.TaskRecord] = []
    silent = ""
    async with on_the_bus(*where) as mesh:
        for node in await _homes(mesh, home):
            try:
                found += await mesh.report(home=node, limit=limit)
            except MeshError as error:
                silent = str(error)
    latest = sorted(found, key=lambda record: record.age_ms)[:limit]
    if json:
        print(as_json({"tasks": latest}))
    elif latest:
        show.console().print(show.tasks(latest))
    elif not silent:
        print('no task yet; try: forgebus ask text_generation "Once upon a time"')
    if silent:
        raise CommandError(silent, UNREACHABLE)


async def _why(task: str, home: str | None, where: _Where, *, json: bool) -> None:
    from daemon import show
    from daemon.plain import as_json, plain

    async with on_the_bus(*where) as mesh:
        at, record = await find_record(mesh, task, home)
    if json:
        print(as_json({"home": at, **plain(record)}))
    else:
        show.console().print(show.why(record))


def _checked(key: str) -> str:
    import re

    from bus_topics.messages import TASK_PATTERN
    from daemon.cli_options import USAGE

    if not re.match(TASK_PATTERN, key):
        raise CommandError(f"{key!r} is no task; one is called <login>/<id>", USAGE)
    return key
