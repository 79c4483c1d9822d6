"""The byte strings of a tokenizer as a trie, in four arrays: 0.15 MB for 8192 tokens."""

from array import array

import numpy as np
import numpy.typing as npt

from engine.errors import BadGrammar
from engine.tokenizer import Tokenizer

NO_TOKEN = -1


class Vocabulary:
    """A trie; share it among constraints. Node 0 is the root.

    The children of node n are the nodes first[n] to first[n + 1] - 1, in the order of their bytes:
    nodes stand in the order in which they are met level by level.

    Attributes:
        labels: the byte that leads to each node.
        first: as above; one longer than there are nodes.
        token: the token whose bytes end at each node, `NO_TOKEN` where there is none.
        token_bytes: the bytes of each token by id; empty for special ones.
        longest: the most bytes of a token.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        """Build it.

        Raises:
            BadGrammar: some byte is no token, so that some text could not be written.
        """
        self.token_bytes = tokenizer.token_bytes
        self.longest = max(map(len, self.token_bytes))
        pieces = sorted((piece, n) for n, piece in enumerate(self.token_bytes) if piece)
        labels, first, token = bytearray(1), array("i"), array("i", [NO_TOKEN])
        # A level is a list of (from, to) of `pieces` that share their first `depth` bytes.
        level, depth = [(0, len(pieces))], 0
        while level:
            below = []
            for low, high in level:
                first.append(len(labels))
                while low < high and len(pieces[low][0]) == depth:
                    low += 1  # noqa: PLW2901 - those that end here were given out above
                while low < high:
                    byte, start = pieces[low][0][depth], low
                    while low < high and pieces[low][0][depth] == byte:
                        low += 1  # noqa: PLW2901
                    labels.append(byte)
                    ends_here = len(pieces[start][0]) == depth + 1
                    token.append(pieces[start][1] if ends_here else NO_TOKEN)
                    below.append((start, low))
            level, depth = below, depth + 1
        first.append(len(labels))
        self.labels, self.first, self.token = bytes(labels), first, token
        self.label_array = np.frombuffer(self.labels, np.uint8)
        self.first_array: npt.NDArray[np.int32] = np.array(first, np.int32)
        self.token_array: npt.NDArray[np.int32] = np.array(token, np.int32)
        if first[1] - first[0] != 256 or NO_TOKEN in token[first[0] : first[1]]:
            raise BadGrammar("the vocabulary lacks single bytes", "use a byte-level tokenizer")

    def fewest(self, text: bytes) -> tuple[int, ...]:
        """`text` in as few tokens as can be."""
        labels, first, token = self.labels, self.first, self.token
        # best[i]: (tokens from i to the end, the first of them, where it ends), from the end on.
        best: list[tuple[int, int, int]] = [(0, 0, 0)] * (len(text) + 1)
        for start in range(len(text) - 1, -1, -1):
            found = (len(text) + 1, 0, 0)
            node = 0
            for end in range(start, len(text)):
                node = labels.find(text[end], first[node], first[node + 1])
                if node < 0:
                    break
                if token[node] != NO_TOKEN and 1 + best[end + 1][0] < found[0]:
                    found = (1 + best[end + 1][0], token[node], end + 1)
            best[start] = found
        ids, place = [], 0
        while place < len(text):
            _, number, place = best[place]
            ids.append(number)
        return tuple(ids)
