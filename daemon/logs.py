"""Logs: one JSON object a line on stderr for machines, or coloured lines for people.

What is logged is up to the caller; the house rule is one line for a settled task and never a prompt or
an answer. Lines of libraries that use `logging` come out in the same form, from "warning" up.
"""

import logging
import sys
from collections.abc import MutableMapping
from io import StringIO
from typing import Any, Literal, TextIO

import orjson
import structlog

from daemon.plain import escaped, printable

Level = Literal["debug", "info", "warning", "error"]


def set_up(level: Level = "info", form: Literal["json", "console"] = "json") -> None:
    """Write every log line of this process to stderr, in this form, from this level up."""
    shared: list[structlog.typing.Processor] = [
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    last: structlog.typing.Processor
    if form == "json":
        # Without local variables: they would put prompts and answers into the log.
        faults = structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
        shared.append(structlog.processors.ExceptionRenderer(faults))
        last = structlog.processors.JSONRenderer(serializer=_json)
    else:
        shared.append(_harmless)
        last = structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), exception_formatter=_traceback
        )
    structlog.configure(
        processors=[*shared, last],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=_Lines,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, last],
        )
    )
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)


def silence() -> None:
    """Write nothing: for commands whose errors are one line of their own."""

    def drop(_logger: object, _method: str, _line: MutableMapping[str, Any]) -> str:
        raise structlog.DropEvent

    structlog.configure(processors=[drop], logger_factory=_Lines, cache_logger_on_first_use=False)


class _Lines(structlog.PrintLogger):
    """A logger to stderr that knows its name."""

    def __init__(self, name: str = "") -> None:
        super().__init__(sys.stderr)
        self.name = name


def _json(line: object, **_: object) -> str:
    return escaped(orjson.dumps(line, default=str).decode())


def _harmless(
    _logger: object, _method: str, line: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """A value is one line of text that commands no terminal: the bus may have written part of it."""
    for name, value in line.items():
        if isinstance(value, str):
            line[name] = " ".join(printable(value).split("\n"))
        elif name not in {"exc_info", "_record"} and not isinstance(value, int | float | None):
            line[name] = " ".join(printable(str(value)).split("\n"))
    return line


def _traceback(stream: TextIO, fault: structlog.typing.ExcInfo) -> None:
    whole = StringIO()
    structlog.dev.plain_traceback(whole, fault)
    stream.write(printable(whole.getvalue()))
