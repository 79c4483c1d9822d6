"""What the code model reads: a request with its names, numbers and strings turned into letters.

A request is a sentence ("Write a function to ..."), or the head of a function with a docstring. Plain
code takes from it all that needs no understanding, so that the model need not copy it:

- the function's name, if one is asked for, and the arguments of a head: `A`, `B`, ... in order;
- numbers but 0, 1, 2 and -1, and quoted strings: `N`, `M`, ... and `S`, `T`, ...;
- examples (`>>> f(2)` and `4` below it), which become tests;
- what says only that a Python function is wanted.

What is left is one line in lower case, and, where something is known of the arguments, a second:

    the elements of A larger than N
    A list[int], B int: list[int]
"""

import ast
import keyword
import re
from collections.abc import Sequence
from dataclasses import dataclass

from handlers.code_examples import examples_in, kind_of, shape_of
from handlers.code_wording import plain

ARGUMENTS = "ABCDEF"
NUMBERS = "NMKLPQ"
STRINGS = "STUWXY"
_MOST_CHARACTERS = 420


@dataclass(frozen=True, slots=True)
class Head:
    """A function's head as it was given.

    Attributes:
        source: `def name(...) -> ...:` in one line.
        above: imports before it that are of use to it.
    """

    name: str
    arguments: tuple[str, ...]
    source: str
    above: str = ""


@dataclass(frozen=True, slots=True)
class View:
    """A request as the model is to read it, and what its letters stand for.

    Attributes:
        prompt: see above.
        name: of the function that is asked for; "" where the request has none.
        head: None where the request has none.
        arity: how many arguments it must take, if that is known.
        literals: letter -> Python source of a number or a string.
        examples: assertions that stand in the request.
        words: the request in lower case, without slots: a name is made of it.
    """

    prompt: str
    name: str
    head: Head | None
    arity: int | None
    literals: dict[str, str]
    examples: tuple[str, ...]
    words: str


def view(text: str, tests: Sequence[str] = ()) -> View:
    """Read a request; `tests` tell a name and an arity that it lacks."""
    head, said = _head(text)
    examples = tuple(examples_in(text, head.name)) if head else ()
    said = _without_examples(said)
    if head is None:
        head, said = _spoken_signature(said)
    name = head.name if head else ""
    if not name:
        name, said = _spoken_name(said)
    shape = shape_of([*tests, *examples], name)
    if shape and not name:
        name = shape.name
    if not said.strip() and name:
        said = name.replace("_", " ")
    words = _stripped(_one_line(said))
    line, literals = _letters(words, head.arguments if head else ())
    line = plain(line)
    below = _known(head, shape.arguments if shape else None, shape.result if shape else "")
    return View(
        prompt=f"{line}\n{below}" if below else line,
        name=name,
        head=head,
        arity=len(head.arguments) if head else len(shape.arguments) if shape else None,
        literals=literals,
        examples=examples,
        words=words.lower(),
    )


_DEF = re.compile(r"^[ \t]*(?:async[ \t]+)?def[ \t]+\w+[ \t]*\(", re.MULTILINE)


def _head(text: str) -> tuple[Head | None, str]:
    """The last function that the text begins, and what is said about it."""
    found = _DEF.search(text)
    if found is None:
        return None, text
    before = text[: found.start()]
    lines = before.splitlines()
    begin = next((n for n, line in enumerate(lines) if _CODE.match(line)), len(lines))
    prose, source = "\n".join(lines[:begin]), "\n".join([*lines[begin:], text[found.start() :]])
    tree = _parsed(source.replace("```", ""))
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)] if tree else []
    if not tree or not functions:
        return None, text
    function = functions[-1]
    arguments = tuple(one.arg for one in (*function.args.posonlyargs, *function.args.args))
    if len(arguments) > len(ARGUMENTS):
        return None, text
    said = ast.get_docstring(function) or ""
    if not said:
        comments = re.findall(r"#\s*(.+)", source)
        said = " ".join(comments) or prose
    shell = ast.parse(f"def {function.name}():\n    pass").body[0]
    assert isinstance(shell, ast.FunctionDef)  # noqa: S101 - it was just written
    shell.args, shell.returns = function.args, function.returns
    imports = [n for n in tree.body if isinstance(n, ast.Import | ast.ImportFrom)]
    return (
        Head(
            function.name,
            arguments,
            ast.unparse(shell).splitlines()[0],
            "\n".join(ast.unparse(node) for node in imports),
        ),
        said,
    )


_CODE = re.compile(r"(from|import|def|class|@|#)\b|#")


def _parsed(source: str) -> ast.Module | None:
    for end in ("", "\n    pass", ":\n    pass", '"""\n    pass'):
        try:
            return ast.parse(source.rstrip() + end + "\n")
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue
    return None


_SIGNATURE = re.compile(r"[`'\"]?\b([a-z_]\w*)\(((?:[a-z_]\w*(?:\s*,\s*[a-z_]\w*)*)?)\)[`'\"]?")


def _spoken_signature(said: str) -> tuple[Head | None, str]:
    """`add(a, b)` within a sentence."""
    found = _SIGNATURE.search(said)
    if found is None:
        return None, said
    arguments = tuple(re.findall(r"\w+", found[2]))
    if any(map(keyword.iskeyword, (found[1], *arguments))):
        return None, said
    if len(arguments) > len(ARGUMENTS) or len(set(arguments)) < len(arguments):
        return None, said
    before, after = said[: found.start()], said[found.end() :].lstrip(" :,-")
    rest = (
        f"{before}{after}" if re.search(r"function\s*$", before) else f"{before}a function {after}"
    )
    source = f"def {found[1]}({', '.join(arguments)}):"
    return Head(found[1], arguments, source), rest


_NAMED = re.compile(
    r"[,(]?\s*\b(?:(?:[Tt]he function is |which is |that is |and )?(?:called|named)|(?:and )?(?:call|name) it|"
    r"(?:its|the) name is|function name\b:?|(?<=function) (?=`))\s*"
    r"[`'\"]?([A-Za-z_]\w*)[`'\"]?(?:\(\))?\)?[.,]?",
)


_BARE = re.compile(
    r"(?<=function) `?(?!(?:to|that|which|in|for|it|and|so|is)\b)([a-z]\w*)`?(?= (?:to|that|which)\b)"
)


def _spoken_name(said: str) -> tuple[str, str]:
    found = _NAMED.search(said) or _BARE.search(said)
    if found is None or not found[1].isidentifier() or keyword.iskeyword(found[1]):
        return "", said
    return found[1], f"{said[: found.start()]} {said[found.end() :]}"


_EXAMPLES = re.compile(
    r">>>|\bexamples?\s*(?:\d\s*)?:|\bfor example\b|\be\.\s?g\.|\bfor instance\b|\[input|\binput:|"
    r"\b(?:note|notes|constraints?):|https?://|==>|=>|➞",
    re.IGNORECASE,
)


def _without_examples(said: str) -> str:
    found = _EXAMPLES.search(said)
    cut = said[: found.start()] if found else said
    # Behind an arrow stands an example's result; its call stands before it, on the same line.
    return cut.rpartition("\n")[0] if found and found[0] in ("==>", "=>", "➞") else cut


def _one_line(said: str) -> str:
    return " ".join(said.split())[:_MOST_CHARACTERS].strip(" .!?:;,")


_LEADS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"(?:hi|hello|hey|please|kindly|ok|so|now|thanks)\b[,.! ]*",
        r"(?:can|could|would|will) you (?:please )?(?:kindly )?",
        r"(?:i|we) (?:need|want|would like|'d like|am looking for|have|must have)(?: you)? ?(?:to )?",
        r"i'd like(?: you)? ?(?:to )?",
        r"(?:help me|let's|let us|try to|your task is|the task is|you have|you need)(?: to)? ",
        r"how (?:do|can|would|could|should|to|does)(?: i| you| we| one)? ",
        r"what is the (?:best|easiest|simplest) way to ",
        (
            r"(?:write|create|make|implement|define|give me|give|build|code|develop|show me|show|provide|"
            r"generate|design|complete|produce|compose)(?: me| up| down)? "
            r"(?=(?:a |an |the |some |this |out )?(?:\w+ ){0,4}?"
            r"(?:function|program|method|code|script|snippet|routine|procedure|one-liner|def)\b)"
        ),
        (
            r"(?:a |an |the |some |this |out )?(?:very |short |simple |small |tiny |little |quick |new |"
            r"efficient |pure |basic |generic |recursive |single )*(?:python ?3? |py )?(?:helper |utility )?"
            r"(?:function|program|method|code|script|snippet|routine|procedure|one-liner)(?: in python)?\b ?"
        ),
        r"in python[, ]+",
        r"(?:to|that|which|for|so that it|it should|it must|should|must|will|can|and it)\b[,: ]+",
        r"[-:,.;]+ *",
    )
)
_TAILS = re.compile(
    r"[ ,.]*(?:(?:in|using|with|by using) (?:the )?python(?: ?3| language)?|please|thanks|thank you|"
    r"by (?:writing|using) a function|for me|using a function)[.!? ]*$",
    re.IGNORECASE,
)


def _stripped(said: str) -> str:
    """Without what only says that a function is wanted."""
    while True:
        before = said
        for lead in _LEADS:
            found = lead.match(said)
            if found and found.end() < len(said):
                said = said[found.end() :]
        said = _TAILS.sub("", said).strip(" .!?")
        if said == before:
            return said


_LITERAL = re.compile(
    r"""(?<!\w)(?P<quote>['"`])(?P<string>.{0,24}?)(?P=quote)(?!\w)"""
    r"""|(?<![\w.])(?P<number>-?\d{1,12}(?:\.\d{1,8})?)(?![\w]|\.\d)|(?P<word>[A-Za-z_]\w*)"""
)
# These shape a function ("from 1 to n", "or -1") more often than they are values to be put into it.
_STRUCTURAL = frozenset(("-1", "0", "1", "2"))
# An argument that is also an English word is one only before such a word.
_ENGLISH = {"a", "i"}
_AFTER = re.compile(r"\s*(?:$|[,.;)=<>+*/%-]|(?:and|or|by|to|is|if|times|from|into|with|in|b|n)\b)")


def _letters(said: str, arguments: Sequence[str]) -> tuple[str, dict[str, str]]:
    """The sentence with letters in the place of values, in lower case; and letter -> literal."""
    given = dict(zip(arguments, ARGUMENTS, strict=False))
    letter_of: dict[str, str] = {}

    def slot(source: str, letters: str) -> str | None:
        used = sum(letter in letters for letter in letter_of.values())
        if source not in letter_of and used < len(letters):
            letter_of[source] = letters[used]
        return letter_of.get(source)

    def placed(found: re.Match[str]) -> str:
        if (word := found["word"]) is not None:
            if word in given and (word not in _ENGLISH or _AFTER.match(said, found.end())):
                return given[word]
            return word.lower()
        if (number := found["number"]) is not None:
            if number in _STRUCTURAL:
                return number
            return slot(str(ast.literal_eval(_plain(number))), NUMBERS) or number
        inside = found["string"]
        if inside in given:
            return given[inside]
        if inside in _STRUCTURAL and found["quote"] == "`":
            return inside
        if re.fullmatch(r"-?\d{1,12}(\.\d+)?", inside) and found["quote"] == "`":
            return slot(str(ast.literal_eval(_plain(inside))), NUMBERS) or inside
        if found["quote"] == "`" and inside.isidentifier():
            return inside.lower()
        return slot(repr(inside), STRINGS) or found[0].lower()

    line = _LITERAL.sub(placed, said)
    return line, {letter: source for source, letter in letter_of.items()}


def _plain(number: str) -> str:
    """Without leading zeros, which Python does not read."""
    sign, digits = ("-", number[1:]) if number.startswith("-") else ("", number)
    return sign + (
        digits.lstrip("0") or "0"
        if "." not in digits
        else f"0{digits}".lstrip("0")
        if digits[0] != "0"
        else digits
    )


def _known(head: Head | None, kinds: Sequence[str] | None, result: str) -> str:
    """The second line: `A list[int], B int: bool`; "" where nothing is known."""
    annotated: list[str] = []
    if head is not None:
        function = ast.parse(f"{head.source}\n    pass").body[0]
        assert isinstance(function, ast.FunctionDef)  # noqa: S101 - the head was unparsed from one
        every = (*function.args.posonlyargs, *function.args.args)
        annotated = [kind_of(one.annotation) for one in every]
        result = kind_of(function.returns) or result
    count = len(annotated) if head is not None else len(kinds or ())
    if not count:
        return ""
    known = [
        (annotated[n] if n < len(annotated) else "")
        or (kinds[n] if kinds and n < len(kinds) else "")
        for n in range(min(count, len(ARGUMENTS)))
    ]
    said = ", ".join(f"{ARGUMENTS[n]} {kind}".strip() for n, kind in enumerate(known))
    return f"{said}: {result}" if result else said
