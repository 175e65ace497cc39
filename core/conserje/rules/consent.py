"""The table consents: what contacts want, by whose sign, and what follows in their conversations."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, assert_never

from conserje.contract.channel import AnyChannel
from conserje.contract.language import in_language
from conserje.contract.message import Content, InboundMessage, Template, Text, from_json
from conserje.contract.opt_out import folded, wish
from conserje.contract.plain import plain
from conserje.conversations import state
from conserje.conversations.listing import OptedOut
from conserje.conversations.messages import OF_REPORT
from conserje.conversations.rows import InboundRow, ReportRow, stored
from conserje.storage import jobs, notifications
from conserje.storage.database import Connection
from conserje.storage.jobs import Job
from conserje.tenants import words

Change = Literal["out", "in", "marketing out", "marketing in"]
Source = Literal["contact", "provider", "operator"]

IS_FORGOTTEN = "The contact was forgotten."
WANTS_NONE = state.WANTS_NONE
WANTS_NO_MARKETING = "The contact wants nothing more that the business begins."
WANTS_AGAIN = "The contact wants messages again."


# A report that was taken before says nothing new.
REPORTED = f"""
SELECT message.conversation_id
FROM (VALUES ($1::bigint, $2::bigint, $4::bigint, $5::text))
    AS report (tenant_id, account_id, message_id, provider_id)
CROSS JOIN LATERAL ({OF_REPORT.format(report="report", columns="conversation_id")}) AS message
WHERE NOT EXISTS (SELECT FROM statuses WHERE tenant_id = $1 AND account_id = $2 AND event_key = $3)
LIMIT 1
"""  # noqa: S608 - of our own

MOST = 100  # signs that are shown of a contact
OF_CONTACT = """
SELECT consents.conversation_id, accounts.channel, change, source, consents.cause, consents.created_at AS at
FROM conversations
JOIN accounts ON accounts.tenant_id = $1 AND accounts.id = conversations.account_id
CROSS JOIN LATERAL (
    SELECT * FROM consents WHERE tenant_id = $1 AND conversation_id = conversations.id
    ORDER BY id DESC LIMIT $3) AS consents
WHERE conversations.tenant_id = $1 AND contact_id = $2
ORDER BY consents.created_at DESC, consents.id DESC LIMIT $3
"""


@dataclass(frozen=True, slots=True)
class Sign:
    """What shows a contact's will: whose it is, what it was, and what the contact is told (as stored)."""

    change: Change
    source: Source
    cause: str
    confirmation: str | None = None


@dataclass(frozen=True, slots=True)
class Given:
    """A sign that a contact's will changed by, and at which account."""

    conversation_id: int
    channel: str
    change: Change
    source: Source
    cause: str
    at: datetime


@dataclass(frozen=True, slots=True)
class ConversationSign:
    """A sign, and the conversation that it is for."""

    tenant_id: int
    conversation_id: int
    sign: Sign


async def of_contact(connection: Connection, tenant_id: int, contact_id: int) -> list[Given]:
    """The last signs of a contact, newest first."""
    return [Given(**row) for row in await connection.fetch(OF_CONTACT, tenant_id, contact_id, MOST)]


def marked(row: InboundRow, event: InboundMessage, channel: AnyChannel, locale: str) -> InboundRow:
    """The row of an event, with what its words say of consent where the provider says nothing."""
    if event.consent or not (change := wish(event.content, channel.opt_out_words, channel.opt_in_words)):
        return row
    return row._replace(consent=change, confirmation=stored(confirmation(change, channel, locale)))


def confirmation(change: Literal["out", "in"], channel: AnyChannel, locale: str) -> Text:
    """What a contact is told in the tenant's language; the way back only by a word that the channel hears."""
    said = words.OPTED_OUT if change == "out" else words.OPTED_IN
    done, way_back, word = in_language(said, locale)
    heard = channel.opt_in_words if change == "out" else channel.opt_out_words
    return Text(done + way_back if folded(word) in heard else done)


def written(row: InboundRow, conversation_id: int) -> ConversationSign:
    """The sign of a message that has one."""
    cause = plain(from_json(row.content))[:200]
    source: Source = "contact" if row.confirmation else "provider"
    assert row.consent  # it is asked of those alone
    sign = Sign(row.consent, source, cause, row.confirmation or None)
    return ConversationSign(row.tenant_id, conversation_id, sign)


async def reported(connection: Connection, rows: Iterable[ReportRow]) -> list[ConversationSign]:
    """The signs of reports that are about to be stored."""
    signs = []
    for row in rows:
        if row.consent and (conversation := await _told_of(connection, row)):
            sign = Sign(row.consent, "provider", row.cause or row.status)
            signs.append(ConversationSign(row.tenant_id, conversation, sign))
    return signs


async def _told_of(connection: Connection, row: ReportRow) -> int | None:
    """The conversation of the message of which a new report tells."""
    found: int | None = await connection.fetchval(
        REPORTED, row.tenant_id, row.account_id, row.event_key, row.message_id, row.provider_id
    )
    return found


async def follow(connection: Connection, signs: Sequence[ConversationSign]) -> list[Job]:
    """Do what all these signs ask for; the jobs that come of it. In one order for all nodes."""
    due = []
    for each in sorted(signs, key=lambda each: (each.tenant_id, each.conversation_id)):
        changed = await record(connection, each.tenant_id, each.conversation_id, each.sign)
        if changed and each.sign.confirmation:
            due.append(Job(jobs.DELIVER, each.tenant_id, each.conversation_id))
    return due


async def record(connection: Connection, tenant_id: int, conversation_id: int, sign: Sign) -> bool:
    """Do what a sign asks for, in the caller's transaction; False where it changes nothing.

    A confirmation is stored, and its job is the caller's.
    """
    before: OptedOut | None = await connection.fetchval(state.LOOK, tenant_id, conversation_id)
    after = state_after(before, sign.change, sign.source)
    if after == before:
        return False
    turn_id = None
    if "all" in (before, after):
        turn_id = await state.leave(
            connection, tenant_id, conversation_id, WANTS_NONE if after else WANTS_AGAIN
        )
    await connection.execute(
        state.NOTE,
        tenant_id,
        conversation_id,
        after,
        sign.change,
        sign.source,
        sign.cause,
        [sign.confirmation] if sign.confirmation else [],
        turn_id,
    )
    kind: notifications.Recorded = "contact.opted_out" if sign.change.endswith("out") else "contact.opted_in"
    about = {"of": "marketing" if "marketing" in sign.change else "all", "source": sign.source}
    await notifications.record(connection, tenant_id, kind, conversation_id, **about)
    return True


def state_after(before: OptedOut | None, change: Change, source: Source) -> OptedOut | None:
    """What a contact wants after a sign. A contact's own word brings back only what such a word ended."""
    match change:
        case "out":
            return "all"
        case "in":
            return before if source == "contact" and before != "all" else None
        case "marketing out":
            return before or "marketing"
        case "marketing in":
            return None if before == "marketing" else before
        case _:
            assert_never(change)


def refusal(contact_address: str, opted_out: OptedOut | None, content: Content) -> str | None:
    """Why nothing may leave as `content` for the contact's sake; None: it may."""
    if not contact_address:
        return IS_FORGOTTEN
    if opted_out == "all":
        return WANTS_NONE
    if opted_out == "marketing" and isinstance(content, Template):
        return WANTS_NO_MARKETING
    return None
