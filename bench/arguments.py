"""Arguments of a benchmark: a wrong one ends it with one line."""

import argparse
from typing import NoReturn


class Arguments(argparse.ArgumentParser):
    """A parser without the usage in front of what is wrong; --help tells it."""

    def error(self, message: str) -> NoReturn:
        """Exit status 2, and a line that says what and where to look."""
        self.exit(2, f"{self.prog}: {message}; see `{self.prog} --help`\n")


def count(text: str) -> int:
    """A number of rounds, rows or threads: 1 or more."""
    if text.isdecimal() and int(text) > 0:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 1 up")


def seconds(text: str) -> float:
    """How long to measure: above 0, at most a day."""
    try:
        given = float(text)
    except ValueError:
        given = 0.0
    if 0 < given <= 86400:
        return given
    raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds")
