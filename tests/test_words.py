"""Names are found by the beginnings of their words, whatever their accents and letter case."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctc_ari.words import LONGEST_WORD, fold, matches, words_of


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("Grace Hopper", "grace hopper"),
        ("  Zoë \t MÜLLER\n", "zoe muller"),
        ("Zoe\u0308", "zoe"),
        ("Straße", "strasse"),
        ("ЖАННА", "жанна"),
        ("\uff26\uff55ll", "full"),
        ("", ""),
    ],
)
def test_texts_that_look_alike_are_compared_alike(text: str, folded: str) -> None:
    assert fold(text) == folded


@pytest.mark.parametrize(
    ("texts", "words"),
    [
        (("Grace O'Malley",), ["grace", "o", "malley"]),
        (("Anna", "anna.berg@example.com", None, ""), ["anna", "berg", "example", "com"]),
        (("AT&T_Labs (24/7)",), ["at", "t", "labs", "24", "7"]),
        (("!?", "\u0301"), []),
        (("x" * 100,), ["x" * LONGEST_WORD]),
    ],
)
def test_words_are_letters_and_digits(texts: tuple[str | None, ...], words: list[str]) -> None:
    assert words_of(*texts) == words


def test_each_word_of_the_query_begins_a_word() -> None:
    grace = words_of("Grace Hopper")
    assert matches(words_of("hop gr"), grace)
    assert matches([], grace)
    assert not matches(words_of("grace x"), grace)
    assert not matches(words_of("opper"), grace)


@given(st.text())
def test_every_text_finds_itself(text: str) -> None:
    words = words_of(text)
    assert matches(words_of(fold(text)), words)
    assert words_of(" ".join(words)) == words or not text.isascii()


@given(st.text())
def test_no_word_can_break_out_of_a_query(text: str) -> None:
    assert not [word for word in words_of(text) if set(word) & set("'\\:*&|!()<> \x00")]
