"""What the journal need not keep any longer, deleted now and then."""

import asyncio

import structlog

from daemon.actions import TASK
from daemon.config import AuctionConfig
from daemon.journal import Journal
from daemon.journal_prune import Limits, Pruned
from daemon.task import Phase

FINISHED = {TASK: (Phase.CLOSED,)}
"""What may go at all: the end of it was told and acknowledged."""

_log = structlog.get_logger("node")


def limits(settings: AuctionConfig) -> Limits:
    """How much of what is finished is kept."""
    return Limits(settings.keep_days * 86_400.0, settings.keep_mb * 1_000_000)


def prune(journal: Journal, settings: AuctionConfig) -> None:
    """Delete ended tasks over the limits; in a thread, because it waits for the disk."""
    loop = asyncio.get_running_loop()
    pruning = loop.run_in_executor(None, journal.prune, limits(settings), FINISHED)
    pruning.add_done_callback(_pruned)


def _pruned(pruning: "asyncio.Future[Pruned]") -> None:
    fault = None if pruning.cancelled() else pruning.exception()
    if fault is not None:
        _log.warning("not-pruned", error=str(fault))
    elif not pruning.cancelled() and pruning.result().rows:
        gone = pruning.result()
        _log.info("pruned", rows=gone.rows, freed_bytes=gone.bytes, left_bytes=gone.left)
