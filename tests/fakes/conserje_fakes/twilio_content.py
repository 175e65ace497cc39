"""The stand-in's Content API: what may be made, and what a message by ContentSid says."""

from __future__ import annotations

import json
import re
import secrets
from dataclasses import dataclass, field
from typing import Any

from starlette.datastructures import FormData

from conserje_fakes.twilio_refusals import Refusal

QUICK_REPLY, LIST_PICKER, TEXT = "twilio/quick-reply", "twilio/list-picker", "twilio/text"
IN_SESSION_BUTTONS = 3
_PLACE = re.compile(r"\{\{(\w{1,16})\}\}")
_BAD_VALUE = re.compile(r"[\n\r\t]| {5}")


@dataclass(frozen=True, slots=True)
class Content:
    """A content of an account; only an approved one is a template that leaves outside the window."""

    sid: str
    account_sid: str
    types: dict[str, Any]
    variables: dict[str, str]
    approved: bool = False

    @property
    def body(self) -> str:
        (content,) = self.types.values()
        return str(content["body"])

    @property
    def choices(self) -> list[str]:
        """What is shown below the words, a line each."""
        actions = self.types.get(QUICK_REPLY, {}).get("actions", ())
        items = self.types.get(LIST_PICKER, {}).get("items", ())
        described = [": ".join(filter(None, (each["item"], each.get("description")))) for each in items]
        return [*(f"[{each['title']}]" for each in actions), *(f"• {each}" for each in described)]

    @property
    def buttons(self) -> int:
        return len(self.types.get(QUICK_REPLY, {}).get("actions", ()))

    def json(self) -> dict[str, Any]:
        return {"sid": self.sid, "account_sid": self.account_sid, "types": self.types, "language": "es"}


@dataclass
class Library:
    """The contents by their SIDs."""

    contents: dict[str, Content] = field(default_factory=dict)

    def create(self, account_sid: str, asked: Any) -> Content:
        """Raises Refusal."""
        types = asked.get("types") if isinstance(asked, dict) else None
        if not isinstance(types, dict) or len(types) != 1 or not asked.get("language"):
            raise _bad("language and one of types are required")
        for kind, content in types.items():
            _check(kind, content)
        return self._add(account_sid, types, asked.get("variables") or {})

    def approve(self, account_sid: str, text: str, **variables: str) -> str:
        """The SID of a template of that text, as if WhatsApp had approved it."""
        return self._add(account_sid, {TEXT: {"body": text}}, variables, approved=True).sid

    def render(self, account_sid: str, form: FormData) -> tuple[Content, str]:
        """What a message by ContentSid and ContentVariables says. Raises Refusal."""
        content = self.contents.get(str(form["ContentSid"]))
        if content is None or content.account_sid != account_sid:
            raise Refusal(400, 21655, "The ContentSid is Invalid")
        values = content.variables | _values(str(form.get("ContentVariables", "") or "{}"))
        return content, _PLACE.sub(lambda place: values.get(place[1], place[0]), content.body)

    def _add(
        self, account_sid: str, types: dict[str, Any], variables: dict[str, str], *, approved: bool = False
    ) -> Content:
        content = Content("HX" + secrets.token_hex(16), account_sid, types, variables, approved)
        self.contents[content.sid] = content
        return content


def _values(given: str) -> dict[str, str]:
    try:
        values = json.loads(given)
    except ValueError:
        values = None
    if not isinstance(values, dict) or len(values) > 100:
        raise _bad_values()
    for value in values.values():
        if not isinstance(value, str) or not value or len(value) > 1600 or _BAD_VALUE.search(value):
            raise _bad_values()
    return values


def _check(kind: str, content: dict[str, Any]) -> None:
    _between(content, "body", 1600 if kind == TEXT else 1024)
    if kind == QUICK_REPLY:
        for action in _some(content, "actions", "title"):
            _between(action, "title", 20)
            _between(action, "id", 200)
    elif kind == LIST_PICKER:
        _between(content, "button", 20)
        for item in _some(content, "items", "item"):
            _between(item, "item", 24)
            _between(item, "id", 200)
            if "description" in item:
                _between(item, "description", 72)
    elif kind != TEXT:
        raise _bad(f"the stand-in knows no {kind}")


def _between(given: Any, name: str, most: int) -> None:
    words = str(given.get(name) or "") if isinstance(given, dict) else ""
    if not (words.strip() and len(words) <= most):
        raise _bad(f"{name} must have 1 to {most} characters")


def _some(content: dict[str, Any], name: str, title: str) -> list[Any]:
    given = content.get(name)
    if not isinstance(given, list) or not 1 <= len(given) <= 10:
        raise _bad(f"there must be 1 to 10 {name}")
    for unique in ("id", title):
        if len({str(each.get(unique)).strip() for each in given}) < len(given):
            raise _bad(f"two of {name} have the same {unique}")
    return given


def _bad(why: str) -> Refusal:
    return Refusal(400, 20001, f"Bad request: {why}")


def _bad_values() -> Refusal:
    return Refusal(400, 21656, "The ContentVariables Parameter is invalid")
