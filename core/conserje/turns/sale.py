"""The sale: a basket that a contact filled at the provider is thanked for, and a person sees to it."""

from __future__ import annotations

from collections.abc import Iterable

from conserje.contract.assistant import Reply
from conserje.contract.language import in_language
from conserje.contract.message import Content, Order, Text
from conserje.tenants import words

ASSISTANT = "sale"  # in whose name the turn is kept


def ordered(contents: Iterable[Content]) -> bool:
    """Whether one of these is a basket."""
    return any(isinstance(content, Order) for content in contents)


def reply(locale: str) -> Reply:
    """What a contact is told who sent a basket, in the tenant's language."""
    said = in_language(words.ORDERED, locale)
    return Reply([Text(said)], intent="sale", confidence=1.0, hand_over=True)
