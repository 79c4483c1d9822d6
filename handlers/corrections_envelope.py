"""What a node knows of a correction, beside what is said in it. Loads no model and no engine."""

import msgspec

CAPABILITY = "correction"
CORRECTABLE = {"home_control": "home", "intent_classification": "router"}
"""Capabilities that learn from corrections -> their model."""

MOST_CONTENT = 128 * 1024
"""Bytes of what was asked, beyond which it is not kept."""

NONE = msgspec.Raw(b"")


class Envelope(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A correction as the node hands it to the handler.

    ``refused`` says why whoever said it may not; ``capability`` and ``content`` are what the task
    had asked, "" where the node does not remember it. ``operator`` may give content along.
    """

    said: msgspec.Raw
    by: str
    node: str
    operator: bool
    refused: str = ""
    task: str = ""
    capability: str = ""
    content: msgspec.Raw = NONE
    folder: str
    keep_days: int
