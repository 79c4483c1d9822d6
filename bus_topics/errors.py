"""What can be wrong with something that came off the bus; every error is theirs, never ours."""

# ruff: noqa: N818 - each is named for the fault, as it stands in the quarantine


class WireError(Exception):
    """Base of everything that `codec` and `topics` raise; `code` names the fault for the quarantine."""

    code = "malformed"


class NotJson(WireError):
    """The bytes are not UTF-8 JSON as RFC 8259 has it (NaN, infinities, lone surrogates, trailing text)."""

    code = "not-json"


class DuplicateKey(WireError):
    """An object names one key twice: two readers would see two different messages."""

    code = "duplicate-key"


class TooDeep(WireError):
    """Arrays and objects are nested deeper than `codec.MAX_DEPTH`."""

    code = "too-deep"


class TooLarge(WireError):
    """The payload is larger than `codec.MAX_BYTES`."""

    code = "too-large"


class WrongVersion(WireError):
    """The message says another protocol version than ours."""

    code = "wrong-version"


class WrongShape(WireError):
    """Valid JSON, but not this message: a field is missing, unknown, of another type or out of range."""

    code = "wrong-shape"


class UnknownTopic(WireError):
    """The topic is none of `topics.TOPICS`."""

    code = "unknown-topic"
