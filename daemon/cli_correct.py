"""`forgebus correct`: an answer was wrong; this is the right one. And what is kept of it here."""

import asyncio
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from daemon.cli_options import (
    DONE,
    FAILED,
    USAGE,
    CommandError,
    ConfigFile,
    Host,
    Json,
    Login,
    Port,
    on_the_bus,
    settings,
)

if TYPE_CHECKING:
    from daemon.mesh import Mesh
    from handlers.corrections_store import Store

DEADLINE_S = 30.0
ALL = "all"

_Where = tuple[Path | None, str | None, int | None, str | None]


class _Corrected(NamedTuple):
    """Where a correction goes, and what it says."""

    node: str
    privacy: str
    said: dict[str, Any]


def correct(
    task: Annotated[
        str | None, typer.Argument(help="The task as `forgebus tasks` names it, or its id.")
    ] = None,
    *,
    intents: Annotated[
        str | None,
        typer.Option(
            "--intents",
            help="home_control: the right commands, as its answer has them.",
            metavar="JSON|@FILE|-",
        ),
    ] = None,
    label: Annotated[
        str | None, typer.Option("--label", help="intent_classification: the right label.")
    ] = None,
    wrong: Annotated[
        bool, typer.Option("--wrong", help="home_control: nothing should have been done.")
    ] = False,
    content: Annotated[
        str | None,
        typer.Option(
            "--content",
            help="What had been asked, for a node that has forgotten the task; for operators.",
            metavar="JSON|@FILE|-",
        ),
    ] = None,
    node: Annotated[
        str | None, typer.Option("--node", help="With --content: the node that is to learn.")
    ] = None,
    listed: Annotated[
        bool, typer.Option("--list", help="Show what this machine's node keeps; reads its folder.")
    ] = False,
    forget: Annotated[
        str | None,
        typer.Option(
            "--forget", help="Drop a correction of this machine's node, or all.", metavar="ID|all"
        ),
    ] = None,
    json: Json = False,
    home: Annotated[
        str | None, typer.Option("--home", help="The node that owned the task.")
    ] = None,
    config: ConfigFile = None,
    host: Host = None,
    port: Port = None,
    login: Login = None,
) -> int:
    """Tell a node what it should have answered; it keeps that to learn from, if its owner wants it."""
    if listed or forget is not None:
        if task or intents or label or wrong or content or (listed and forget is not None):
            raise CommandError("--list and --forget stand alone", USAGE)
        return _list(config, json=json) if listed else _forget(config, str(forget), json=json)
    said = _said(intents, label, content, wrong=wrong)
    if (task is None) == (content is None):
        raise CommandError("give the TASK, or --content where it is forgotten", USAGE)
    if content is not None and node is None:
        node = settings(config).node.id
    where = (config, host, port, login)
    return asyncio.run(_correct(where, task, home, node, said, json=json))


def _said(
    intents: str | None, label: str | None, content: str | None, *, wrong: bool
) -> dict[str, Any]:
    """What the correction says, but for its task."""
    from daemon.cli_ask import _json

    if (intents is not None) + (label is not None) + wrong != 1:
        raise CommandError("say one of --intents, --label and --wrong", USAGE)
    said: dict[str, Any] = {"wrong": True} if wrong else {"label": label}
    if intents is not None:
        said = {"intents": _json(intents)}
    if content is not None:
        capability = "intent_classification" if label is not None else "home_control"
        said |= {"capability": capability, "content": _json(content)}
    return said


async def _correct(
    where: _Where,
    task: str | None,
    home: str | None,
    node: str | None,
    said: dict[str, Any],
    *,
    json: bool,
) -> int:
    from daemon.asking import Rejected
    from daemon.plain import as_json, plain, printable
    from handlers.corrections_envelope import CAPABILITY

    async with on_the_bus(*where) as mesh:
        order = _Corrected(node or "", "open", said)
        if task is not None:
            order = await _of_task(mesh, task, home, said)
        if not await mesh.can(order.node, CAPABILITY):
            raise CommandError(
                f"{order.node} takes no corrections now: it is not on the bus, or learning is off "
                "there ([learning] corrections = true in its configuration)"
            )
    # Said to the node that answered itself, which believes the broker alone on who speaks.
    async with on_the_bus(*where, order.node) as mesh:
        try:
            final = await mesh.delegate(
                order.node,
                CAPABILITY,
                order.said,
                privacy=order.privacy,
                deadline_ms=round(DEADLINE_S * 1000),
            )
        except Rejected as rejected:
            raise CommandError(f"not taken, {rejected}") from None
    if final.outcome.value != "done" or final.result is None:
        raise CommandError(f"not kept: {final.error or final.outcome.value}")
    told = plain(final.result)
    if json:
        print(as_json({"node": order.node, **told}))
    else:
        kept = f"{order.node} keeps it as {told['stored']}, one of {told['corrections']}"
        print(printable(kept))
    return DONE


async def _of_task(mesh: "Mesh", task: str, home: str | None, said: dict[str, Any]) -> _Corrected:
    """The node that answered a task, and how private that was."""
    from daemon.cli_look import find_record
    from handlers.corrections_envelope import CORRECTABLE

    _, record = await find_record(mesh, task, home)
    if record.capability not in CORRECTABLE:
        raise CommandError(
            f"{record.task} is a task of {record.capability}, which learns from no correction; "
            f"{' and '.join(CORRECTABLE)} do",
            USAGE,
        )
    if record.node is None:
        raise CommandError(f"{record.task} has no answer that could be corrected", FAILED)
    return _Corrected(record.node, record.privacy.value, said | {"task": record.task})


def _store(config: Path | None) -> "Store":
    """What this machine's node keeps."""
    from handlers.corrections_store import Store
    from handlers.learned_models import FOLDER

    found = settings(config)
    return Store(found.node.state_dir / FOLDER, found.learning.keep_days)


def _list(config: Path | None, *, json: bool) -> int:
    from daemon import show
    from daemon.plain import as_json, plain
    from handlers.protocol import Unavailable

    try:
        kept = _store(config).read()
    except Unavailable as fault:
        raise CommandError(str(fault)) from None
    if json:
        print(as_json({"corrections": [plain(one) for one in kept]}))
        return DONE
    made = show.table("id", "days", "capability", "by", "said", "right", right=("days",))
    for one in kept:
        days = f"{(time.time() - one.at) / 86_400:.0f}"
        right = one.right.label or "; ".join(
            " ".join((intent.name, *intent.entities)) for intent in one.right.intents
        )
        said = plain(one.content)
        text = said if isinstance(said, str) else str(said.get("text", ""))
        show.row(made, one.id, days, one.capability, one.by, text, right or "nothing")
    show.console().print(made)
    return DONE


def _forget(config: Path | None, which: str, *, json: bool) -> int:
    import shutil

    from daemon.plain import as_json
    from handlers.learned_models import COURSE, FOLDER
    from handlers.protocol import Unavailable

    try:
        count = _store(config).forget(() if which == ALL else (which,))
    except Unavailable as fault:
        raise CommandError(str(fault)) from None
    for unfinished in (settings(config).node.state_dir / FOLDER).glob(f"{COURSE}*"):
        shutil.rmtree(unfinished, ignore_errors=True)  # its rows have the sentence too
    if not count and which != ALL:
        raise CommandError(f"no correction {which!r} is kept; see `forgebus correct --list`")
    if json:
        print(as_json({"forgotten": count}))
    else:
        more = "; what was learnt from it goes with the next `forgebus learn`" if count else ""
        print(f"forgot {count}{more}")
    return DONE
