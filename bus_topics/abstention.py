"""How a result says that it is an abstention: a handler ended, was not sure, and did nothing.

An abstention is an answer like any other (`outcome` is `done`, the handler's own words are in
`result`) and says so in `error`, in one form alone: a reason of one word and what the handler held
its best guess likely::

    abstained: unclear, 0.41

A field of its own would have been refused by every home of a release that does not know it. Such a
home takes the abstention for any other answer, and shows the words in the task's story.
"""

import re

from bus_topics.messages import Outcome, Result


def abstaining(reason: str, probability: float) -> str:
    """What stands in `Result.error`. Raises ValueError for a reason that is not one short word."""
    words = f"{_MARK}{reason}, {min(1.0, max(0.0, probability)):.2f}"
    if not _FORM.fullmatch(words):
        raise ValueError(
            f"{reason!r} is no reason to abstain: give one word of at most 31 lower-case letters"
        )
    return words


def why_abstained(result: Result) -> str:
    """The reason and the probability ("unclear, 0.41"); "" for a result that is no abstention.

    Whoever reads it knows nothing of the content: it is one word and one number.
    """
    if result.outcome is not Outcome.DONE or not _FORM.fullmatch(result.error):
        return ""
    return result.error.removeprefix(_MARK)


_MARK = "abstained: "
_FORM = re.compile(rf"{_MARK}[a-z][a-z_]{{0,30}}, (0\.\d\d|1\.00)", re.ASCII)
