"""The command line: `forgebus COMMAND`. Every error is one line on stderr and an exit code.

    0 done   1 failed   2 wrong usage or configuration   3 not taken   4 no bus

The commands import what they need when they run, so that `forgebus --help` is quick.
"""

import os
import sys
from collections.abc import Sequence
from typing import cast

import typer

from daemon import (
    cli_ask,
    cli_broker,
    cli_correct,
    cli_eval,
    cli_find,
    cli_home_assistant,
    cli_identity,
    cli_install,
    cli_journal,
    cli_learn,
    cli_local,
    cli_look,
    cli_models,
    cli_node,
    cli_quarantine,
    cli_serve,
    cli_top,
    cli_train,
)
from daemon.cli_options import FAILED, REJECTED, UNREACHABLE, USAGE, CommandError
from daemon.plain import printable

INTERRUPTED, PIPE_CLOSED = 130, 141

app = typer.Typer(
    help="Tasks auctioned on an MQTT bus and answered by small models at home.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(cli_node.run)
app.command()(cli_serve.serve)
app.add_typer(cli_broker.app, name="broker")
app.command()(cli_install.install)
app.command()(cli_install.uninstall)
app.command()(cli_find.discover)
app.command()(cli_identity.enroll)
app.command()(cli_identity.join)
app.command()(cli_identity.revoke)
app.command()(cli_ask.ask)
app.command()(cli_ask.bids)
app.command()(cli_ask.cancel)
app.command()(cli_correct.correct)
app.command()(cli_look.nodes)
app.command()(cli_look.tasks)
app.command()(cli_look.why)
app.command()(cli_top.top)
app.add_typer(cli_models.app, name="models")
app.add_typer(cli_quarantine.app, name="quarantine")
app.add_typer(cli_journal.app, name="journal")
app.add_typer(cli_home_assistant.app, name="homeassistant")
app.command()(cli_local.doctor)
_PASSED_ON = {"ignore_unknown_options": True, "allow_extra_args": True}
app.command(context_settings=_PASSED_ON | {"help_option_names": []})(cli_train.train)
app.command()(cli_learn.learn)
app.command("eval")(cli_eval.evaluate)
app.command(context_settings=_PASSED_ON)(cli_local.bench)
app.command()(cli_local.demo)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit code. What is not one of our errors is a defect and is raised."""
    try:
        code = app(args=arguments, prog_name="forgebus", standalone_mode=False)
        sys.stdout.flush()
    except _UsageError as error:
        at = error.ctx.command_path if error.ctx else "forgebus"
        return _fail(f"{error.format_message().rstrip('.')}; see `{at} --help`", USAGE)
    except (KeyboardInterrupt, typer.Abort):
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has enough; what Python still flushes at exit goes nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return PIPE_CLOSED
    except Exception as error:
        told = _told(error)
        if told is None:
            raise
        return _fail(*told)
    return code if isinstance(code, int) else 0


# typer keeps its own copy of click, so the class has no public name of its own.
_UsageError = cast("type[typer.BadParameter]", typer.BadParameter.__bases__[0])


def _fail(what: str, code: int) -> int:
    if what:
        print(f"forgebus: {printable(' '.join(what.split()))}", file=sys.stderr)
    return code


def _told(error: BaseException) -> tuple[str, int] | None:
    """An error of ours as its line and exit code; None for a defect."""
    from daemon.asking import MeshError, Rejected
    from daemon.broker import BrokerError
    from daemon.bus import BusError
    from daemon.config import ConfigError
    from daemon.demo_stage import DemoError
    from daemon.journal import JournalError

    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    match error:
        case CommandError():
            return str(error), error.code
        case ConfigError():
            return str(error), USAGE
        case Rejected():
            return f"not taken, {error}", REJECTED
        case MeshError():
            return str(error), UNREACHABLE
        case PermissionError(filename=path) if path:
            return f"{path} is closed to this user; use sudo, or act as its owner", FAILED
        case JournalError() | BrokerError() | BusError() | DemoError():
            return str(error), FAILED
        case _:
            return None


if __name__ == "__main__":
    sys.exit(main())
