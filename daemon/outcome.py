"""Between contracts and workers: an award as a job, a job's end as the message that tells of it."""

from msgspec import Raw

from bus_topics import messages as m
from daemon.contract import contract_key
from daemon.worker_jobs import Done, Job
from handlers.protocol import Usage


def job_of(home: str, award: m.Award, limit_s: float) -> Job:
    """What a worker needs to know of an award; it may run until its deadline, or `limit_s`."""
    return Job(
        key=contract_key(home, award.task, award.attempt),
        capability=award.capability,
        content=bytes(award.content),
        max_tokens=award.max_tokens,
        limit_s=min(limit_s, award.deadline_ms / 1000),
    )


def outcome_of(key: str, done: Done) -> tuple[m.Result, Usage]:
    """The result of the attempt `key` (`daemon.contract.contract_key`), and what its run cost."""
    task, _, attempt = key.partition("/")[2].rpartition("/")
    spent = done.usage
    timing = m.Timing(
        queue_ms=spent.queue_ms,
        load_ms=spent.load_ms,
        run_ms=spent.run_ms,
        prefill_tokens=spent.prefill_tokens,
        decode_tokens=spent.decode_tokens,
    )
    message = m.Result(
        task=task,
        attempt=int(attempt),
        outcome=m.Outcome(done.outcome),
        result=None if done.result is None else Raw(done.result),
        error=done.abstained or done.error[:500],
        permanent=done.code == "bad_input",
        model=done.model[:80],
        timing=timing,
    )
    usage = Usage(
        prefill_tokens=spent.prefill_tokens,
        prefill_s=spent.prefill_s,
        decode_tokens=spent.decode_tokens,
        decode_s=spent.decode_s,
        others_s=spent.others_s,
    )
    return message, usage
