"""Addressees: by which account a business reaches a phone or a contact, in which conversation."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from conserje.contract.phones import otherwise_written
from conserje.conversations import contacts, whom
from conserje.conversations.handling import no_conversation
from conserje.errors import OperatorError
from conserje.plugins import given, guard
from conserje.plugins.guard import PluginFailed
from conserje.plugins.plugins import Plugins
from conserje.storage.database import Connection
from conserje.tenants import phones
from conserje.tenants.accounts import AccountRow
from conserje.tenants.entry import Entry
from conserje.tenants.refusals import TenantError


class SendUnfit(OperatorError):
    """What is to be sent, or to whom, cannot be; `code` says why, `accounts` are those to choose from."""

    def __init__(self, code: str, text: str, accounts: Iterable[AccountRow] = ()) -> None:
        super().__init__(text)
        self.code = code
        self.accounts = tuple(accounts)


@dataclass(frozen=True, slots=True)
class Whom:
    """Exactly one of a phone, a contact and a conversation, by ids of the tenant's.

    `channel` and `address` choose an account where several fit.
    """

    phone: str | None = None
    contact: int | None = None
    conversation: int | None = None
    channel: str = ""
    address: str = ""

    def allows(self, account: AccountRow) -> bool:
        return self.channel in ("", account.channel) and self.address in ("", account.address)


@dataclass(frozen=True, slots=True)
class Addressee:
    """A conversation, and the account that it is with."""

    conversation: int
    account: AccountRow


async def find(connection: Connection, entry: Entry, plugins: Plugins, to: Whom) -> Addressee:
    """The conversation in which is written, made with its contact where it is not there yet.

    Raises SendUnfit, ContactError or PersonError.
    """
    usable = [each for each in entry.accounts if each.active and each.channel in plugins.channels]
    allowed = [each for each in usable if to.allows(each)]
    if to.conversation is not None:
        return await _of_conversation(connection, entry, allowed, to.conversation)
    if to.contact is not None:
        return await _of_contact(connection, entry, allowed, to.contact)
    return await _of_phone(connection, entry, plugins, allowed, to.phone or "")


async def _of_conversation(
    connection: Connection, entry: Entry, allowed: list[AccountRow], conversation_id: int
) -> Addressee:
    account_id = await whom.account_of(connection, entry.tenant.id, conversation_id)
    if account_id is None:
        raise no_conversation(entry.tenant, conversation_id)
    return Addressee(conversation_id, _only(entry, [each for each in allowed if each.id == account_id]))


async def _of_contact(
    connection: Connection, entry: Entry, allowed: list[AccountRow], contact_id: int
) -> Addressee:
    """In a conversation that is there; else as the contact is known at the channel of an account."""
    await contacts.get(connection, entry.tenant.id, contact_id)
    talks = await whom.of_contact(connection, entry.tenant.id, contact_id)
    held = {each.account_id: each.id for each in talks}
    if had := [each for each in allowed if each.id in held]:
        account = _only(entry, had)
        return Addressee(held[account.id], account)
    names = await whom.known_as(connection, entry.tenant.id, contact_id)
    account = _only(entry, [each for each in allowed if each.channel in names])
    return await _with(connection, entry, account, names[account.channel])


async def _of_phone(
    connection: Connection, entry: Entry, plugins: Plugins, allowed: list[AccountRow], phone: str
) -> Addressee:
    try:
        number = phones.normalised(phone)
    except TenantError as error:
        raise SendUnfit("no-phone", str(error)) from None
    numbers = [each for each in (number, otherwise_written(number)) if each]
    names = {each.id: _reached(entry, plugins, each, numbers) for each in allowed}
    account = _only(entry, [each for each in allowed if names[each.id]])
    name = await whom.first_known(connection, entry.tenant.id, account.channel, names[account.id])
    return await _with(connection, entry, account, name)


def _reached(entry: Entry, plugins: Plugins, account: AccountRow, numbers: Sequence[str]) -> list[str]:
    """What a contact with one of these phones is called there; none: the account reaches no phones."""
    channel, found = plugins.channels[account.channel], list[str]()
    with suppress(PluginFailed):
        for number in numbers:
            place = (number, account.address)
            if name := guard.called(channel, entry.tenant.slug, "reach", given.name, *place):
                found.append(name)
    return found


async def _with(connection: Connection, entry: Entry, account: AccountRow, contact_address: str) -> Addressee:
    place = (entry.tenant.id, account.id, account.channel, contact_address)
    return Addressee(await whom.place(connection, *place), account)


def _only(entry: Entry, fitting: list[AccountRow]) -> AccountRow:
    if not fitting:
        raise SendUnfit(
            "no-account",
            f"No active account of {entry.tenant.slug} reaches them:"
            f" see `conserje account list {entry.tenant.slug}`.",
        )
    if len(fitting) > 1:
        named = ", ".join(f"{each.channel} {each.address}" for each in fitting)
        raise SendUnfit("several-accounts", f"Several accounts reach them, so name one: {named}.", fitting)
    return fitting[0]
