"""The tokenizer loses nothing, and no text of a user becomes a special token."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import BadPrompt, BadTokenizer
from engine.tokenizer import (
    ASSISTANT,
    END,
    HOME,
    SPECIAL_TOKENS,
    SYSTEM,
    USER,
    Tokenizer,
    label_token,
    train_tokenizer,
)

pytest_plugins = ["engine_fixtures"]

# Text in which special tokens, digits and whole sentences are as likely as letters.
hostile = st.lists(
    st.one_of(
        st.sampled_from(SPECIAL_TOKENS),
        st.sampled_from(
            ["<|", "|>", "kitchen", "  ", "\n\n", "\x00", "é", "👩‍👩‍👧", "\uff11\uff12"]
        ),
        st.text(max_size=8),
        st.integers(0, 10**6).map(str),
    ),
    max_size=12,
).map("".join)


@given(text=hostile)
def test_every_text_comes_back(tokenizer: Tokenizer, text: str) -> None:
    ids = tokenizer.encode(text)
    assert tokenizer.decode(ids) == text
    assert tokenizer.decode_bytes(ids) == text.encode()


@given(text=hostile)
def test_no_text_becomes_a_special_token(tokenizer: Tokenizer, text: str) -> None:
    assert all(number >= len(SPECIAL_TOKENS) for number in tokenizer.encode(text))


@given(text=hostile)
def test_digits_stand_alone(tokenizer: Tokenizer, text: str) -> None:
    for number in tokenizer.encode(text):
        piece = tokenizer.token_bytes[number]
        assert len(piece) == 1 or not any(byte in b"0123456789" for byte in piece)


@given(texts=st.lists(hostile, max_size=5))
def test_many_at_once_are_as_one_by_one(tokenizer: Tokenizer, texts: list[str]) -> None:
    assert tokenizer.encode_many(texts) == [tokenizer.encode(text) for text in texts]


def test_unused_ids_of_a_small_corpus_fill_the_vocabulary() -> None:
    tokenizer = train_tokenizer(["abab"] * 3, 576)
    assert tokenizer.vocab_size == 576
    assert len(tokenizer.token_bytes) == 576
    assert tokenizer.decode([575]) == ""


def test_saved_and_loaded_it_is_the_same(tokenizer: Tokenizer, tmp_path: Path) -> None:
    tokenizer.save(tmp_path / "tokenizer.json")
    for path in (tmp_path, tmp_path / "tokenizer.json"):
        again = Tokenizer.load(path)
        assert again.fingerprint == tokenizer.fingerprint
        assert again.encode("turn on 42 <|end|>") == tokenizer.encode("turn on 42 <|end|>")


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff", b'{"version": "1.0"}'])
def test_a_damaged_file_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "tokenizer.json").write_bytes(content)
    with pytest.raises(BadTokenizer):
        Tokenizer.load(tmp_path)


def test_a_foreign_tokenizer_is_refused(tmp_path: Path, tokenizer: Tokenizer) -> None:
    tokenizer.save(tmp_path / "tokenizer.json")
    text = (tmp_path / "tokenizer.json").read_text("utf-8")
    (tmp_path / "tokenizer.json").write_text(text.replace("<|home|>", "<|house|>"), "utf-8")
    with pytest.raises(BadTokenizer, match="home"):
        Tokenizer.load(tmp_path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadTokenizer, match="nowhere"):
        Tokenizer.load(tmp_path / "nowhere.json")


def test_a_lone_surrogate_is_no_text(tokenizer: Tokenizer) -> None:
    with pytest.raises(BadPrompt, match="surrogate"):
        tokenizer.encode("a\ud800")
    with pytest.raises(BadPrompt, match="surrogate"):
        tokenizer.encode_many(["fine", "\udfff"])


def test_the_form_of_a_request(tokenizer: Tokenizer) -> None:
    told, asked = tokenizer.encode("be short"), tokenizer.encode("<|user|> hello")
    assert tokenizer.chat("<|user|> hello") == [USER, *asked, ASSISTANT]
    assert tokenizer.chat("<|user|> hello", system="be short", task="home") == [
        HOME,
        SYSTEM,
        *told,
        USER,
        *asked,
        ASSISTANT,
    ]
    with pytest.raises(BadPrompt, match="cooking"):
        tokenizer.chat("x", task="cooking")


def test_labels_are_tokens(tokenizer: Tokenizer) -> None:
    assert SPECIAL_TOKENS[label_token(0)] == "<|label_0|>"
    assert SPECIAL_TOKENS[label_token(255)] == "<|label_255|>"
    assert END == 1
    for number in (-1, 256):
        with pytest.raises(BadPrompt):
            label_token(number)


def test_an_id_outside_the_vocabulary_is_named(tokenizer: Tokenizer) -> None:
    with pytest.raises(BadPrompt, match="vocabulary"):
        tokenizer.decode([tokenizer.vocab_size])
    with pytest.raises(BadPrompt, match="vocabulary"):
        tokenizer.decode([-1])
