"""What the journal need not keep any longer, deleted now and then."""

import asyncio

import structlog

from daemon.actions import TASK
from daemon.journal import Journal
from daemon.task import Phase

_log = structlog.get_logger("node")


def prune(journal: Journal, keep_days: int) -> None:
    """Delete ended tasks older than that; in a thread, because it waits for the disk."""
    ended = {TASK: (Phase.CLOSED,)}
    loop = asyncio.get_running_loop()
    pruning = loop.run_in_executor(None, journal.prune, keep_days * 86_400.0, ended)
    pruning.add_done_callback(_pruned)


def _pruned(pruning: "asyncio.Future[int]") -> None:
    fault = None if pruning.cancelled() else pruning.exception()
    if fault is not None:
        _log.warning("not-pruned", error=str(fault))
