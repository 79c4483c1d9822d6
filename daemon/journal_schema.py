"""The journal's SQL as text: how its tables came to be, and what is asked of them."""

from collections.abc import Collection

from daemon.actions import TABLES, Row, Save

APPLICATION = 0x466F7267
"""SQLite's application id: tells our files from others."""

OWNER = "substr(key, 1, instr(key, '/'))"
"""The part of a key up to its first slash: the sender of a task."""

_COLUMNS = "key, rev, phase, updated, life, state, body"


def _rebuilt(table: str) -> tuple[str, ...]:
    """The table anew with today's columns alone: the first files of schema 1 had one of results."""
    return (
        f"ALTER TABLE {table} RENAME TO {table}_1",
        f"""CREATE TABLE {table} (
            key TEXT PRIMARY KEY, rev INTEGER NOT NULL, phase TEXT NOT NULL,
            updated REAL NOT NULL, life INTEGER NOT NULL,
            state BLOB NOT NULL, body BLOB)""",
        f"""INSERT INTO {table} ({_COLUMNS})
            SELECT {_COLUMNS} FROM {table}_1 ORDER BY rowid""",  # noqa: S608 - a name of `TABLES`
        f"DROP TABLE {table}_1",
        f"CREATE INDEX {table}_updated ON {table} (updated)",
    )


MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        f"PRAGMA application_id = {APPLICATION}",
        *(
            f"""CREATE TABLE {table} (
                key TEXT PRIMARY KEY, rev INTEGER NOT NULL, phase TEXT NOT NULL,
                updated REAL NOT NULL, life INTEGER NOT NULL,
                state BLOB NOT NULL, body BLOB)"""
            for table in TABLES
        ),
        *(f"CREATE INDEX {table}_updated ON {table} (updated)" for table in TABLES),
        f"CREATE INDEX task_owner ON task ({OWNER}, updated)",
        """CREATE TABLE quarantine (
            id INTEGER PRIMARY KEY, at REAL NOT NULL, sender TEXT NOT NULL, topic TEXT NOT NULL,
            code TEXT NOT NULL, reason TEXT NOT NULL, payload BLOB NOT NULL)""",
        """CREATE TABLE life (
            id INTEGER PRIMARY KEY, boot TEXT NOT NULL, mono REAL NOT NULL, wall REAL NOT NULL,
            shift REAL NOT NULL)""",
    ),
    (
        *(statement for table in ("task", "contract", "fact") for statement in _rebuilt(table)),
        f"CREATE INDEX task_owner ON task ({OWNER}, updated)",
        """CREATE TABLE loss (
            id INTEGER PRIMARY KEY, at REAL NOT NULL, file TEXT NOT NULL, words TEXT NOT NULL)""",
    ),
)
"""Entry n takes the schema from version n to n + 1. A released entry is never changed."""

KNOWS_LOSSES = 2
"""The schema from which on there is a table of losses."""

# ruff's S608 below: the names put in are those of `TABLES`; every value is bound.
SAVE = {
    table: f"""INSERT INTO {table} (key, rev, phase, updated, life, state, body)
        VALUES (?, ?, ?, ?, ?, ?, ?)
        ON CONFLICT (key) DO UPDATE SET
            rev = excluded.rev, phase = excluded.phase, updated = excluded.updated,
            life = excluded.life, state = excluded.state,
            body = coalesce(excluded.body, body)
        WHERE excluded.rev >= rev"""  # noqa: S608
    for table in TABLES
}
FORGET = {table: f"DELETE FROM {table} WHERE key = ?" for table in TABLES}  # noqa: S608
STORED = {
    table: f"SELECT key, rev, phase, state, body, updated, life FROM {table}"  # noqa: S608
    for table in TABLES
}
PRUNE = {
    table: f"""DELETE FROM {table} WHERE rowid IN (
        SELECT rowid FROM {table} WHERE updated < ? AND phase IN ({{phases}})
        ORDER BY updated LIMIT ?)"""  # noqa: S608
    for table in TABLES
}
"""`phases` is to be filled with as many question marks as there are phases."""
PRUNE_REFUSED = (
    "DELETE FROM quarantine WHERE id IN (SELECT id FROM quarantine WHERE at < ? LIMIT ?)"
)
CLEAR_REFUSED = """DELETE FROM quarantine WHERE id IN (
    SELECT id FROM quarantine WHERE at < ? AND ? IN ('', sender) LIMIT ?)"""
REFUSED = """SELECT at, sender, topic, code, reason, payload, id FROM quarantine
    WHERE ? IS NULL OR id = ? ORDER BY id DESC LIMIT ?"""

LOSSES = "SELECT at, file, words FROM loss ORDER BY id DESC"
LOSE = "INSERT INTO loss (at, file, words) VALUES (?, ?, ?)"
REFUSE = """INSERT INTO quarantine (at, sender, topic, code, reason, payload)
    VALUES (?, ?, ?, ?, ?, ?)"""
TRIM = "DELETE FROM quarantine WHERE id <= (SELECT max(id) FROM quarantine) - ?"
CLOCKS = "UPDATE life SET mono = ?, wall = ? WHERE id = ?"


def check_row(row: Row) -> None:
    """Refuse, in the caller's face, what would stop the writer: it has nobody to tell."""
    if row.table not in TABLES:
        raise ValueError(f"no table {row.table!r}; there are {', '.join(TABLES)}")
    row.key.encode()
    if isinstance(row, Save):
        row.phase.encode()
        if not 0 <= row.rev < 2**63:
            raise ValueError(f"rev {row.rev} of {row.key} does not fit 63 bits")


def values(row: Save, wall: float, life: int) -> tuple[object, ...]:
    """What `SAVE` binds."""
    return row.key, row.rev, row.phase, wall, life, row.state, row.body


def marks(names: Collection[str]) -> str:
    """As many question marks as there are names."""
    return ", ".join("?" * len(names))
