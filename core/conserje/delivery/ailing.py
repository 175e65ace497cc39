"""What becomes of a conversation's replies whose account is ill, was, or is found to be so."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Literal

from conserje.contract.message import Fault
from conserje.conversations import illness, recovery
from conserje.conversations.sending import Next
from conserje.notices import table as notices
from conserje.storage.jobs import Job
from conserje.storage.scope import Scope
from conserje.tenants.accounts import AccountRow
from conserje.tenants.entry import Entry

log = logging.getLogger(__name__)

Why = Literal["ill", "recovers", "spent"]


@dataclass(frozen=True, slots=True)
class Ailing:
    """Something is to be done about the account before a reply leaves; `spent`: a trial tried nothing."""

    account_id: int
    why: Why
    fault: Fault | None = None
    cause: str = ""

    @classmethod
    def of(cls, message: Next) -> Ailing | None:
        """What is the matter with the account of a queued message; None: it may leave."""
        if message.fault:
            return cls(message.account_id, "ill", message.fault, message.cause or "")
        if message.health in ("ill", "recovers"):
            return cls(message.account_id, message.health)
        return None


async def attend(scope: Scope, entry: Entry, job: Job, ailing: Ailing) -> None:
    """Hold the conversation's replies, let them go, or let another conversation try."""
    connection, place = scope.connection, (job.tenant_id, job.conversation_id)
    if ailing.fault:
        told = (ailing.account_id, job.conversation_id, ailing.cause, ailing.fault)
        if await illness.fall_ill(connection, job.tenant_id, *told):
            log.error("%s is ill: %s", _name(entry, ailing.account_id), ailing.cause)
            scope.due.extend(await notices.note_illness(connection, entry.tenant, place[1], ailing.cause))
    match ailing.why:
        case "ill":
            await recovery.hold(connection, *place, ailing.account_id)
        case "recovers":
            await recovery.let_go(connection, *place)
        case "spent":
            scope.due.extend(
                await recovery.pass_on(connection, job.tenant_id, ailing.account_id, job.conversation_id)
            )


async def taken(scope: Scope, entry: Entry, account_id: int) -> None:
    """The provider has taken a reply that tried: the account is well, and the others leave."""
    if await illness.recover(scope.connection, entry.tenant.id, account_id):
        log.info("%s is well again", _name(entry, account_id))


def _name(entry: Entry, account_id: int) -> str:
    account: AccountRow | None = entry.account(account_id)
    place = f"{account.channel} {account.address}" if account else str(account_id)
    return f"The account {place} of {entry.tenant.slug}"
