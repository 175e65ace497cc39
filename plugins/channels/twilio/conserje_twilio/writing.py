"""Writes messages as Twilio takes them."""

from __future__ import annotations

import json
import re
from typing import Any

from conserje import Content, Location, Media, Refused, Template, Text

WHATSAPP = "whatsapp:"
_CONTENT_SID = re.compile("HX[0-9a-fA-F]{32}")
_LONGEST_VALUE = 1600


def fields(content: Content) -> dict[str, Any]:
    """What `content` is in a call to Twilio's messages. Raises Refused."""
    match content:
        case Text(text=text):
            return {"body": text}
        case Media():
            return _media(content)
        case Location():
            return _location(content)
        case Template():
            return _template(content)
        case _:
            raise Refused(f"The channel twilio cannot carry a message of the kind {content.type}.")


def _media(content: Media) -> dict[str, Any]:
    if not all(file.ref.startswith(("https://", "http://")) for file in content.files):
        raise Refused("Twilio fetches files by their public URL; this message's file has none.")
    caption = {"body": content.caption} if content.caption else {}
    return {"media_url": [file.ref for file in content.files]} | caption


def _location(content: Location) -> dict[str, Any]:
    point = f"{content.latitude},{content.longitude}"
    label = content.address or content.name
    return {
        "body": content.name or content.address or point,
        "persistent_action": [f"geo:{point}" + (f"|{label}" if label else "")],
    }


def _template(content: Template) -> dict[str, Any]:
    if not _CONTENT_SID.fullmatch(content.name):
        raise Refused(
            "A template of Twilio is named by its ContentSid (HX...); see its Content Template Builder."
        )
    values = {str(n): _value(value) for n, value in enumerate(content.values, 1)}
    variables = {"content_variables": json.dumps(values, ensure_ascii=False)} if values else {}
    return {"content_sid": content.name} | variables


def _value(value: str) -> str:
    """Twilio takes neither new lines nor more than four spaces in a row, nor nothing at all (21656)."""
    return " ".join(value.split())[:_LONGEST_VALUE] or "-"
