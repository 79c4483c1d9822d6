"""How a task is not taken: the one refusal, for a requester's inbox or for an app's topic."""

from bus_topics import messages as m
from bus_topics.messages import RejectCode
from daemon.actions import Reply, Send
from daemon.task import ReplyTo


def rejection(
    sender: str,
    id_: str,
    code: RejectCode,
    reason: str,
    reply: ReplyTo | None,
    retry_after_ms: int = 0,
) -> Send | Reply:
    """A refusal, to wherever the answer would have gone."""
    if reply is None:
        rejected = m.Rejected(id=id_, code=code, reason=reason, retry_after_ms=retry_after_ms)
        return Send(sender, rejected)
    answer = m.Answer(id=id_, error=reason, rejected=code, retry_after_ms=retry_after_ms)
    return Reply(reply.topic, reply.correlation_data(), answer)
