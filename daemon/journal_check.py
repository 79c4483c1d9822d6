"""What must hold in a journal besides what SQLite checks: that each row says what a node can have written.

A row is judged by itself; `examine` adds what SQLite finds and what rows must be to one another. No
finding quotes content.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass

import msgspec

from daemon.actions import TABLES
from daemon.contract import Kept, contract_key
from daemon.contract import Phase as ContractPhase
from daemon.journal import QUARANTINE_ROWS, JournalReader, Stored
from daemon.task import ENDED, Order, Task, from_body, from_state


@dataclass(frozen=True, slots=True)
class Examined:
    """What was looked at, and what is wrong with it; no fault is good."""

    rows: dict[str, int]
    faults: tuple[str, ...]


def examine(reader: JournalReader) -> Examined:
    """SQLite's integrity check, then ours. Raises JournalError when the rows cannot be read at all."""
    faults = reader.faults()
    if faults:
        return Examined({}, tuple(faults))
    rows = {table: reader.count(table) for table in (*TABLES, "quarantine")}
    if rows["quarantine"] > QUARANTINE_ROWS + 1:
        faults.append(f"quarantine: {rows['quarantine']} rows, more than {QUARANTINE_ROWS}")
    for table in TABLES:
        for row in reader.scan(table):
            if fault := row_fault(table, row):
                faults.append(f"{table} {row.key}: {fault}")
    return Examined(rows, tuple(faults))


def row_fault(table: str, row: Stored) -> str:
    """What is wrong with a row, "" for nothing."""
    try:
        match table:
            case "task":
                order, task = from_body(row.body or b""), from_state(row.state)
                return next(_task_faults(row, order, task), "")
            case "contract":
                kept = Kept.from_state(row.state, row.shift_s)
                return next(_contract_faults(row, kept), "")
            case _:
                json.loads(row.state)
                return ""
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        return f"cannot be read: {type(error).__name__}"


def _task_faults(row: Stored, order: Order, task: Task) -> Iterator[str]:
    attempts = [one.attempt for one in task.given]
    facts = {
        "its order is of another task": order.key != row.key,
        f"stands in phase {row.phase}, its state in {task.phase}": row.phase != task.phase,
        f"has revision {row.rev}, its state {task.rev}": row.rev != task.rev,
        "has ended without an outcome": task.phase in ENDED and task.outcome is None,
        "has an outcome and goes on": task.phase not in ENDED and task.outcome is not None,
        "an attempt was given twice": len(set(attempts)) != len(attempts),
        "its attempt was given to nobody": bool(task.attempt) and task.attempt not in attempts,
        "the attempt that was kept was given to nobody": bool(task.kept)
        and task.kept not in attempts,
        "was claimed, and is not to be done once": bool(task.claimed) and not order.submit.once,
        "the claim is of an attempt that was given to nobody": bool(task.claimed)
        and task.claimed not in attempts,
    }
    yield from (fault for fault, holds in facts.items() if holds)


def _contract_faults(row: Stored, kept: Kept) -> Iterator[str]:
    phases = {ContractPhase.PREPARED, ContractPhase.RUNNING, ContractPhase.DONE}
    facts = {
        "is of another attempt": row.key != contract_key(kept.home, kept.task, kept.attempt),
        f"stands in phase {row.phase}, which is never written": row.phase not in phases,
        "is done without a result": row.phase == ContractPhase.DONE and kept.result is None,
        "has begun, and is not to be done once": row.phase in phases - {ContractPhase.DONE}
        and not kept.once,
    }
    yield from (fault for fault, holds in facts.items() if holds)
