"""What a node of the small world keeps across its lives: the journal's rules, in memory."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from daemon.actions import TASK, Forget, Row, Save
from daemon.home import Known
from daemon.task import from_body, from_state
from handlers.catalog import Entry, Speeds, Work

Key = tuple[str, str]


def entry(name: str, quality: float = 0.5, together: int = 1) -> Entry:
    """A capability without a model."""
    return Entry(
        capability=name,
        factory="nowhere:Nothing",
        model="",
        quality=quality,
        estimate=lambda _tokens, _max: Work(0, 0),
        speeds=Speeds(0.0, 0.0),
        memory_mb=1,
        together=together,
    )


@dataclass
class Disk:
    """What survives: the newest revision of every row. `watch` hears of each change of a task, old and new."""

    rows: dict[Key, Save] = field(default_factory=dict)
    watch: Callable[[str, Known | None, Known | None], None] | None = None
    _tasks: dict[str, tuple[int, Known]] = field(default_factory=dict)

    def write(self, rows: Sequence[Row]) -> None:
        """One transaction, by the journal's rule: an older revision never undoes a newer one."""
        for row in rows:
            key = (row.table, row.key)
            before = self.recall(row.key) if self.watch and row.table == TASK else None
            old = self.rows.get(key)
            match row:
                case Forget():
                    self.rows.pop(key, None)
                case Save(rev=rev) if old is None or rev > old.rev:
                    body = row.body if row.body is not None or old is None else old.body
                    self.rows[key] = Save(*key, rev, row.phase, row.state, body)
            if self.watch and row.table == TASK:
                self.watch(row.key, before, self.recall(row.key))

    def table(self, name: str) -> Iterator[Save]:
        """The rows of one table."""
        return (row for (table, _), row in self.rows.items() if table == name)

    def empty(self, table: str) -> None:
        """An old backup is restored, from before there was anything in this table."""
        self.rows = {key: row for key, row in self.rows.items() if key[0] != table}

    def recall(self, key: str) -> Known | None:
        """`daemon.home.Archive`, on a disk that is never slow."""
        row = self.rows.get((TASK, key))
        if row is None:
            return None
        rev, known = self._tasks.get(key, (0, None))
        if known is None or rev != row.rev:
            known = (from_body(row.body or b""), from_state(row.state))
            self._tasks[key] = (row.rev, known)
        return known

    def recent(self, limit: int, sender: str = "") -> list[Known]:
        """The tasks of one sender, or of all."""
        keys = [row.key for row in self.table(TASK) if row.key.startswith(sender)]
        return [known for key in keys[:limit] if (known := self.recall(key)) is not None]
