"""What contacts read besides the message itself, in the tenant's language."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Words:
    """One language, by Twilio's code for it."""

    code: str
    list_button: str  # opens a list; at most 20 characters


LANGUAGES = {
    "es": Words("es", "Ver opciones"),
    "pt": Words("pt_BR", "Ver opções"),
    "en": Words("en", "See options"),
}
