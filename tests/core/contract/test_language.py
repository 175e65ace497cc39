"""What is said in several languages, by the locale of a tenant."""

from __future__ import annotations

import pytest

from conserje import in_language

HELLO = {"es": "Hola", "pt": "Olá", "en": "Hello"}


@pytest.mark.parametrize(
    ("locale", "said"),
    [
        ("es-CL", "Hola"),
        ("es", "Hola"),
        ("pt-BR", "Olá"),
        ("PT-BR", "Olá"),
        ("en-GB", "Hello"),
        ("fr-FR", "Hello"),
    ],
)
def test_a_language_that_is_not_spoken_is_english(locale: str, said: str) -> None:
    assert in_language(HELLO, locale) == said
