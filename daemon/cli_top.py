"""`forgebus top`: the whole bus at a glance, for as long as one looks."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from daemon.cli_options import (
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
    from daemon.board import Board
    from daemon.mesh import Mesh

DRAW_S, LISTEN_S = 0.5, 1.0
ASK_S, ASK_EACH_S = 2.0, 0.2
"""The homes are asked again after so long, and so much longer for each of them."""
LATEST = 50
"""Tasks that each home is asked for."""

_Where = tuple[Path | None, str | None, int | None, str | None]


def top(
    once: Annotated[bool, typer.Option("--once", help="Print one frame and leave.")] = False,
    json: Json = False,
    config: ConfigFile = None,
    host: Host = None,
    port: Port = None,
    login: Login = None,
) -> None:
    """Watch the whole bus: nodes, queues, what runs, rates, the last events. q or Ctrl-C leaves.

    Without a terminal it prints one frame, as with --once.
    """
    where = (config, host, port, login)
    live = sys.stdout.isatty() and sys.stdin.isatty()
    asyncio.run(_watch(where) if live and not once and not json else _once(where, json=json))


async def _once(where: _Where, *, json: bool) -> None:
    """One frame, with the rates of a moment."""
    from daemon import show
    from daemon.board_view import HEADS, draw
    from daemon.plain import as_json

    async with on_the_bus(*where) as mesh, _board(mesh) as board:
        await asyncio.sleep(LISTEN_S)
        await _ask(mesh, board)
        frame = board.frame(time.monotonic(), linked=mesh.linked)
    if json:
        print(as_json(frame))
    else:
        lines = len(frame.nodes) + len(frame.running) + len(frame.events)
        console = show.console()
        console.print(draw(frame, console.width, HEADS + max(3, lines)))
    if not frame.nodes:
        raise CommandError("no node is on the bus; start one with `forgebus run`", UNREACHABLE)


async def _watch(where: _Where) -> None:
    """Draw until we are told to leave; asking goes on beside it, so a silent home delays nothing."""
    from rich.live import Live

    from daemon import show
    from daemon.board_view import draw

    left = asyncio.Event()
    console = show.console()
    async with on_the_bus(*where) as mesh, _board(mesh) as board, asyncio.TaskGroup() as tasks:
        asking = tasks.create_task(_ask_again(mesh, board))
        leaving = tasks.create_task(left.wait())
        with _keys(left.set), Live(console=console, screen=True, auto_refresh=False) as live:
            while not left.is_set():
                board.nodes(await mesh.nodes())
                frame = board.frame(time.monotonic(), linked=mesh.linked)
                live.update(draw(frame, *console.size, "q leaves"), refresh=True)
                await asyncio.wait((leaving,), timeout=DRAW_S)
        asking.cancel()


@asynccontextmanager
async def _board(mesh: "Mesh") -> AsyncIterator["Board"]:
    """A board that events fall onto while the block runs."""
    from daemon.board import Board

    board = Board(time.monotonic())

    async def listen() -> None:
        async for event in mesh.events():
            board.event(event, time.monotonic())

    async with asyncio.TaskGroup() as tasks:
        listening = tasks.create_task(listen())
        yield board
        listening.cancel()


async def _ask_again(mesh: "Mesh", board: "Board") -> None:
    while True:
        asked = await _ask(mesh, board) if mesh.linked else 0
        await asyncio.sleep(ASK_S + ASK_EACH_S * asked)


async def _ask(mesh: "Mesh", board: "Board") -> int:
    """Every live node for its latest tasks, one after another; how many were asked."""
    from daemon.asking import MeshError

    views = await mesh.nodes()
    board.nodes(views)
    live = [view.id for view in views if view.online]
    for node in live:
        try:
            records = await mesh.report(home=node, limit=LATEST)
        except MeshError:
            board.silent(node)
        else:
            board.report(node, records, time.monotonic())
    return len(live)


@contextmanager
def _keys(leave: Callable[[], None]) -> Iterator[None]:
    """`leave` at q and at every signal to end; afterwards the terminal is as it was."""
    import termios
    import tty

    loop, keyboard = asyncio.get_running_loop(), sys.stdin.fileno()
    before = termios.tcgetattr(keyboard)

    def pressed() -> None:
        typed = os.read(keyboard, 64)
        if not typed or set(typed) & set(b"qQ"):
            loop.remove_reader(keyboard)
            leave()

    tty.setcbreak(keyboard)
    loop.add_reader(keyboard, pressed)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, leave)
    try:
        yield
    finally:
        loop.remove_reader(keyboard)
        termios.tcsetattr(keyboard, termios.TCSADRAIN, before)
