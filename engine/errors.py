"""What can go wrong in the engine; every error says what, where and what to do.

`BadPrompt`, `BadGrammar` and `Cancelled` are the caller's doing; `BadModel`, `BadData` and
`OutOfMemory` are the state of this machine.
"""


# ruff: noqa: N818 - the names say what is bad; "Error" would add nothing to `except BadModel`


class EngineError(Exception):
    """Root of everything that the engine raises on purpose.

    Args:
        what: the fault, naming the file or value at fault.
        remedy: what the reader should do about it.
    """

    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(f"{what}; {remedy}")
        self.what = what
        self.remedy = remedy


class BadConfig(EngineError):
    """A model shape or a setting that no model can be built from."""


class BadModel(EngineError):
    """A model folder or checkpoint that is missing, damaged, or not one of ours."""


class BadTokenizer(EngineError):
    """A tokenizer file that is missing, damaged, or not the one that a model was trained with."""


class BadData(EngineError):
    """Training data that cannot be read."""


class BadPrompt(EngineError):
    """A prompt that the model cannot take: empty, too long, or not text."""


class BadSampling(EngineError):
    """Sampling settings out of range."""


class BadGrammar(EngineError):
    """A grammar that is malformed, or that no token of the vocabulary can continue."""


class OutOfMemory(EngineError):
    """The machine has no room for this model or this request."""


class NotWritten(EngineError):
    """What was to be written is there already, or the disk did not take it."""


class Busy(EngineError):
    """The model is in the middle of another request."""


class MissingDependency(EngineError):
    """A library of the `train` extra is needed and not installed."""
