"""What compositions are made of: which elements, what becomes of each, what becomes of all.

Conditions and changes are about one element `v`; `[0]` and `L0` are a value that the phrase names.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Filter:
    """Which elements: "even" before the noun or "greater than [0]" behind it, and as a predicate.

    Attributes:
        one: predicate of one element ("is even").
        many: of several ("are even").
        test: condition on `v`.
        other: its opposite, "" for `not` before it.
        values: kinds of the values that it names.
    """

    before: str
    behind: str
    one: str
    many: str
    test: str
    other: str = ""
    values: tuple[str, ...] = ()

    @property
    def opposite(self) -> str:
        """The condition that all other elements meet."""
        if self.other:
            return self.other
        return f"not ({self.test})" if " " in self.test else f"not {self.test}"


@dataclass(frozen=True, slots=True)
class Change:
    """What becomes of each element: "the squares of ..." and, as a doing, "square" each.

    Attributes:
        kind: what it is afterwards: int, str, bool.
    """

    things: str
    verb: str
    made: str
    kind: str = "int"
    values: tuple[str, ...] = ()


def _is(before: str, test: str, other: str = "", said: str = "") -> Filter:
    said = said or before
    return Filter(before, "", f"is {said}", f"are {said}", test, other)


def _than(behind: str, test: str, other: str, *values: str) -> Filter:
    return Filter("", behind, f"is {behind}", f"are {behind}", test, other, values or ("int",))


NUMBER_FILTERS = (
    _is("even", "v % 2 == 0", "v % 2 != 0"),
    _is("odd", "v % 2 == 1", "v % 2 == 0"),
    _is("(positive|positive|strictly positive)", "v > 0", "v <= 0"),
    _is("negative", "v < 0", "v >= 0"),
    _is("(non-negative|nonnegative)", "v >= 0", "v < 0"),
    _is("(nonzero|non-zero)", "v != 0", "v == 0"),
    _is("(two-digit|two digit)", "10 <= abs(v) <= 99"),
    _is("(single-digit|one-digit|single digit)", "abs(v) < 10", "abs(v) >= 10"),
    Filter("", "(equal to|that equal|that are|which are) zero", "is (zero|equal to zero)", "are zero", "v == 0", "v != 0"),
    _than("(greater than|larger than|above|bigger than|over|more than|higher than) [0]", "v > L0", "v <= L0"),
    _than("(less than|smaller than|below|lower than|under) [0]", "v < L0", "v >= L0"),
    _than("(at least|greater than or equal to|not less than|no smaller than) [0]", "v >= L0", "v < L0"),
    _than("(at most|less than or equal to|not greater than|up to) [0]", "v <= L0", "v > L0"),
    Filter("", "(divisible by|evenly divisible by|that are multiples of|that are divisible by|divisible by) [0]", "is (divisible by|a multiple of) [0]", "are (divisible by|multiples of) [0]", "v % L0 == 0", "v % L0 != 0", ("limit",)),
    _than("not divisible by [0]", "v % L0 != 0", "v % L0 == 0", "limit"),
    _than("between [0] and [1]", "L0 <= v <= L1", "", "low", "high"),
    _than("(equal to|the same as) [0]", "v == L0", "v != L0"),
    _than("(different from|not equal to|other than) [0]", "v != L0", "v == L0"),
    Filter("", "(ending in|that end in|that end with|whose last digit is) [0]", "ends (in|with) [0]", "end (in|with) [0]", "abs(v) % 10 == L0", "abs(v) % 10 != L0", ("digit",)),
    _is("(prime)", "v > 1 and all(v % i for i in range(2, int(v ** 0.5) + 1))", "", "prime"),
    Filter("", "(that are perfect squares|which are square numbers|that are perfect square numbers)", "is a perfect square", "are perfect squares", "v >= 0 and int(v ** 0.5) ** 2 == v"),
    Filter("", "(that are palindromes|that read the same backwards)", "is a palindrome", "are palindromes", "str(v) == str(v)[::-1]", "str(v) != str(v)[::-1]"),
    Filter("", "(divisible by both [0] and [1]|divisible by [0] and [1])", "is divisible by (both |)[0] and [1]", "are divisible by (both |)[0] and [1]", "v % L0 == 0 and v % L1 == 0", "", ("limit", "limit2")),
    Filter("", "divisible by [0] or [1]", "is divisible by [0] or [1]", "are divisible by [0] or [1]", "v % L0 == 0 or v % L1 == 0", "", ("limit", "limit2")),
    Filter("(positive even|even positive)", "", "is positive and even", "are positive and even", "v > 0 and v % 2 == 0"),
    Filter("(positive odd|odd positive)", "", "is positive and odd", "are positive and odd", "v > 0 and v % 2 == 1"),
    Filter("even", "(greater than|larger than|above) [0]", "is even and greater than [0]", "are even and greater than [0]", "v % 2 == 0 and v > L0", "", ("int",)),
    Filter("odd", "(less than|smaller than|below) [0]", "is odd and less than [0]", "are odd and less than [0]", "v % 2 == 1 and v < L0", "", ("int",)),
)  # fmt: skip

NUMBER_CHANGES = (
    Change("(squares|square values)", "square", "v ** 2"),
    Change("cubes", "cube", "v ** 3"),
    Change("(absolute values|magnitudes)", "take the absolute value of", "abs(v)"),
    Change("(doubles|double)", "double", "v * 2"),
    Change("triples", "triple", "v * 3"),
    Change("halves", "halve", "v / 2", "float"),
    Change("(negatives|opposites)", "negate", "-v"),
    Change("last digits", "take the last digit of", "abs(v) % 10"),
    Change("(digit sums|sums of the digits)", "sum the digits of", "sum(map(int, str(abs(v))))"),
    Change("square roots", "take the square root of", "abs(v) ** 0.5", "float"),
    Change("remainders modulo [0]", "", "v % L0", "int", ("limit",)),
    Change("(numbers of digits|digit counts)", "", "len(str(abs(v)))"),
    Change("", "(multiply [0] by|multiply by [0]|scale by [0])", "v * L0", "int", ("limit",)),
    Change("", "(add [0] to|increase by [0]|increment by [0])", "v + L0", "int", ("limit",)),
    Change("", "(subtract [0] from|decrease by [0])", "v - L0", "int", ("limit",)),
    Change("", "(divide by [0])", "v / L0", "float", ("limit",)),
    Change("", "(convert to strings?|turn into strings?)", "str(v)", "str"),
)  # fmt: skip

WORD_FILTERS = (
    Filter("", "(starting with|that start with|beginning with|that begin with) [0]", "(starts|begins) with [0]", "(start|begin) with [0]", "v.startswith(L0)", "", ("letters",)),
    Filter("", "(ending with|that end with|ending in) [0]", "ends with [0]", "end with [0]", "v.endswith(L0)", "", ("letters",)),
    Filter("", "(containing|that contain|with) [0]", "contains [0]", "contain [0]", "L0 in v", "L0 not in v", ("letters",)),
    Filter("", "(that do not contain|not containing|without) [0]", "does not contain [0]", "do not contain [0]", "L0 not in v", "L0 in v", ("letters",)),
    Filter("", "(longer than [0] (characters|letters)|with more than [0] (characters|letters)|longer than [0])", "is longer than [0] (characters|letters)", "are longer than [0] (characters|letters)", "len(v) > L0", "len(v) <= L0", ("size",)),
    Filter("", "(shorter than [0] (characters|letters)|with fewer than [0] (characters|letters)|shorter than [0])", "is shorter than [0] (characters|letters)", "are shorter than [0] (characters|letters)", "len(v) < L0", "len(v) >= L0", ("size",)),
    Filter("", "(with at least [0] (characters|letters))", "has at least [0] (characters|letters)", "have at least [0] (characters|letters)", "len(v) >= L0", "len(v) < L0", ("size",)),
    Filter("", "(of length [0]|with (exactly |)[0] (characters|letters)|whose length is [0]|that have a length of [0])", "has (exactly |)[0] (characters|letters)", "have (exactly |)[0] (characters|letters)", "len(v) == L0", "len(v) != L0", ("size",)),
    Filter("", "(starting with a vowel|that start with a vowel|that begin with a vowel|beginning with a vowel)", "starts with a vowel", "start with a vowel", 'v[:1].lower() in set("aeiou")', 'v[:1].lower() not in set("aeiou")'),
    Filter("", "(starting with a (capital|capital letter|uppercase letter)|that start with a capital letter)", "starts with a capital letter", "start with a capital letter", "v[:1].isupper()"),
    Filter("", "(that are palindromes|which are palindromes|that read the same backwards)", "is a palindrome", "are palindromes", "v == v[::-1]", "v != v[::-1]"),
    Filter("(uppercase|upper case|fully uppercase)", "", "is (in |)(uppercase|upper case)", "are (in |)(uppercase|upper case)", "v.isupper()"),
    Filter("(lowercase|lower case)", "", "is (in |)(lowercase|lower case)", "are (in |)(lowercase|lower case)", "v.islower()"),
    Filter("", "(of even length|with an even number of (letters|characters)|whose length is even)", "has an even length", "have an even length", "len(v) % 2 == 0", "len(v) % 2 != 0"),
    Filter("", "(of odd length|with an odd number of (letters|characters)|whose length is odd)", "has an odd length", "have an odd length", "len(v) % 2 == 1", "len(v) % 2 == 0"),
    Filter("", "(that contain a digit|containing digits|with a digit in them|containing a number)", "contains a digit", "contain a digit", "any(c.isdigit() for c in v)"),
    Filter("", "(that start and end with the same letter|whose first and last (letters|characters) are (equal|the same))", "starts and ends with the same letter", "start and end with the same letter", "v[0] == v[-1]", "v[0] != v[-1]"),
    _is("(non-empty|nonempty)", "v"),
    Filter("", "(equal to|that are) [0]", "is (equal to |)[0]", "are (equal to |)[0]", "v == L0", "v != L0", ("word",)),
)  # fmt: skip

WORD_CHANGES = (
    Change("(lengths)", "", "len(v)", "int"),
    Change("first (letters|characters)", "take the first letter of", "v[0]", "str"),
    Change("last (letters|characters)", "take the last letter of", "v[-1]", "str"),
    Change("(uppercase versions|upper case forms)", "(uppercase|upper-case|convert to uppercase|convert to upper case|make uppercase)", "v.upper()", "str"),
    Change("(lowercase versions|lower case forms)", "(lowercase|lower-case|convert to lowercase|convert to lower case|make lowercase)", "v.lower()", "str"),
    Change("(capitalized forms)", "(capitalize|capitalise)", "v.capitalize()", "str"),
    Change("reversals", "reverse", "v[::-1]", "str"),
    Change("numbers of vowels", "count the vowels of", 'sum(c in "aeiou" for c in v.lower())', "int"),
    Change("first [0] (letters|characters)", "", "v[:L0]", "str", ("limit",)),
    Change("", "(add [0] to the end of|append [0] to)", "v + L0", "str", ("letters",)),
    Change("", "(add [0] to the (start|front|beginning) of|prepend [0] to|prefix with [0])", "L0 + v", "str", ("letters",)),
    Change("", "(strip|strip whitespace from|trim)", "v.strip()", "str"),
    Change("", "remove the first (letter|character) of", "v[1:]", "str"),
    Change("", "remove the last (letter|character) of", "v[:-1]", "str"),
    Change("", "(replace [0] by [1] in|replace [0] with [1] in)", "v.replace(L0, L1)", "str", ("letter", "letter2")),
)  # fmt: skip

LETTER_FILTERS = (
    Filter("vowel", "", "is a vowel", "are vowels", 'v in "aeiouAEIOU"', 'v not in "aeiouAEIOU"'),
    Filter("consonant", "", "is a consonant", "are consonants", 'v.isalpha() and v not in "aeiouAEIOU"', ""),
    Filter("digit", "", "is a digit", "are digits", "v.isdigit()"),
    Filter("(uppercase letter|capital letter|upper case letter)", "", "is (in |)uppercase", "are (in |)uppercase", "v.isupper()"),
    Filter("(lowercase letter|lower case letter|small letter)", "", "is (in |)lowercase", "are (in |)lowercase", "v.islower()"),
    Filter("(letter|alphabetic character)", "", "is a letter", "are letters", "v.isalpha()"),
    Filter("(alphanumeric character)", "", "is alphanumeric", "are alphanumeric", "v.isalnum()"),
    Filter("(space|blank)", "", "is a space", "are spaces", 'v == " "', 'v != " "'),
    Filter("whitespace character", "", "is (a |)whitespace", "are whitespace", "v.isspace()"),
    Filter("(special character|non-alphanumeric character)", "", "is a special character", "are special characters", "not v.isalnum()", "v.isalnum()"),
    Filter("(non-letter character|non-alphabetic character)", "", "is not a letter", "are not letters", "not v.isalpha()", "v.isalpha()"),
    Filter("(punctuation mark|punctuation character)", "", "is punctuation", "are punctuation", "v in string.punctuation", "v not in string.punctuation"),
)  # fmt: skip
