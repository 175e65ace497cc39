"""Messages as the Cloud API takes them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from conserje import (
    Button,
    Buttons,
    Card,
    ContactCard,
    Content,
    File,
    List,
    Location,
    Media,
    OutboundMessage,
    Reaction,
    Refused,
    Row,
    Template,
    TemplateButton,
    Text,
)
from conserje_meta.changes import OUR_MARK
from conserje_meta.people import PHONE, USER_ID

_BUTTON_ID, _ROW_ID = 256, 200  # characters
_VALUE, _HEADER = 1024, 60
_BUTTONS = {
    "link": ("url", "text", "text"),
    "reply": ("quick_reply", "payload", "payload"),
    "code": ("copy_code", "coupon_code", "coupon_code"),
}
# What Meta shows as what it is; anything else goes as a document.
_SHOWN = frozenset(
    {
        "image/jpeg", "image/png",
        "video/mp4", "video/3gpp",
        "audio/aac", "audio/amr", "audio/mp4", "audio/mpeg", "audio/ogg",
    }
)  # fmt: skip

_WHOLE_PHONE = re.compile(r"\+[1-9](?:[ ().-]{0,2}[0-9]){6,14}")  # with its country
_FILE_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")  # of one that was handed in
_NO_DIGIT = re.compile(r"[^0-9]")


def write(message: OutboundMessage, list_button: str) -> dict[str, Any]:
    """The body that Meta is posted. Raises Refused."""
    kind, said = _said(message.content, list_button)
    body: dict[str, Any] = {
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        **recipient(message.to),
        "type": kind,
        kind: said,
        "biz_opaque_callback_data": f"{OUR_MARK}{message.id}",
    }
    if message.quotes and kind != "reaction":
        body["context"] = {"message_id": message.quotes}
    return body


def recipient(to: str) -> dict[str, str]:
    """The contact by phone, or by user id where WhatsApp tells no phone. Raises Refused."""
    if phone := PHONE.fullmatch(to):
        return {"to": phone[1]}
    if USER_ID.fullmatch(to):
        return {"recipient": to}
    raise Refused("The contact's address is neither a phone nor a user id of WhatsApp.")


def _said(content: Content, list_button: str) -> tuple[str, Any]:
    match content:
        case Text(text=text):
            return "text", {"body": text, "preview_url": "https://" in text or "http://" in text}
        case Media(files=(file,), caption=caption):
            return _file(file, caption)
        case Buttons(text=text, buttons=buttons):
            return "interactive", _interactive("button", text, {"buttons": [_button(b) for b in buttons]})
        case List(text=text, rows=rows):
            sections = [{"rows": [_row(row) for row in rows]}]
            return "interactive", _interactive("list", text, {"button": list_button, "sections": sections})
        case Template():
            return "template", _template(content)
        case _:
            return _thing(content)


def _thing(content: Content) -> tuple[str, Any]:
    match content:
        case Location(latitude=latitude, longitude=longitude, name=name, address=address):
            place = {"latitude": latitude, "longitude": longitude}
            # Without a name WhatsApp shows no address.
            return "location", place | _given(name=name.strip() or address, address=address)
        case ContactCard():
            return "contacts", [card(each) for each in content.cards]
        case Reaction(to=to, emoji=emoji):
            return "reaction", {"message_id": to, "emoji": emoji}
        case _:
            raise Refused(f"The channel meta cannot carry a message of the kind {content.type}.")


def _given(**fields: str) -> dict[str, str]:
    return {name: value for name, value in fields.items() if value.strip()}


def _file(file: File, caption: str) -> tuple[str, dict[str, Any]]:
    where = _where(file)
    kind: str = file.kind
    wordless = kind in ("audio", "sticker")
    shown = kind == "sticker" or file.media_type in _SHOWN
    if not shown or (wordless and caption):
        kind = "document"
    if kind == "document":
        return kind, where | _given(caption=caption, filename=file.title)
    return kind, where | _given(caption=caption)


def _where(file: File) -> dict[str, str]:
    """Where Meta has the file: at an address, or in its own hands. Raises Refused."""
    if file.ref.startswith(("https://", "http://")):
        return {"link": file.ref}
    if _FILE_ID.fullmatch(file.ref):
        return {"id": file.ref}
    raise Refused(
        "The message's file has no address that Meta could fetch it from; give one that begins with https://."
    )


def _interactive(kind: str, text: str, action: dict[str, Any]) -> dict[str, Any]:
    return {"type": kind, "body": {"text": text}, "action": action}


def _button(button: Button) -> dict[str, Any]:
    return {"type": "reply", "reply": {"id": _id(button.id, _BUTTON_ID), "title": button.title}}


def _row(row: Row) -> dict[str, str]:
    return {"id": _id(row.id, _ROW_ID), "title": row.title} | _given(description=row.description)


def _id(id: str, longest: int) -> str:
    if not 0 < len(id) <= longest:
        raise Refused(f"The id of a choice has {len(id)} characters; give it 1 to {longest}.")
    return id


def _template(template: Template) -> dict[str, Any]:
    if not template.language:
        raise Refused(f"The template {template.name} names no language; give one, such as es or es_CL.")
    written: dict[str, Any] = {"name": template.name, "language": {"code": template.language}}
    components = [*_header(template), *_body(template), *(_filled(button) for button in template.buttons)]
    return written | ({"components": components} if components else {})


def _header(template: Template) -> Iterator[dict[str, Any]]:
    match template.header:
        case File() as file:
            kind, said = _file(file, "")
            if kind in ("audio", "sticker"):
                raise Refused(f"A template's header is a picture, a film or a document, not {kind}.")
            yield {"type": "header", "parameters": [{"type": kind, kind: said}]}
        case Location() as place:
            kind, said = _said(place, "")
            yield {"type": "header", "parameters": [{"type": kind, kind: said}]}
        case str(text):
            yield {"type": "header", "parameters": [_value(text, _HEADER)]}


def _body(template: Template) -> Iterator[dict[str, Any]]:
    if template.names and len(template.names) != len(template.values):
        raise Refused(
            f"The template {template.name} has {len(template.names)} names for {len(template.values)} values."
        )
    values = [_value(value, _VALUE) for value in template.values]
    for value, name in zip(values, template.names, strict=False):
        value["parameter_name"] = name
    if values:
        yield {"type": "body", "parameters": values}


def _value(value: str, longest: int) -> dict[str, str]:
    """Meta takes neither line breaks, nor many spaces, nor nothing at all in a value."""
    return {"type": "text", "text": " ".join(value.split())[:longest] or "-"}


def _filled(button: TemplateButton) -> dict[str, Any]:
    sub_type, kind, name = _BUTTONS[button.kind]
    filled = {"type": kind, name: button.value}
    return {"type": "button", "sub_type": sub_type, "index": str(button.index), "parameters": [filled]}


def card(card: Card) -> dict[str, Any]:
    return {
        "name": {"formatted_name": card.name, "first_name": card.name},
        "phones": [_phone(phone) for phone in card.phones if phone.strip()],
        "emails": [{"email": email} for email in card.emails if email.strip()],
    }


def _phone(phone: str) -> dict[str, str]:
    """With its name at WhatsApp, so that the contact can write there."""
    digits = _NO_DIGIT.sub("", phone)
    return {"phone": phone} | ({"wa_id": digits} if _WHOLE_PHONE.fullmatch(phone.strip()) else {})
