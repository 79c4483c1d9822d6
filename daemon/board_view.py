"""A frame of the board as it is drawn: a line a thing, never more lines or columns than there are. Pure."""

from collections.abc import Iterable, Sequence
from typing import Literal

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from daemon.board import EventLine, Frame, NodeLine, RunningLine
from daemon.plain import printable
from daemon.show import ms, span

NARROW = 80
HEADS = 7
"""Lines that are not of a list: the headline, three heads, and a space above each."""
_STYLES = {"done": "green", "awarded": "cyan", "abstained": "yellow", "cancelled": "yellow"}


def draw(frame: Frame, width: int, height: int, note: str = "") -> RenderableType:
    """The frame in at most `height` lines, 80 or more columns wide; `note` says how it is left."""
    room, spare = max(3, height - HEADS), max(0, width - NARROW)
    nodes, running, events = _dealt(room, len(frame.nodes), len(frame.running), len(frame.events))
    parts: list[RenderableType] = [_headline(frame, note)]
    parts += [Text(""), _nodes(frame.nodes, nodes, spare)]
    parts += [Text(""), _running(frame.running, running, spare)]
    parts += [Text(""), _events(frame.events[:events], spare)]
    return Group(*parts)


def _dealt(room: int, nodes: int, running: int, events: int) -> tuple[int, int, int]:
    """Lines for each list: a fair part, and what one does not need goes to the others, events last."""
    third = max(1, room // 3)
    for_nodes = min(nodes, max(third, room - min(running, third) - min(events, third)))
    for_running = min(running, max(third, room - for_nodes - min(events, third)))
    for_running = min(for_running, max(1, room - for_nodes - 1))
    return for_nodes, for_running, max(1, room - for_nodes - for_running)


def _headline(frame: Frame, note: str) -> Text:
    live = sum(node.online for node in frame.nodes)
    absent = len(frame.nodes) - live
    rates = frame.rates
    lost = sum(rates[kind] for kind in ("failed", "expired", "unknown"))
    words = [
        f"{live} node{'' if live == 1 else 's'}{f' (+{absent} absent)' if absent else ''}",
        f"{frame.queued} queued, {len(frame.running)} running",
        f"{_rate(rates['done'])} done/s",
        f"{_rate(lost)} failed/s",
    ]
    line = Text("forgebus  ", style="bold", no_wrap=True, overflow="ellipsis")
    if not frame.linked:
        line.append("no broker; what follows is old  ", style="bold red")
    line.append("  ".join(words), style="not bold")
    if frame.silent:
        line.append(printable(f"  silent: {', '.join(frame.silent)}"), style="red")
    return line.append(f"  {note}", style="dim not bold")


def _nodes(lines: Sequence[NodeLine], room: int, spare: int) -> Table:
    made = _table("node", "", ">run", ">queue", ">done/s", ">tok/s", "can (* is loaded)")
    shown = lines if len(lines) <= room else lines[: room - 1]
    for node in shown:
        state = Text("online", "green") if node.online else Text(f"gone {span(node.age_s)}", "red")
        can = " ".join(f"{name}*" if name in node.warm else name for name in node.capabilities)
        speed = f"{node.decode_tok_s:.0f}" if node.decode_tok_s else ""
        run = f"{node.running}/{node.slots}"
        rate = _rate(node.done_per_s)
        name, able = _clipped(node.id, 20), _clipped(can, 20 + spare)
        _row(made, name, state, run, str(node.queued), rate, speed, able)
    _more(made, lines, shown)
    return made


def _running(lines: Sequence[RunningLine], room: int, spare: int) -> Table:
    made = _table("running", "capability", "on", ">try", "home", ">for")
    shown = lines if len(lines) <= room else lines[: room - 1]
    for one in shown:
        task, at = _clipped(one.task, 22 + spare), _clipped(one.home, 12)
        capability, node = _clipped(one.capability, 15), _clipped(one.node, 12)
        _row(made, task, capability, node, str(one.attempt), at, span(one.age_s))
    _more(made, lines, shown)
    return made


def _events(lines: Iterable[EventLine], spare: int) -> Table:
    made = _table("event", ">ago", "task", "node", ">try", ">after ms")
    for one in lines:
        style = _STYLES.get(one.kind, "red")
        attempt = str(one.attempt) if one.attempt else ""
        kind = Text(_clipped(one.kind, 9), style)
        task, node = _clipped(one.task, 28 + spare), _clipped(one.node, 12)
        _row(made, kind, span(one.ago_s), task, node, attempt, ms(one.at_ms))
    return made


def _table(*columns: str) -> Table:
    """A table without lines of its own; ">" in front of a name puts its column to the right."""
    made = Table(box=None, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    for column in columns:
        side: Literal["right", "left"] = "right" if column.startswith(">") else "left"
        name = Text(column.lstrip(">"), style="dim")
        made.add_column(name, justify=side, no_wrap=True, overflow="ellipsis")
    return made


def _row(made: Table, *cells: str | Text) -> None:
    made.add_row(*(Text(cell) if isinstance(cell, str) else cell for cell in cells))


def _clipped(text: str, width: int) -> str:
    """One line of at most `width` signs that command nothing; what is too long loses its middle."""
    line = " ".join(printable(text).split())
    if len(line) <= width:
        return line
    return f"{line[: width // 2]}\N{HORIZONTAL ELLIPSIS}{line[width // 2 + 1 - width :]}"


def _more(made: Table, lines: Sequence[object], shown: Sequence[object]) -> None:
    if len(shown) < len(lines):
        made.add_row(Text(f"and {len(lines) - len(shown)} more", style="dim"))


def _rate(value: float) -> str:
    return f"{value:.0f}" if value >= 99.5 else f"{value:.1f}"
