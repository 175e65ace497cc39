"""Buttons and lists: Twilio takes them as content that is made beforehand and named by its SID.

Not by one content with places for all words: Twilio fills no new lines into a place.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from cachetools import LRUCache

from conserje import Buttons, List, Refused, Row, TryLater, Uncertain
from conserje_twilio import api

_MENU = "Ver opciones"  # what opens a list
_REMEMBERED = 10_000


class Contents:
    """The SIDs of what was made, by account: the same menu is made once a process."""

    def __init__(self) -> None:
        self._sids: LRUCache[tuple[str, str], str] = LRUCache(_REMEMBERED)

    async def sid(self, line: api.Line, content: Buttons | List) -> str:
        """The content's SID, made if it is not known. Raises Refused or TryLater: nothing is sent yet."""
        types = _types(content)
        name = _name(types)
        if (line.account_sid, name) not in self._sids:
            made = await self._make(line, {"friendly_name": name, "language": "es", "types": types})
            self._sids[line.account_sid, name] = made
        return self._sids[line.account_sid, name]

    def forget(self, line: api.Line, content: Buttons | List) -> None:
        """Have it made anew: somebody deleted it at Twilio."""
        self._sids.pop((line.account_sid, _name(_types(content))), None)

    async def _make(self, line: api.Line, asked: dict[str, Any]) -> str:
        try:
            made = await line.ask("POST", "content", "/v1/Content", json=asked)
        except Exception as error:
            failure = api.outcome(error)
            raise (TryLater(str(failure)) if isinstance(failure, Uncertain) else failure) from None
        if not isinstance(made.get("sid"), str):
            raise TryLater("Twilio's answer names no content.")
        return str(made["sid"])


def _types(content: Buttons | List) -> dict[str, Any]:
    body = _literal(content.text)
    if isinstance(content, Buttons):
        actions = [
            {"type": "QUICK_REPLY", "title": _literal(button.title), "id": _id(button.id)}
            for button in content.buttons
        ]
        return {"twilio/quick-reply": {"body": body, "actions": actions}}
    return {
        "twilio/list-picker": {"body": body, "button": _MENU, "items": [_item(row) for row in content.rows]}
    }


def _item(row: Row) -> dict[str, str]:
    described = {"description": _literal(row.description)} if row.description else {}
    return {"item": _literal(row.title), "id": _id(row.id)} | described


def _name(types: dict[str, Any]) -> str:
    return "conserje " + hashlib.sha256(json.dumps(types).encode()).hexdigest()[:32]


def _literal(text: str) -> str:
    """Two braces would be a place for Twilio to fill."""
    return text.replace("{{", "{ {")


def _id(given: str) -> str:
    if "{{" in given:
        raise Refused("Twilio takes no id of a button or row that has two braces in it.")
    return given
