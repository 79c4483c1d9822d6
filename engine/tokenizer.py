"""Byte-level BPE, one vocabulary for all models (Sennrich et al. 2016; bytes as in GPT-2, 2019).

Any text encodes and decodes without loss, digits stand alone (so that numbers are read digit by
digit), and no text of a user can become a special token: those come from this file alone.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from weakref import WeakValueDictionary

from tokenizers import AddedToken, decoders, models, pre_tokenizers, trainers
from tokenizers import Tokenizer as Bpe

from engine.config import VOCAB_SIZE, read_small
from engine.errors import BadPrompt, BadTokenizer

LABELS = 256
ROLES = (
    "<|pad|>",
    "<|end|>",
    "<|system|>",
    "<|user|>",
    "<|assistant|>",
    "<|home|>",
    "<|route|>",
    "<|text|>",
    "<|code|>",
    "<|math|>",
    "<|sep|>",
)
SPECIAL_TOKENS = ROLES + tuple(f"<|label_{n}|>" for n in range(LABELS))

PAD, END, SYSTEM, USER, ASSISTANT, HOME, ROUTE, TEXT, CODE, MATH, SEP = range(len(ROLES))
TASKS = {"home": HOME, "route": ROUTE, "text": TEXT, "code": CODE, "math": MATH}

DEFAULT_PATH = Path("models/tokenizer.json")


def label_token(number: int) -> int:
    """Token id of class `number` (0 to 255) of a classifier, `<|label_number|>`.

    Raises:
        BadPrompt: there is no such label.
    """
    if not 0 <= number < LABELS:
        raise BadPrompt(f"label {number} is out of range", f"use 0 to {LABELS - 1}")
    return len(ROLES) + number


class Tokenizer:
    """Text to token ids and back.

    Attributes:
        fingerprint: sha256 of the tokenizer file, which a model's `config.json` names.
        vocab_size: number of tokens, special ones included; ids are 0 to vocab_size - 1.
        token_bytes: the bytes of each token by id; empty for special tokens.
    """

    def __init__(self, serialised: bytes) -> None:
        """Build from the bytes of a `tokenizer.json`.

        Raises:
            BadTokenizer: damaged, or without our special tokens in their places.
        """
        try:
            self._bpe = Bpe.from_str(serialised.decode("utf-8"))
        except MemoryError:
            raise
        except Exception as fault:  # the library raises bare Exception
            raise BadTokenizer(
                f"the tokenizer file cannot be read ({fault})", "copy tokenizer.json again"
            ) from fault
        for number, token in enumerate(SPECIAL_TOKENS):
            if self._bpe.token_to_id(token) != number:
                raise BadTokenizer(
                    f"the tokenizer has no {token} at id {number}",
                    "use a tokenizer made by engine.tokenizer",
                )
        # "<|end|>" typed by a user is text, not the end of a turn.
        self._bpe.encode_special_tokens = True
        self._serialised = serialised
        self.fingerprint = hashlib.sha256(serialised).hexdigest()
        self.vocab_size: int = self._bpe.get_vocab_size()
        self.token_bytes = tuple(self._bytes_by_id())
        single = {token for token in self.token_bytes if len(token) == 1}
        if len(single) < 256:
            raise BadTokenizer(
                f"the tokenizer has no token for {256 - len(single)} of the 256 bytes",
                "use a tokenizer made by engine.tokenizer",
            )

    @classmethod
    def load(cls, path: str | Path = DEFAULT_PATH, *, fingerprint: str = "") -> "Tokenizer":
        """Read a `tokenizer.json`, or the one inside the folder `path`.

        Models of one process share it: given its fingerprint, a file that is in memory already is
        not parsed again.

        Args:
            path: the file, or its folder.
            fingerprint: the one that a model was trained with; no other file is even parsed.

        Raises:
            BadTokenizer: missing, damaged, or of another fingerprint.
        """
        file = Path(path)
        if file.is_dir():
            file = file / "tokenizer.json"
        try:
            serialised = read_small(file)
        except OSError as fault:
            raise BadTokenizer(
                f"{file} cannot be read ({fault.strerror or fault})",
                "give the path of models/tokenizer.json",
            ) from fault
        found = hashlib.sha256(serialised).hexdigest()
        if fingerprint and found != fingerprint:
            raise BadTokenizer(
                f"the model was trained with tokenizer {fingerprint[:12]}, {file} is {found[:12]}",
                "give the tokenizer.json that came with the model",
            )
        if not fingerprint:
            return cls(serialised)
        held = _held.get(found) or cls(serialised)
        _held[found] = held
        return held

    @staticmethod
    def is_held(fingerprint: str) -> bool:
        """Whether a model of this process has the tokenizer of that fingerprint in memory."""
        return fingerprint in _held

    def save(self, path: str | Path) -> None:
        """Write the file whose sha256 is `fingerprint`; it is there whole or not at all."""
        file = Path(path)
        file.parent.mkdir(parents=True, exist_ok=True)
        temporary = file.with_name(f".{file.name}")
        temporary.write_bytes(self._serialised)
        temporary.replace(file)

    def encode(self, text: str) -> list[int]:
        """Ids of `text`; never a special token, and `decode` gives `text` back.

        Raises:
            BadPrompt: `text` holds a lone surrogate, which is no Unicode text.
        """
        return list(self._bpe.encode(_checked(text), add_special_tokens=False).ids)

    def encode_many(self, texts: Sequence[str]) -> list[list[int]]:
        """`encode` for each of `texts`, on all cores."""
        batch = self._bpe.encode_batch([_checked(text) for text in texts], add_special_tokens=False)
        return [list(encoding.ids) for encoding in batch]

    def chat(self, prompt: str, *, system: str = "", task: str = "") -> list[int]:
        """The one form in which a request is put to a model, in training and in serving.

        `[<|task|>] [<|system|> system] <|user|> prompt <|assistant|>`; the answer follows and ends
        with `<|end|>`, or is one label token.

        Args:
            prompt: what the user wrote.
            system: what the model must know beforehand (the home's entities, say).
            task: "" or one of `TASKS`: home, route, text, code, math.

        Raises:
            BadPrompt: an unknown task, or text with a lone surrogate.
        """
        if task and task not in TASKS:
            raise BadPrompt(f"there is no task {task!r}", f"use one of {', '.join(TASKS)}")
        head = [TASKS[task]] if task else []
        if system:
            head += [SYSTEM, *self.encode(system)]
        return [*head, USER, *self.encode(prompt), ASSISTANT]

    def decode(self, ids: Iterable[int]) -> str:
        """Text of `ids`; special tokens give nothing, broken UTF-8 gives U+FFFD."""
        return self.decode_bytes(ids).decode("utf-8", errors="replace")

    def decode_bytes(self, ids: Iterable[int]) -> bytes:
        """Bytes of `ids`; special tokens give nothing.

        Raises:
            BadPrompt: an id outside the vocabulary.
        """
        numbers = list(ids)
        if numbers and not 0 <= min(numbers) <= max(numbers) < self.vocab_size:
            raise BadPrompt(
                "a token id is outside the vocabulary", f"use 0 to {self.vocab_size - 1}"
            )
        return b"".join([self.token_bytes[number] for number in numbers])

    def _bytes_by_id(self) -> Iterator[bytes]:
        alphabet = _byte_of_character()
        special = self._bpe.get_added_tokens_decoder().keys()
        for number in range(self.vocab_size):
            piece = self._bpe.id_to_token(number)
            if piece is None:
                raise BadTokenizer(f"token id {number} is unused", "train the tokenizer again")
            if number in special:
                yield b""
                continue
            try:
                yield bytes(alphabet[character] for character in piece)
            except KeyError as fault:
                raise BadTokenizer(
                    f"token {piece!r} is not written in bytes",
                    "use a tokenizer made by engine.tokenizer",
                ) from fault


_held: WeakValueDictionary[str, Tokenizer] = WeakValueDictionary()


def train_tokenizer(texts: Iterable[str], vocab_size: int = VOCAB_SIZE) -> Tokenizer:
    """Learn the merges of a vocabulary from `texts` (seconds for 25 MB).

    Args:
        texts: lines or documents; read once.
        vocab_size: special tokens and the 256 bytes included; the result has exactly that many
            tokens, filled up with unused ones where the texts are too few to learn that many.

    Raises:
        BadTokenizer: `vocab_size` leaves no room for a single merge.
    """
    floor = len(SPECIAL_TOKENS) + 256
    if vocab_size <= floor:
        raise BadTokenizer(f"a vocabulary of {vocab_size} is too small", f"use more than {floor}")
    bpe = Bpe(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True),
        ]
    )
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        min_frequency=2,
        show_progress=False,
        special_tokens=[AddedToken(token, special=True) for token in SPECIAL_TOKENS],
        initial_alphabet=sorted(_byte_of_character()),
    )
    bpe.train_from_iterator((text for text in texts if text), trainer=trainer)
    missing = range(bpe.get_vocab_size(), vocab_size)
    bpe.add_special_tokens([AddedToken(f"<|unused_{n}|>", special=True) for n in missing])
    return Tokenizer(bpe.to_str(pretty=False).encode("utf-8"))


def _checked(text: str) -> str:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as fault:
        raise BadPrompt(
            f"the text holds a lone surrogate at {fault.start}", "send well-formed Unicode"
        ) from fault
    return text


def _byte_of_character() -> dict[str, int]:
    """GPT-2's printable stand-in for each byte, reversed."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    table = {chr(byte): byte for byte in plain}
    others = [byte for byte in range(256) if byte not in plain]
    table.update({chr(256 + n): byte for n, byte in enumerate(others)})
    return table
