"""Tokens: 256 random bits, recognisable, stored as a hash; and who a token may act for."""

from __future__ import annotations

import base64
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctc_ari.directory import (
    Principal,
    hash_token,
    new_session_token,
    new_token,
    split_session_token,
    split_token,
    token_matches,
)

Make = Callable[[], tuple[str, str]]
Split = Callable[[str], str | None]
KINDS = [(new_token, split_token, "ctc"), (new_session_token, split_session_token, "ctcs")]


@pytest.mark.parametrize(("make", "split", "prefix"), KINDS)
def test_a_new_token_is_recognisable_and_has_256_random_bits(make: Make, split: Split, prefix: str) -> None:
    token_id, token = make()
    start, found, secret = token.split("_", 2)
    assert (start, found) == (prefix, token_id)
    assert split(token) == token_id
    assert len(base64.urlsafe_b64decode(secret + "=")) == 32


def test_no_two_tokens_are_alike() -> None:
    made = [new_token() for _ in range(1000)]
    assert len({token_id for token_id, _ in made}) == len({token for _, token in made}) == 1000


def test_a_session_is_no_token_and_a_token_no_session() -> None:
    assert split_token(new_session_token()[1]) is None
    assert split_session_token(new_token()[1]) is None


@given(st.text())
def test_any_text_is_split_or_refused(text: str) -> None:
    for split, prefix in ((split_token, "ctc_"), (split_session_token, "ctcs_")):
        found = split(text)
        assert found is None or text.startswith(f"{prefix}{found}_")


NO_TOKENS = ["", "ctc", "ctc_", "ctc__", "ctc_id", "ctc_id_", "ctc__secret", "CTC_id_secret", " ctc_id_s"]


@pytest.mark.parametrize("text", NO_TOKENS)
def test_what_is_no_token_has_no_id(text: str) -> None:
    assert split_token(text) is None


def test_only_the_same_token_matches_its_hash() -> None:
    _, token = new_token()
    stored = hash_token(token)
    assert len(stored) == 32
    assert token.encode() not in stored
    assert token_matches(token, stored)
    for other in (token + "x", token[:-1], token.upper(), "", new_token()[1]):
        assert not token_matches(other, stored)


@given(st.text(st.characters()))
def test_no_text_breaks_the_comparison(text: str) -> None:
    """A header may bring anything, lone surrogates too."""
    assert token_matches(text, hash_token(text))
    assert not token_matches(text, bytes(32))


def test_only_a_token_with_the_right_administers_or_supervises() -> None:
    plain, admin = Principal("t", "crm"), Principal("t", "crm", rights=frozenset({"admin"}))
    supervisor = Principal("t", "lead", frozenset({"alice@example.com"}), rights=frozenset({"supervise"}))
    assert [who.may_administer for who in (plain, admin, supervisor)] == [False, True, False]
    assert [who.may_supervise for who in (plain, admin, supervisor)] == [False, False, True]


def test_a_token_for_some_agents_never_administers() -> None:
    assert not Principal("t", "x", frozenset({"alice@example.com"}), rights=frozenset({"admin"})).may_administer


def test_a_token_acts_for_all_or_for_the_agents_named() -> None:
    assert Principal("t", "crm").may_act_for("anybody@example.com")
    named = Principal("t", "crm", frozenset({"alice@example.com"}))
    assert named.may_act_for("alice@example.com")
    assert named.may_act_for("Alice@Example.COM")
    assert not named.may_act_for("bob@example.com")
    assert not Principal("t", "crm", frozenset()).may_act_for("alice@example.com")
