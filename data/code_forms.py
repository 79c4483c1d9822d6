"""The forms of what is composed: a function to be written, where elements come from, a composition."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Function:
    """What is to be written, and how it can be said.

    Attributes:
        arguments: (usual name, sort in `data.code_values.SORTS`).
        phrase: with choices, `{A}` for arguments, `[0]` for values.
        values: of `[0]`, `[1]`, ...; `L0`, `L1` in the body.
        body: the lines below its head.
        key: the same for all phrasings of a program.
    """

    arguments: tuple[tuple[str, str], ...]
    phrase: str
    values: tuple[int | float | str, ...]
    body: str
    key: str
    family: str


@dataclass(frozen=True, slots=True)
class Source:
    """Where elements come from.

    Attributes:
        nouns: one element, and several.
        place: behind the elements.
        over: the iterable.
        listed: the iterable as a list; "" where it is one.
    """

    arguments: tuple[tuple[str, str], ...]
    nouns: tuple[tuple[str, str], ...]
    place: str
    over: str
    listed: str = "list"
    loop: str = "for v in {}"


_NUMBERS = (
    ("number", "numbers"),
    ("integer", "integers"),
    ("element", "elements"),
    ("value", "values"),
    ("number", "numbers"),
    ("item", "items"),
)
_WORDS = (
    ("word", "words"),
    ("string", "strings"),
    ("name", "names"),
    ("word", "words"),
    ("element", "elements"),
)
_ONLY_WORDS = (("word", "words"),)
_IN = "(in|in|of|from) {A}"

NUMBER_SOURCES = (
    *(Source((("numbers", "ints"),), _NUMBERS, _IN, "A", ""),) * 12,
    Source((("n", "bound"),), (("number", "numbers"), ("integer", "integers")), "(from 1 to {A}|between 1 and {A}|up to {A}|up to and including {A})", "range(1, A + 1)"),
    Source((("n", "bound"),), (("number", "numbers"), ("integer", "integers"), ("natural number", "natural numbers")), "(below|less than|smaller than) {A}", "range(A)"),
    Source((("a", "limit"), ("b", "bound")), (("number", "numbers"), ("integer", "integers")), "(between|from) (a and b|two numbers|{A} and {B}|a given start and end)", "range(A, B + 1)"),
    Source((("n", "big"),), (("digit", "digits"),), "(of|in) {A}", "map(int, str(A))"),
    Source((("table", "table"),), (("value", "values"),), "(of|in) {A}", "A.values()"),
    Source((("rows", "rows"),), (("number", "numbers"), ("element", "elements"), ("value", "values")), "(in|of) {A}", "A", "list", "for row in {} for v in row"),
    Source((("numbers", "tuple"),), (("number", "numbers"), ("element", "elements")), "(in|of) {A}", "A"),
    Source((("a", "ints"), ("b", "ints")), (("number", "numbers"), ("element", "elements")), "(in|of) (two lists|both lists|{A} and {B}|two lists together)", "A + B", ""),
)  # fmt: skip
WORD_SOURCES = (
    *(Source((("words", "words"),), _WORDS, _IN, "A", ""),) * 6,
    *(Source((("text", "text"),), _ONLY_WORDS, _IN, "A.split()", ""),) * 5,
    Source((("table", "names"),), (("key", "keys"),), _IN, "A"),
    Source((("table", "names"),), (("value", "values"),), _IN, "A.values()"),
)


@dataclass(frozen=True, slots=True)
class Parts:
    """A composition: elements of a source, chosen by `test`, each made `made`; and how all that is said."""

    source: Source
    test: str
    other: str
    made: str
    kind: str
    things: str
    verb: str
    single: str
    plural: str
    before: str
    behind: str
    one: str
    many: str

    @property
    def chosen(self) -> str:
        """The elements, without their place: "even numbers greater than 3"."""
        return f"{self.before} {self.plural} {self.behind}"

    @property
    def all(self) -> str:
        """The elements with their place; the place may come first."""
        if self.behind:
            return (
                f"(the|all|the|all the|) {self.before} {self.plural} ({self.source.place} {self.behind}|{self.source.place} (that are|which are) {self.many[4:]})"
                if self.many.startswith("are ")
                else f"(the|all|the|all the|) {self.before} {self.plural} {self.source.place} (that|which) {self.many}"
            )
        return f"(the|all|the|all the|) {self.before} {self.plural} {self.source.place}"

    @property
    def whole(self) -> str:
        """The elements, changed where there is a change."""
        if not self.things:
            return (
                self.all
                if not self.behind
                else f"({self.all}|(the|all|) {self.chosen} {self.source.place})"
            )
        inner = self.all if not self.behind else f"(the|all|) {self.chosen} {self.source.place}"
        return f"(the|) {self.things} of {inner}"

    def stream(self, made: str = "") -> str:
        """A generator without parentheses, or the iterable itself."""
        made = made or self.made
        if made == "v" and not self.test and self.source.loop == "for v in {}":
            return self.source.over
        tail = f" if {self.test}" if self.test else ""
        return f"{made} {self.source.loop.format(self.source.over)}{tail}"

    def listed(self) -> str:
        """The elements as a list."""
        stream = self.stream()
        if stream == self.source.over:
            return stream if not self.source.listed else f"list({stream})"
        return f"[{stream}]"

    def inside(self) -> str:
        """The generator as one of several arguments of a call."""
        stream = self.stream()
        return stream if stream == self.source.over else f"({stream})"
