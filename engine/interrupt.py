"""Long work is ended from outside: asked once it ends at the next good moment, asked twice at once."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def asked_to_stop() -> Iterator[Callable[[], bool]]:
    """Gives what is True once Ctrl-C or SIGTERM has come; what is in hand is finished first.

    A second signal ends the process as it would have without us. For the main thread.
    """
    asked: list[int] = []
    numbers = (signal.SIGINT, signal.SIGTERM)

    def note(got: int, _: object) -> None:
        asked.append(got)
        for number in numbers:
            signal.signal(number, former[number])

    former = {number: signal.signal(number, note) for number in numbers}
    try:
        yield lambda: bool(asked)
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
