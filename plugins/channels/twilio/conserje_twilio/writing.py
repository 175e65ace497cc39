"""Messages as Twilio takes them: the fields of a call, and the contents that are made before it."""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any

from cachetools import LRUCache

from conserje import (
    Buttons,
    Content,
    List,
    Location,
    Media,
    OutboundMessage,
    Receipt,
    Refused,
    Row,
    Template,
    Text,
    TryLater,
    Uncertain,
)
from conserje_twilio import api
from conserje_twilio.errors import outcome
from conserje_twilio.words import Words

WHATSAPP = "whatsapp:"
_REMEMBERED = 10_000
_CONTENT_SID = re.compile("HX[0-9a-fA-F]{32}")
_LONGEST_VALUE = 1600

# GSM 03.38: the basic alphabet, and what takes two places in it. Of Spanish it lacks á, í, ó, ú.
_GSM = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_TWICE = frozenset("\f^{}\\[~]|€")


class Contents:
    """The SIDs of buttons and lists, which Twilio takes as contents that were made beforehand.

    The same menu is made once a process and Twilio account. It is not one content with places for all
    words: Twilio fills no new lines into a place.
    """

    def __init__(self) -> None:
        self._sids: LRUCache[tuple[str, str], str] = LRUCache(_REMEMBERED)

    async def sid(self, line: api.Line, content: Buttons | List, words: Words) -> str:
        """The content's SID, made if it is not known. Raises Refused or TryLater: nothing is sent yet."""
        types = _types(content, words)
        name = _name(types)
        if (line.account_sid, name) not in self._sids:
            made = await self._make(line, {"friendly_name": name, "language": words.code, "types": types})
            self._sids[line.account_sid, name] = made
        return self._sids[line.account_sid, name]

    def forget(self, line: api.Line, content: Buttons | List, words: Words) -> None:
        """Have it made anew: somebody deleted it at Twilio."""
        self._sids.pop((line.account_sid, _name(_types(content, words))), None)

    async def _make(self, line: api.Line, asked: dict[str, Any]) -> str:
        try:
            made = await line.ask("POST", "content", "/v1/Content", json=asked)
        except Exception as error:
            failure = outcome(error)
            raise (TryLater(str(failure)) if isinstance(failure, Uncertain) else failure) from None
        if not isinstance(made.get("sid"), str):
            raise TryLater("Twilio's answer names no content.")
        return str(made["sid"])


async def write(message: OutboundMessage, line: api.Line, contents: Contents, words: Words) -> dict[str, Any]:
    """What `message` is in a call to Twilio's messages, but for who sends it. Raises Refused or TryLater."""
    said, status_url = message.content, message.status_url
    if isinstance(said, Buttons | List):
        fields = {"ContentSid": await contents.sid(line, said, words)}
    else:
        fields = _fields(said)
    if status_url and "Body" in fields and not message.to.startswith(WHATSAPP):
        # What an SMS costs: Twilio's reports do not say it.
        status_url += f"&segments={segments(fields['Body'])}"
    return {"To": message.to} | ({"StatusCallback": status_url} if status_url else {}) | fields


def receipt(sid: str, message: OutboundMessage) -> Receipt:
    """Twilio has it; as what it charges an SMS, and for how many segments."""
    if message.to.startswith(WHATSAPP):
        return Receipt(sid)
    if isinstance(message.content, Media):
        return Receipt(sid, "mms")
    return Receipt(sid, "sms", segments(body(message.content)))


def body(content: Content) -> str:
    """What Twilio lists as the body of a message that was sent."""
    match content:
        case Buttons(text=text) | List(text=text) | Template(text=text):
            return text
        case _:
            return str(_fields(content).get("Body", ""))


def _fields(content: Content) -> dict[str, Any]:
    match content:
        case Text(text=text):
            return {"Body": text}
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
        raise Refused(
            "The message's file has no URL that Twilio could fetch it from; give one that begins with https://."
        )
    caption = {"Body": content.caption} if content.caption else {}
    return {"MediaUrl": [file.ref for file in content.files]} | caption


def _location(content: Location) -> dict[str, Any]:
    point = f"{_decimal(content.latitude)},{_decimal(content.longitude)}"
    name, address = content.name.strip(), content.address.strip()
    label = " ".join((address or name).replace("|", " ").split())
    return {
        "Body": name or address or point,
        "PersistentAction": [f"geo:{point}" + (f"|{label}" if label else "")],
    }


def _decimal(degrees: float) -> str:
    """Plain, without an exponent; seven places are a centimetre."""
    return f"{degrees:.7f}".rstrip("0").rstrip(".")


def _template(content: Template) -> dict[str, Any]:
    if not _CONTENT_SID.fullmatch(content.name):
        raise Refused(
            "The template's name is not a ContentSid (HX...); see Twilio's Content Template Builder."
        )
    if content.header is not None or content.buttons:
        raise Refused(
            "What Twilio fills into a template's header and buttons are values like the others; give them so."
        )
    names = content.names or [str(n) for n in range(1, len(content.values) + 1)]
    if len(names) != len(content.values):
        raise Refused(f"The template has {len(names)} names for {len(content.values)} values.")
    values = {name: _value(value) for name, value in zip(names, content.values, strict=True)}
    variables = {"ContentVariables": json.dumps(values, ensure_ascii=False)} if values else {}
    return {"ContentSid": content.name} | variables


def _value(value: str) -> str:
    """Twilio takes neither new lines nor more than four spaces in a row, nor an empty value (21656)."""
    return " ".join(value.split())[:_LONGEST_VALUE] or "-"


def _types(content: Buttons | List, words: Words) -> dict[str, Any]:
    body = _literal(content.text)
    if isinstance(content, Buttons):
        actions = [
            {"type": "QUICK_REPLY", "title": _literal(button.title), "id": _id(button.id)}
            for button in content.buttons
        ]
        return {"twilio/quick-reply": {"body": body, "actions": actions}}
    items = [_item(row) for row in content.rows]
    return {"twilio/list-picker": {"body": body, "button": words.list_button, "items": items}}


def _item(row: Row) -> dict[str, str]:
    described = {"description": _literal(row.description)} if row.description else {}
    return {"item": _literal(row.title), "id": _id(row.id)} | described


def _name(types: dict[str, Any]) -> str:
    return "conserje " + hashlib.sha256(json.dumps(types).encode()).hexdigest()[:32]


def _literal(text: str) -> str:
    """Two braces would be a place for Twilio to fill; what looks like the second one takes as much room."""
    return text.replace("{{", "{\N{FULLWIDTH LEFT CURLY BRACKET}")


def _id(given: str) -> str:
    if "{{" in given:
        raise Refused("The id of a button or row has two braces, which Twilio would fill; name it without.")
    return given


def segments(text: str) -> int:
    """How many segments an SMS takes, each of which is paid: in GSM-7 where `text` fits, else in UCS-2."""
    if set(text) <= _GSM | _TWICE:
        return _cut([2 if character in _TWICE else 1 for character in text], 160, 153)
    return _cut([2 if ord(character) > 0xFFFF else 1 for character in text], 70, 67)


def _cut(widths: list[int], alone: int, joined: int) -> int:
    """`alone` places in a single segment, `joined` in one of several; no character is cut in two."""
    if sum(widths) <= alone:
        return 1
    count, used = 1, 0
    for width in widths:
        used += width
        if used > joined:
            count, used = count + 1, width
    return count
