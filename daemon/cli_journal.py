"""`forgebus journal check`, `backup` and `prune`: what a node has on disk, beside the node that holds it."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from daemon.cli_options import DONE, CommandError, ConfigFile, Json, settings

if TYPE_CHECKING:
    from daemon.config import Config
    from daemon.journal import JournalReader, Loss

app = typer.Typer(
    help="Check, copy or prune the journal of this machine's node; it may run meanwhile.",
    no_args_is_help=True,
)

NodeName = Annotated[str | None, typer.Option("--id", help="The node's id.")]
StateDir = Annotated[Path | None, typer.Option("--state-dir", help="Where its journal is.")]
SHOWN = 50
"""Faults that are shown; `--json` has all."""


@app.command()
def check(
    file: Annotated[
        Path | None, typer.Argument(help="A backup, instead of the node's journal.")
    ] = None,
    json: Json = False,
    config: ConfigFile = None,
    name: NodeName = None,
    state_dir: StateDir = None,
) -> int:
    """Hold it against SQLite's integrity check and our own; exit code 1 when something is wrong."""
    from daemon.journal import JournalError
    from daemon.journal_check import examine
    from daemon.plain import as_json

    path = _journal(config, name, state_dir) if file is None else file
    with _opened(path) as reader:
        found = examine(reader)
        try:
            losses = reader.losses()
        except JournalError:
            losses = []
        version = reader.version
    ok = not found.faults
    if json:
        told = {"ok": ok, "file": path, "schema": version, "losses": losses}
        print(as_json(told | {"rows": found.rows, "faults": found.faults}))
    else:
        _print(path, version, found.rows, found.faults, losses)
    if not ok:
        raise CommandError(
            f"{len(found.faults)} faults in {path}; restore a backup, or start the node: it sets a"
            " damaged file aside and keeps what can be read"
        )
    return DONE


@app.command()
def backup(
    to: Annotated[Path, typer.Argument(help="The new file; one that is there stays.")],
    json: Json = False,
    config: ConfigFile = None,
    name: NodeName = None,
    state_dir: StateDir = None,
) -> int:
    """Copy all that is on disk now into one file, and check the copy."""
    from daemon.journal_check import examine
    from daemon.plain import as_json

    path = _journal(config, name, state_dir)
    with _opened(path) as reader:
        size = reader.backup(to)
    with _opened(to) as copy:
        found = examine(copy)
    if found.faults:
        raise CommandError(f"{to} is as damaged as {path}: {found.faults[0]}; it is kept")
    if json:
        print(as_json({"file": to, "bytes": size, "rows": found.rows}))
    else:
        print(f"{to}: {size} bytes, {_rows(found.rows)}")
    return DONE


@app.command()
def prune(
    keep_days: Annotated[
        float | None,
        typer.Option("--keep-days", help="Instead of auction.keep_days.", min=0.0),
    ] = None,
    keep_mb: Annotated[
        int | None, typer.Option("--keep-mb", help="Instead of auction.keep_mb.", min=0)
    ] = None,
    json: Json = False,
    config: ConfigFile = None,
    name: NodeName = None,
    state_dir: StateDir = None,
) -> int:
    """Delete finished tasks that are too old or too many now; never what is unfinished."""
    from daemon.journal_prune import Limits, prune_file
    from daemon.plain import as_json
    from daemon.pruning import FINISHED, limits

    loaded = _settings(config, name, state_dir)
    usual = limits(loaded.auction)
    chosen = Limits(
        usual.keep_s if keep_days is None else keep_days * 86_400.0,
        usual.most_bytes if keep_mb is None else keep_mb * 1_000_000,
    )
    gone = prune_file(_path(loaded), chosen, FINISHED)
    if json:
        print(as_json({"rows": gone.rows, "freed_bytes": gone.bytes, "left_bytes": gone.left}))
    else:
        print(f"{gone.rows} rows deleted, {gone.bytes} bytes freed, {gone.left} bytes in use")
    return DONE


def _settings(config: Path | None, name: str | None, state_dir: Path | None) -> "Config":
    more: dict[str, object] = {} if name is None else {"node.id": name}
    if state_dir is not None:
        more["node.state_dir"] = str(state_dir)
    return settings(config, more=more)


def _path(loaded: "Config") -> Path:
    from daemon.journal import FILE

    return loaded.node.state_dir / FILE


def _journal(config: Path | None, name: str | None, state_dir: Path | None) -> Path:
    return _path(_settings(config, name, state_dir))


def _opened(path: Path) -> "JournalReader":
    from daemon.journal import JournalReader

    if not path.is_file():
        raise CommandError(f"{path}: there is no journal; has a node run with this state_dir?")
    return JournalReader.at(path)


def _rows(rows: dict[str, int]) -> str:
    return ", ".join(f"{count} {table}" for table, count in rows.items())


def _print(
    path: Path, version: int, rows: dict[str, int], faults: Sequence[str], losses: Sequence["Loss"]
) -> None:
    import time

    from daemon.plain import printable

    print(f"{path}: schema {version}, {_rows(rows) or 'no rows could be read'}")
    for fault in faults[:SHOWN]:
        print(f"  wrong: {printable(' '.join(fault.split()))}")
    if len(faults) > SHOWN:
        print(f"  and {len(faults) - SHOWN} more; --json has them all")
    for loss in losses:
        when = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(loss.at))
        print(
            f"  {when}: {printable(loss.file)} was damaged and set aside: {printable(loss.words)}"
        )
    if not faults:
        print("  nothing is wrong")
