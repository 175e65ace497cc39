"""Who wrote: contacts by their names at WhatsApp, each of which is known by its form, wherever it stands."""

from __future__ import annotations

import re
from dataclasses import dataclass

from conserje_meta.item import Item, Unclear

PHONE = re.compile(r"\+?([0-9]{5,20})")
USER_ID = re.compile(r"[A-Z]{2}\.(?:ENT\.)?[A-Za-z0-9]{1,128}")


@dataclass(frozen=True, slots=True)
class Person:
    """Who wrote: where an answer goes, further names, and what the contact is called."""

    sender: str
    identities: tuple[str, ...]
    name: str = ""


@dataclass(frozen=True, slots=True)
class _Contact:
    """Who is named beside the messages of a change."""

    ids: tuple[str, ...]
    name: str


class People:
    """Those contacts of a change that can be read; what they wrote can be taken without them."""

    def __init__(self, value: Item) -> None:
        self.given = value.fields.get("contacts")
        contacts = [_contact(each) for each in value.parts("contacts")]
        self.odd = value.odd
        self._known = {id: contact for contact in contacts for id in contact.ids}
        if len(contacts) == 1 and len(value.many("messages")) <= 1:
            self._known[""] = contacts[0]  # who must have written, being alone

    def person(self, *ids: str) -> Person:
        """Whoever has these ids. Raises Unclear where nobody is named."""
        given = _formed(*ids)
        contact = next((self._known[id] for id in (*given, "") if id in self._known), _Contact((), ""))
        names = given if set(contact.ids) <= set(given) else _formed(*given, *contact.ids)
        # A name of no form is somebody's, too.
        sender, *others = names or [next(filter(None, ids), "")]
        if not sender:
            raise Unclear("The message names no sender.")
        return Person(sender, tuple(others), contact.name)


NOBODY = People(Item({}))


def _contact(contact: Item) -> _Contact:
    profile = contact.part("profile")
    username = profile.text("username").removeprefix("@")
    name = profile.text("name") or (f"@{username}" if username else "")
    return _Contact(_formed(*(contact.text(id) for id in ("wa_id", "user_id", "parent_user_id"))), name)


def _formed(*names: str) -> tuple[str, ...]:
    """Those that have a form: phones, without a sign before them; behind them user ids."""
    there = [name for name in names if name]
    phones = [phone[1] for name in there if (phone := PHONE.fullmatch(name))]
    return tuple(dict.fromkeys((*phones, *filter(USER_ID.fullmatch, there))))


def changed(message: Item) -> Person | None:
    """A contact by new names: an answer goes to the new one, and the old ones say who it is."""
    if message.text("type") != "system":
        return None
    system = message.part("system")
    if not (new := _formed(*(system.text(name) for name in ("wa_id", "user_id", "parent_user_id")))):
        return None
    told = (system.text(name) for name in ("previous_user_id", "previous_parent_user_id", "customer"))
    old = (*_formed(*told), *_formed(message.text("from"), message.text("from_user_id")))
    sender, *others = dict.fromkeys((*new, *old))
    return Person(sender, tuple(others))
