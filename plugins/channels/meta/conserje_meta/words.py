"""What contacts read besides the message itself, in the tenant's language."""

from __future__ import annotations

LIST_BUTTONS = {"es": "Ver opciones", "pt": "Ver opções", "en": "See options"}  # at most 20 characters


def list_button(locale: str) -> str:
    """What opens a list; English for a locale whose language is not spoken here."""
    return LIST_BUTTONS.get(locale[:2].lower(), LIST_BUTTONS["en"])
