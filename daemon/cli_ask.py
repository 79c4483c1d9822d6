"""`forgebus ask`, `bids` and `cancel`: the requester's commands."""

import asyncio
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import orjson
import typer

from daemon.cli_options import (
    DONE,
    REJECTED,
    UNREACHABLE,
    USAGE,
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
    from daemon.asking import Asking
    from daemon.mesh import Mesh

CANCEL_S, POLL_S = 10.0, 0.1
OVERDUE_S = 5.0
"""How long after its deadline a task's end is waited for."""

Capability = Annotated[str, typer.Argument(help="What is to be done, such as home_control.")]
Words = Annotated[str | None, typer.Argument(help="The sentence or prompt; - reads stdin.")]
Content = Annotated[
    str | None,
    typer.Option(
        "--content",
        help="The content as JSON, @FILE or -; TEXT is put into it.",
        metavar="JSON|@FILE|-",
    ),
]
Prefer = Annotated[
    str | None,
    typer.Option("--prefer", help="local_first, fastest, quality_first or distributed."),
]
Private = Annotated[bool, typer.Option("--private", help="Only the home and its trusted nodes.")]
OnNode = Annotated[str | None, typer.Option("--node", help="This node and no other.")]
Deadline = Annotated[
    float, typer.Option("--deadline", help="Seconds until it expires.", min=0.001, max=604_800)
]
Home = Annotated[str | None, typer.Option("--home", help="The node that owns the task.")]


def ask(
    capability: Capability,
    text: Words = None,
    *,
    content: Content = None,
    why: Annotated[bool, typer.Option("--why", help="Show the bids and the times.")] = False,
    json: Json = False,
    node: OnNode = None,
    prefer: Prefer = None,
    private: Private = False,
    deadline: Deadline = 60.0,
    priority: Annotated[
        int, typer.Option("--priority", help="9 is most urgent.", min=0, max=9)
    ] = 5,
    once: Annotated[
        bool, typer.Option("--once", help="Its effect must start at most once.")
    ] = False,
    max_tokens: Annotated[
        int, typer.Option("--max-tokens", help="Length of the answer.", min=1, max=32_768)
    ] = 64,
    handoff: Annotated[
        bool | None,
        typer.Option(
            "--handoff/--no-handoff",
            help="What a model abstains from goes to a better node; the home decides by default.",
        ),
    ] = None,
    provenance: Annotated[
        bool, typer.Option("--provenance", help="Tell node, handler, attempt, model, release.")
    ] = False,
    name: Annotated[
        str | None, typer.Option("--id", help="The task's id; the same again is safe.")
    ] = None,
    home: Home = None,
    config: ConfigFile = None,
    host: Host = None,
    port: Port = None,
    login: Login = None,
) -> int:
    """Have a task done and print its answer as it comes. Ctrl-C cancels it."""
    fields = {
        "node": node,
        "preference": prefer,
        "privacy": "private" if private else None,
        "deadline_ms": max(1, round(deadline * 1000)),
        "priority": priority,
        "once": once,
        "max_tokens": max_tokens,
        "handoff": handoff,
        "provenance": provenance,
        "id": name,
    }
    submit = _checked(capability, _content(capability, text, content), fields)
    return asyncio.run(_ask(submit, (config, host, port, login, home), json=json, why=why))


def bids(
    capability: Capability,
    text: Words = None,
    *,
    content: Content = None,
    json: Json = False,
    node: OnNode = None,
    prefer: Prefer = None,
    private: Private = False,
    max_tokens: Annotated[
        int, typer.Option("--max-tokens", help="Length of the answer.", min=1, max=32_768)
    ] = 64,
    home: Home = None,
    config: ConfigFile = None,
    host: Host = None,
    port: Port = None,
    login: Login = None,
) -> int:
    """Show who would do it at what price, and who would win and why. Nobody is given the task."""
    body = None if text is None and content is None else _content(capability, text, content)
    fields = {
        "node": node,
        "preference": prefer,
        "privacy": "private" if private else None,
        "max_tokens": max_tokens,
    }
    submit = _checked(capability, body, fields)
    return asyncio.run(_bids(submit, (config, host, port, login, home), json=json))


def cancel(
    task: Annotated[str, typer.Argument(help="The task as `forgebus tasks` names it, or its id.")],
    json: Json = False,
    home: Home = None,
    config: ConfigFile = None,
    host: Host = None,
    port: Port = None,
    login: Login = None,
) -> int:
    """Say that a task's answer is no longer wanted."""
    return asyncio.run(_cancel(task, (config, host, port, login, home), json=json))


_Where = tuple[Path | None, str | None, int | None, str | None, str | None]


async def _ask(submit: "m.Submit", where: _Where, *, json: bool, why: bool) -> int:
    from daemon.asking import Rejected

    async with on_the_bus(*where) as mesh:
        asking = await mesh.submit(**_arguments(submit, stream=not json))
        _cancel_on_interrupt(asking)
        patience_s = submit.deadline_ms / 1000 + OVERDUE_S
        try:
            async with asyncio.timeout(patience_s):
                final, written = await _follow(asking, json=json)
        except TimeoutError:
            raise CommandError(
                f"{asking.home} has not told the end of {asking.task}, which is overdue by"
                f" {OVERDUE_S:.0f} s; ask again with `forgebus why {asking.task}`",
                UNREACHABLE,
            ) from None
        except Rejected as rejected:
            if json:
                print(_rejection(asking, rejected.rejection))
            raise CommandError(f"not taken, {rejected}", REJECTED) from None
        record = await _record(mesh, asking) if why else None
        if json:
            print(_finished(asking, final, record, why=why))
        else:
            _print_answer(submit.capability, asking, final, record, written)
    if final.outcome.value != "done":
        raise CommandError(f"{asking.task} {final.outcome.value}: {final.error or 'no reason'}")
    return DONE


async def _follow(asking: "Asking", *, json: bool) -> "tuple[m.Final, str]":
    """Write the streamed text as it comes; the end, and what was written."""
    from daemon.asking import Unfinished
    from daemon.plain import printable

    written, attempt = "", 0
    try:
        async for chunk in asking:
            if json or not chunk.attempt:  # without an attempt it is the whole result, not a stream
                continue
            if attempt and chunk.attempt > attempt:
                print(f"\n[attempt {chunk.attempt}: the text begins anew]", file=sys.stderr)
                written = ""
            attempt = chunk.attempt
            written += chunk.text
            print(printable(chunk.text), end="", flush=True)
    except Unfinished as unfinished:
        return unfinished.final, written
    return await asking.final(), written


def _cancel_on_interrupt(asking: "Asking") -> None:
    """The first Ctrl-C cancels the task, whose final is then waited for; the second leaves."""
    loop, command = asyncio.get_running_loop(), asyncio.current_task()
    cancels: list[asyncio.Task[None]] = []

    def interrupted() -> None:
        if cancels and command is not None:
            command.cancel()
            return
        print("\ncancelling; Ctrl-C again to leave", file=sys.stderr)
        cancels.append(loop.create_task(asking.cancel()))
        if command is not None:
            loop.call_later(CANCEL_S, command.cancel)

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, interrupted)


def _print_answer(
    capability: str,
    asking: "Asking",
    final: "m.Final",
    record: "m.TaskRecord | None",
    written: str,
) -> None:
    from daemon import show
    from daemon.plain import plain

    out = show.console()
    result = plain(final.result) if final.result is not None else None
    whole = str(result.get("text", "")) if isinstance(result, dict) else ""
    if capability == "text_generation" and written and whole.startswith(written):
        # What the stream has lost, and a newline.
        out.print(show.words(whole.removeprefix(written)))
    elif result is not None:
        if written:
            out.print()
        out.print(show.answer(capability, result))
    elif written:
        out.print()
    if record is not None:
        out.print()
        out.print(show.why(record))
    elif final.provenance is not None:
        show.console(stderr=True).print(show.provenance(final.provenance))
    elif out.is_terminal:
        show.console(stderr=True).print(show.summary(final, asking.home, asking.task))


async def _record(mesh: "Mesh", asking: "Asking") -> "m.TaskRecord | None":
    records = await mesh.report(asking.task, home=asking.home)
    return records[0] if records else None


def _finished(
    asking: "Asking", final: "m.Final", record: "m.TaskRecord | None", *, why: bool
) -> str:
    from daemon.plain import as_json, plain

    told = {"task": asking.task, "home": asking.home, **plain(final)}
    del told["id"]
    return as_json(told | ({"why": record} if why else {}))


def _rejection(asking: "Asking", rejection: "m.Rejected") -> str:
    from daemon.plain import as_json

    told = {"task": asking.task, "home": asking.home, "rejected": rejection.code}
    more = {"reason": rejection.reason, "retry_after_ms": rejection.retry_after_ms}
    return as_json(told | more)


async def _bids(submit: "m.Submit", where: _Where, *, json: bool) -> int:
    from daemon import show
    from daemon.asking import Unfinished
    from daemon.plain import as_json

    async with on_the_bus(*where) as mesh:
        arguments = _arguments(submit)
        try:
            decision = await mesh.negotiate(**arguments)
        except Unfinished as unfinished:
            raise CommandError(str(unfinished)) from None
    if json:
        print(as_json(decision))
    else:
        show.console().print(show.bids(decision))
    if decision.winner is None:
        raise CommandError(
            f"nobody would take {submit.capability} now: {decision.reason};"
            " see `forgebus nodes` for what is offered"
        )
    return DONE


async def _cancel(task: str, where: _Where, *, json: bool) -> int:
    from daemon.cli_look import find_record
    from daemon.plain import as_json, printable

    async with on_the_bus(*where) as mesh:
        home, record = await find_record(mesh, task, where[4])
        sender, _, id_ = record.task.partition("/")
        if sender != mesh.login:
            raise CommandError(
                f"{record.task} is {sender}'s task, and only its requester may cancel it", USAGE
            )
        record = await _cancelled(mesh, home, record, id_)
    if json:
        print(as_json({"task": record.task, "home": home, "outcome": record.outcome}))
    else:
        state = record.outcome.value if record.outcome else record.state
        print(printable(f"{record.task} {state}"))
    if record.outcome is None or record.outcome.value != "cancelled":
        state = record.outcome.value if record.outcome else record.state
        raise CommandError(f"{record.task} was not cancelled: it is {state}")
    return DONE


async def _cancelled(mesh: "Mesh", home: str, record: "m.TaskRecord", id_: str) -> "m.TaskRecord":
    """The task's record once it has ended, or after `CANCEL_S`."""
    for turn in range(round(CANCEL_S / POLL_S)):
        if record.outcome is not None:
            break
        if turn % 10 == 0:
            await mesh.cancel(id_, home)
        await asyncio.sleep(POLL_S)
        record = (await mesh.report(record.task, home=home))[0]
    return record


def _arguments(submit: "m.Submit", **more: object) -> dict[str, Any]:
    """A submit as the arguments of `Mesh.submit`; defaults are left to it."""
    names = ("id", "preference", "privacy", "once", "node", "deadline_ms", "priority")
    told: dict[str, Any] = {name: getattr(submit, name) for name in names}
    told |= {name: getattr(submit, name) for name in ("max_tokens", "handoff", "provenance")}
    if told["id"] == _NO_ID:
        del told["id"]
    return {"capability": submit.capability, "content": submit.content, **told, **more}


_NO_ID = "unnamed"


def _checked(capability: str, content: object, fields: dict[str, Any]) -> "m.Submit":
    """The task, or an error that names the option at fault, before anything is connected."""
    import msgspec

    from bus_topics import codec
    from bus_topics import messages as m
    from bus_topics.errors import WireError

    given = {name: value for name, value in fields.items() if value is not None}
    try:
        raw = msgspec.Raw(orjson.dumps(content))
        named = {"id": _NO_ID, **given, "capability": capability, "content": raw}
        submit = msgspec.convert(named, m.Submit)
        codec.encode(submit)
    except (msgspec.ValidationError, WireError, TypeError) as error:
        what = str(error).replace("`$.preference`", f"--prefer, one of {', '.join(m.Preference)}")
        raise CommandError(f"this cannot be asked: {what}", USAGE) from None
    return submit


def _content(capability: str, text: str | None, content: str | None) -> object:
    """The content that TEXT and --content make together."""
    words = sys.stdin.read() if text == "-" else text
    if content is None:
        if words is None:
            raise CommandError("nothing to ask: give TEXT or --content", USAGE)
        return words
    given = _json(content)
    if words is None:
        return given
    if not isinstance(given, dict):
        raise CommandError("--content must be a JSON object where TEXT is given too", USAGE)
    return given | {"prompt" if capability == "text_generation" else "text": words}


def _json(content: str) -> object:
    where = "--content"
    try:
        if content == "-":
            where, content = "stdin", sys.stdin.read()
        elif content.startswith("@"):
            where = content[1:]
            content = Path(where).read_text(encoding="utf-8")
        return orjson.loads(content)
    except OSError as error:
        raise CommandError(f"{where} cannot be read: {error.strerror}", USAGE) from None
    except ValueError as error:
        raise CommandError(
            f"{where} is not JSON: {error}; a bare text goes as TEXT", USAGE
        ) from None
