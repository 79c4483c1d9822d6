"""A training run as people and scripts see it: a bar on a terminal, lines elsewhere, or JSON lines."""

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from engine.training.progress import Progress

_LINE_S = 10.0


class View(Protocol):
    """Where a run is shown."""

    def warn(self, text: str) -> None:
        """What is wanting in the data."""

    def show(self, progress: Progress) -> None:
        """Where the run stands."""

    def end(self, text: str, **facts: object) -> None:
        """How the run ended."""


@contextmanager
def view(*, as_json: bool) -> Iterator[View]:
    """JSON lines on stdout; else a bar where stderr is a terminal, and lines on it elsewhere."""
    if as_json:
        yield _JsonLines()
    elif not sys.stderr.isatty():
        yield _Lines()
    else:
        console = Console(stderr=True, highlight=False, markup=False, emoji=False)
        columns = (
            TextColumn("step"),
            MofNCompleteColumn(),
            BarColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.description}"),
        )
        with Bar(*columns, console=console) as bar:
            yield _Terminal(bar)


class _JsonLines:
    def warn(self, text: str) -> None:
        self._line(event="warning", text=text)

    def show(self, progress: Progress) -> None:
        self._line(event="progress", **asdict(progress))

    def end(self, text: str, **facts: object) -> None:
        self._line(event="end", text=text, **facts)

    def _line(self, **fields: object) -> None:
        print(json.dumps(fields), flush=True)  # noqa: T201 - a command line


class _Lines:
    def __init__(self) -> None:
        self._told = time.monotonic()

    def warn(self, text: str) -> None:
        self._line(f"warning: {text}")

    def show(self, progress: Progress) -> None:
        now = time.monotonic()
        if progress.validation or now - self._told > _LINE_S:
            self._told = now
            self._line(str(progress))

    def end(self, text: str, **_: object) -> None:
        self._line(text)

    def _line(self, text: str) -> None:
        print(text, file=sys.stderr, flush=True)  # noqa: T201 - a command line


class _Terminal:
    def __init__(self, bar: Bar) -> None:
        self._bar = bar
        self._task = bar.add_task("", total=None)
        self._held = ""

    def warn(self, text: str) -> None:
        self._bar.console.print(f"warning: {text}", style="yellow")

    def show(self, progress: Progress) -> None:
        if progress.validation:
            loss, right = progress.validation
            self._held = f"  validation {loss:.3f} ({right:.0%} right)"
        speed = f"{progress.tokens_per_s:,.0f} tokens/s"
        told = f"loss {progress.loss:.3f}{self._held}  {speed}"
        self._bar.update(
            self._task, completed=progress.step, total=progress.steps, description=told
        )

    def end(self, text: str, **_: object) -> None:
        self._bar.console.print(text)
