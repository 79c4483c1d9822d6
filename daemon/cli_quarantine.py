"""`forgebus quarantine`: what the node of this machine refused; read and cleared beside the node that runs."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from daemon.cli_options import DONE, CommandError, ConfigFile, Json, settings

if TYPE_CHECKING:
    from daemon.config import Config

app = typer.Typer(help="The messages that the node of this machine refused: list, show, clear.")

Limit = Annotated[int, typer.Option("--limit", "-n", help="How many.", min=1, max=1000)]
NodeName = Annotated[str | None, typer.Option("--id", help="The node's id.")]
StateDir = Annotated[Path | None, typer.Option("--state-dir", help="Where its journal is.")]


@app.callback(invoke_without_command=True)
def quarantine(
    context: typer.Context,
    limit: Limit = 20,
    json: Json = False,
    config: ConfigFile = None,
    name: NodeName = None,
    state_dir: StateDir = None,
) -> int:
    """Show the messages that the node of this machine refused, newest first.

    Further: show, clear; `list` is the same. Each has its own --help.
    """
    if context.invoked_subcommand:
        return DONE
    return listed(limit=limit, json=json, config=config, name=name, state_dir=state_dir)


@app.command("list")
def listed(
    limit: Limit = 20,
    json: Json = False,
    config: ConfigFile = None,
    name: NodeName = None,
    state_dir: StateDir = None,
) -> int:
    """The same as `forgebus quarantine`."""
    import time

    from daemon import show
    from daemon.journal import JournalReader
    from daemon.plain import as_json

    with JournalReader.peek(_settings(config, name, state_dir).node.state_dir) as reader:
        refused = reader.quarantined(limit)
    if json:
        print(as_json({"quarantined": refused}))
    elif refused:
        show.console().print(show.quarantine(refused, time.time()))
    else:
        print("nothing was refused")
    return DONE


@app.command("show")
def shown(
    number: Annotated[int, typer.Argument(help="As the list has it.", min=1)],
    json: Json = False,
    config: ConfigFile = None,
    name: NodeName = None,
    state_dir: StateDir = None,
) -> int:
    """One of them with all that is kept of it: at most the first 4096 bytes."""
    import time

    from daemon.journal import JournalReader
    from daemon.plain import as_json, printable

    with JournalReader.peek(_settings(config, name, state_dir).node.state_dir) as reader:
        one = next(iter(reader.quarantined(1, number)), None)
    if one is None:
        raise CommandError(f"no refused message has the number {number}; see `forgebus quarantine`")
    if json:
        print(as_json(one))
        return DONE
    when = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(one.at))
    for label, text in (
        ("came", when),
        ("sender", one.sender),
        ("topic", one.topic),
        ("fault", one.code),
        ("reason", one.reason),
        ("payload", one.payload.decode("utf-8", "backslashreplace")),
    ):
        print(f"{label:8} {printable(' '.join(text.split()))}")
    return DONE


@app.command()
def clear(
    sender: Annotated[str, typer.Option("--sender", help="Of this login alone.")] = "",
    days: Annotated[
        float, typer.Option("--older-than", help="Only what is older, in days.", min=0.0)
    ] = 0.0,
    json: Json = False,
    config: ConfigFile = None,
    name: NodeName = None,
    state_dir: StateDir = None,
) -> int:
    """Delete them: all, or those of a login, or the older ones."""
    from daemon.journal import FILE
    from daemon.journal_prune import clear_quarantine
    from daemon.plain import as_json

    path = _settings(config, name, state_dir).node.state_dir / FILE
    gone = clear_quarantine(path, days * 86_400.0, sender)
    print(as_json({"cleared": gone}) if json else f"{gone} refused messages deleted")
    return DONE


def _settings(config: Path | None, name: str | None, state_dir: Path | None) -> "Config":
    more: dict[str, object] = {} if name is None else {"node.id": name}
    if state_dir is not None:
        more["node.state_dir"] = str(state_dir)
    return settings(config, more=more)
