"""Words in what people write, whatever the case and the accents."""

import re
import unicodedata


def fold(text):
    """``text`` without accents, in one case and with single spaces."""
    plain = unicodedata.normalize("NFKD", (text or "").casefold())
    plain = "".join(char for char in plain if not unicodedata.combining(char))
    return " ".join(plain.split())


def split_words(text):
    """The words and phrases of a list: one a line, or separated by commas or semicolons."""
    return list(dict.fromkeys(filter(None, map(fold, re.split(r"[,;\n]", text or "")))))


def has_word(folded, word):
    """Whether a word or phrase stands in a text, as a whole. Both are folded already."""
    return re.search(rf"(?<!\w){re.escape(word)}(?!\w)", folded) is not None
