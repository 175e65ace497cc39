"""What Meta refuses of a message, each with its code."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

FILES = frozenset({"image", "video", "audio", "document", "sticker"})
KINDS = FILES | {"text", "interactive", "template", "location", "contacts", "reaction"}

_PHONE = re.compile(r"\+?[1-9][0-9]{6,14}")
_USER_ID = re.compile(r"[A-Z]{2}\.(?:ENT\.)?[A-Za-z0-9]{1,128}")


class Refusal(Exception):
    """Meta's error answer."""

    def __init__(self, code: int, details: str, status: int = 400, subcode: int = 0) -> None:
        super().__init__(details)
        self.code = code
        self.subcode = subcode
        self.status = status


def no_such(id: str) -> Refusal:
    return Refusal(100, f"Object with ID '{id}' does not exist or cannot be loaded", subcode=33)


def require(condition: object, details: str, code: int = 100) -> None:
    if not condition:
        raise Refusal(code, details)


def length(text: object, least: int, most: int, what: str) -> None:
    require(
        isinstance(text, str) and least <= len(text) <= most, f"{what} must have {least} to {most} characters"
    )


def words(text: object, most: int, what: str) -> None:
    """What somebody reads: a blank is none."""
    length(text, 1, most, what)
    require(str(text).strip(), f"{what} is blank")


def check(body: Mapping[str, Any]) -> None:
    """What can be said of the body alone. Raises Refusal."""
    try:
        _check(body)
    except (KeyError, TypeError, AttributeError) as error:
        raise Refusal(131008, f"A part is missing ({error})") from None


def _check(body: Mapping[str, Any]) -> None:
    require(body.get("messaging_product") == "whatsapp", "messaging_product must be whatsapp")
    require(body.get("recipient_type", "individual") == "individual", "recipient_type must be individual")
    _check_recipient(body)
    kind = body.get("type", "text")
    require(kind in KINDS, f"type {kind} is not carried", 131051)
    require(kind in body, f"{kind} is missing", 131008)
    length(body.get("biz_opaque_callback_data", ""), 0, 512, "biz_opaque_callback_data")
    said = body[kind]
    if kind == "contacts":
        require(isinstance(said, list) and said, "contacts must be a list")
        for card in said:
            _check_card(card)
        return
    require(isinstance(said, dict), f"{kind} must be an object")
    if kind in FILES:
        check_file(kind, said)
    elif kind != "template":
        _CHECKS[kind](said)


def _check_card(card: Mapping[str, Any]) -> None:
    require(str(card["name"].get("formatted_name") or "").strip(), "formatted_name is missing", 131008)
    require(len(card["name"]) > 1, "name needs another part", 131009)
    for phone in card.get("phones", ()):
        require(str(phone["phone"]).strip(), "phone is missing", 131008)
        require(re.fullmatch("[1-9][0-9]{6,14}", phone.get("wa_id") or "1234567"), "wa_id is none", 131009)
    for email in card.get("emails", ()):
        require(str(email["email"]).strip(), "email is missing", 131008)


def _check_recipient(body: Mapping[str, Any]) -> None:
    to, recipient = body.get("to"), body.get("recipient")
    require(to or recipient, "to or recipient is missing", 131008)
    require(not (to and recipient), "either to or recipient")
    require(not to or _PHONE.fullmatch(str(to)), "to is no phone number", 131009)
    require(not recipient or _USER_ID.fullmatch(str(recipient)), "recipient is no user id", 131009)


def _check_text(text: Mapping[str, Any]) -> None:
    words(text.get("body"), 4096, "body")
    require(isinstance(text.get("preview_url", False), bool), "preview_url must be true or false")


def check_file(kind: str, file: Mapping[str, Any]) -> None:
    require(("link" in file) != ("id" in file), "either link or id", 131008)
    require(
        str(file.get("link", "https://")).startswith(("https://", "http://")), "link is no address", 131009
    )
    require("filename" not in file or kind == "document", "filename is for documents")
    require("caption" not in file or kind not in ("audio", "sticker"), f"{kind} has no caption")
    length(file.get("caption", ""), 0, 1024, "caption")
    length(file.get("filename", "a.pdf"), 1, 240, "filename")


def _check_interactive(interactive: Mapping[str, Any]) -> None:
    kind, action = interactive.get("type"), interactive.get("action", {})
    words(interactive.get("body", {}).get("text"), 1024, "body text")
    require(kind in ("button", "list"), "interactive type is not carried", 131009)
    if kind == "button":
        _check_choices([button["reply"] for button in action["buttons"]], 3, 256, 20)
        return
    length(action.get("button"), 1, 20, "button")
    sections = action["sections"]
    require(
        len(sections) == 1 or all(section.get("title") for section in sections), "title is missing", 131009
    )
    rows = [row for section in sections for row in section["rows"]]
    _check_choices(rows, 10, 200, 24)
    for row in rows:
        length(row.get("description", ""), 0, 72, "description")


def _check_choices(choices: list[Mapping[str, Any]], most: int, id_length: int, title_length: int) -> None:
    require(1 <= len(choices) <= most, f"1 to {most} choices", 131009)
    for choice in choices:
        length(choice.get("id"), 1, id_length, "id")
        require(choice["id"] == choice["id"].strip(), "id begins or ends with a space", 131009)
        words(choice.get("title"), title_length, "title")
        require("\n" not in choice["title"], "title has a new line", 131009)
    ids, titles = {choice["id"] for choice in choices}, {choice["title"].strip() for choice in choices}
    require(len(ids) == len(choices), "ids are not unique", 131009)
    require(len(titles) == len(choices), "titles are not unique", 131009)


def check_location(location: Mapping[str, Any]) -> None:
    for name, most in (("latitude", 90), ("longitude", 180)):
        require(isinstance(location.get(name), int | float), f"{name} is missing", 131008)
        require(abs(location[name]) <= most, f"{name} is none", 131009)


def _check_reaction(reaction: Mapping[str, Any]) -> None:
    require(reaction.get("message_id"), "message_id is missing", 131008)
    require(isinstance(reaction.get("emoji"), str), "emoji is missing", 131008)


_CHECKS = {
    "text": _check_text,
    "interactive": _check_interactive,
    "location": check_location,
    "reaction": _check_reaction,
}
