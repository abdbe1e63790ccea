"""How names are searched: by the beginnings of their words, whatever their accents and letter case. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence

__all__ = ["fold", "matches", "words_of"]

_WORD = re.compile(r"[^\W_]+")
#: PostgreSQL takes no lexeme of more than 2,046 bytes, and nobody types so long a word.
LONGEST_WORD = 64


def fold(text: str) -> str:
    """The text as it is compared and sorted: `Zoë  MÜLLER` is `zoe muller`."""
    if not text.isascii():
        decomposed = unicodedata.normalize("NFKD", text)
        text = "".join(character for character in decomposed if not unicodedata.combining(character))
    return " ".join(text.casefold().split())


def words_of(*texts: str | None) -> list[str]:
    """The different words, folded and in order; `anna.berg@example.com` is four."""
    found = (word for text in texts if text for word in _WORD.findall(fold(text)))
    return list(dict.fromkeys(word[:LONGEST_WORD] for word in found))


def matches(query: Sequence[str], words: Iterable[str]) -> bool:
    """Whether each word of the query begins one of the words."""
    words = tuple(words)
    return all(any(word.startswith(wanted) for word in words) for wanted in query)
