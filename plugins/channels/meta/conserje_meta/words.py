"""What contacts read besides the message itself, in the tenant's language."""

from __future__ import annotations

LIST_BUTTONS = {"es": "Ver opciones", "pt": "Ver opções", "en": "See options"}  # at most 20 characters
