r"""Constrained decoding: only tokens that some text of the grammar goes on with may be chosen.

A grammar is built from a few combinators (`json_schema` makes them from a JSON schema), made
an automaton over bytes and walked with a trie of the vocabulary's byte strings (as Outlines, Willard &
Louf 2023, does with regular expressions). The sets of allowed tokens are remembered by state, within
bounds: a step costs a dictionary look-up once its state has been seen.

    >>> answer = sequence(literal('{"brightness": '), integer(0, 100), literal("}"))
    >>> answer.accepts('{"brightness": 42}')
    True
    >>> constraint = Constraint(answer, tokenizer)          # once a grammar and tokenizer
    >>> walk = constraint.start()                           # once an answer
    >>> walk.allowed()                                      # ids for the next token, END when done
    >>> walk.allowed(remaining=12)                          # those after which 11 more can finish it
    >>> walk.advance(token)
"""

from engine.grammar.automaton import Grammar
from engine.grammar.combinators import (
    byte_of,
    choice,
    decimal,
    either,
    integer,
    literal,
    optional,
    repeat,
    sequence,
    shared,
)
from engine.grammar.constraint import Constraint, Walk
from engine.grammar.json_schema import json_schema
from engine.grammar.json_text import json_value
from engine.grammar.vocabulary import Vocabulary

__all__ = [
    "Constraint",
    "Grammar",
    "Vocabulary",
    "Walk",
    "byte_of",
    "choice",
    "decimal",
    "either",
    "integer",
    "json_schema",
    "json_value",
    "literal",
    "optional",
    "repeat",
    "sequence",
    "shared",
]
