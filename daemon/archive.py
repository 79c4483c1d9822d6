"""The journal's rows as the machines' values: what a restart takes up, what a late question needs."""

from daemon.actions import CONTRACT, FACT, TASK
from daemon.contract import Kept
from daemon.journal import JournalReader, Stored
from daemon.task import Order, Phase, Task, from_body, from_state, shifted


class Archive:
    """Reads a journal. Instants come back moved into this life of the machine's clock."""

    def __init__(self, journal: JournalReader) -> None:
        self._journal = journal

    def recall(self, key: str) -> tuple[Order, Task] | None:
        """One task, however old; None when there is none."""
        row = self._journal.read(TASK, key)
        return None if row is None else _known(row)

    def recent(self, limit: int, sender: str = "") -> list[tuple[Order, Task]]:
        """The tasks that changed last, newest first; of one sender (`<sender>/`) or of all."""
        return [_known(row) for row in self._journal.recent(TASK, limit, sender)]

    def unfinished(self) -> list[tuple[Order, Task]]:
        """Every task whose requester has not acknowledged its end."""
        return [_known(row) for row in self._journal.load(TASK, without=(Phase.CLOSED,))]

    def contracts(self) -> list[tuple[Kept, str]]:
        """Every contract on disk, with its phase."""
        rows = self._journal.load(CONTRACT)
        return [(Kept.from_state(row.state, row.shift_s), row.phase) for row in rows]

    def facts(self) -> list[Stored]:
        """What was learned of speeds and promises."""
        return self._journal.load(FACT)


def _known(row: Stored) -> tuple[Order, Task]:
    return shifted(from_body(row.body or b""), from_state(row.state), row.shift_s)
