"""The journal's SQL as text: how its tables came to be, and what is asked of them."""

from daemon.actions import TABLES

APPLICATION = 0x466F7267
"""SQLite's application id: tells our files from others."""

OWNER = "substr(key, 1, instr(key, '/'))"
"""The part of a key up to its first slash: the sender of a task."""

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        f"PRAGMA application_id = {APPLICATION}",
        *(
            f"""CREATE TABLE {table} (
                key TEXT PRIMARY KEY, rev INTEGER NOT NULL, phase TEXT NOT NULL,
                updated REAL NOT NULL, life INTEGER NOT NULL,
                state BLOB NOT NULL, body BLOB, result BLOB)"""
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
)
"""Entry n takes the schema from version n to n + 1. A released entry is never changed."""

# ruff's S608 below: the names put in are those of `TABLES`; every value is bound.
SAVE = {
    table: f"""INSERT INTO {table} (key, rev, phase, updated, life, state, body, result)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?)
        ON CONFLICT (key) DO UPDATE SET
            rev = excluded.rev, phase = excluded.phase, updated = excluded.updated,
            life = excluded.life, state = excluded.state,
            body = coalesce(excluded.body, body), result = coalesce(excluded.result, result)
        WHERE excluded.rev >= rev"""  # noqa: S608
    for table in TABLES
}
FORGET = {table: f"DELETE FROM {table} WHERE key = ?" for table in TABLES}  # noqa: S608
STORED = {
    table: f"SELECT key, rev, phase, state, body, result, updated, life FROM {table}"  # noqa: S608
    for table in TABLES
}
PRUNE = {
    table: f"""DELETE FROM {table} WHERE rowid IN (
        SELECT rowid FROM {table} WHERE updated < ? AND phase IN ({{phases}}) LIMIT ?)"""  # noqa: S608
    for table in TABLES
}
"""`phases` is to be filled with as many question marks as there are phases."""

REFUSE = """INSERT INTO quarantine (at, sender, topic, code, reason, payload)
    VALUES (?, ?, ?, ?, ?, ?)"""
TRIM = "DELETE FROM quarantine WHERE id <= (SELECT max(id) FROM quarantine) - ?"
CLOCKS = "UPDATE life SET mono = ?, wall = ? WHERE id = ?"
