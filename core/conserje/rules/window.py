"""The window: how long after a contact's last message not only templates are taken, and the way out of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from conserje.contract.fit import fit
from conserje.contract.limits import Limits
from conserje.contract.message import Content, Template, Text
from conserje.conversations.sending import Next
from conserje.storage.database import Connection
from conserje.tenants.accounts import AccountRow

LARGEST = 1000  # characters of a reply in a template
PLACE = "{text}"  # where they go in its values
# What a template can say: words, whose marks are the account's channel's already, and no files.
IN_WORDS = Limits(text=1_000_000, carries=frozenset({"media"}), markup="markdown")

# Nobody is told more than these between two messages of theirs. A note is the provider's word, not the
# contact's.
HEARD_SINCE = """
SELECT true FROM (
    SELECT direction, kind, created_at FROM messages
    WHERE tenant_id = $1 AND conversation_id = $2 ORDER BY id DESC LIMIT 500) AS latest
WHERE direction = 'in' AND created_at > $3 AND kind IS DISTINCT FROM 'note' LIMIT 1
"""


async def is_open(
    connection: Connection,
    tenant_id: int,
    conversation_id: int,
    message: Next,
    window: timedelta | None,
) -> bool:
    """Whether the contact wrote so lately that the message may leave as it is.

    Where the provider has said that it may not, only what the contact wrote after that counts.
    """
    since = [message.now - window] if window else []
    if message.outside_as is not None and message.attempted_at:
        since.append(message.attempted_at)
    return not since or await heard_since(connection, tenant_id, conversation_id, max(since))


async def heard_since(
    connection: Connection, tenant_id: int, conversation_id: int, moment: datetime | None
) -> bool:
    """Whether the contact has written since then, or ever, among the last that was said."""
    since = moment or datetime.min.replace(tzinfo=UTC)
    return bool(await connection.fetchval(HEARD_SINCE, tenant_id, conversation_id, since))


def way_out(content: Content, account: AccountRow) -> Template | None:
    """The account's template with the words of `content`; None: there is none, or there are no words."""
    [said, *_] = fit(content, IN_WORDS) or [content]
    if account.window_template is None or not isinstance(said, Text):
        return None
    words = " ".join(said.text.split())[:LARGEST]  # Meta takes no line breaks in a template's values
    values = tuple(value.replace(PLACE, words) for value in account.window_template.values)
    return replace(account.window_template, values=values, text=said.text)


def cause(window: timedelta | None, slug: str, account: AccountRow) -> str:
    """Why a message is held, and what an operator does about it."""
    name = f"{window // timedelta(hours=1)}-hour" if window else "provider's"
    return (
        f"outside the {name} window: give the account a template for it (`conserje account set {slug} "
        f"{account.channel} {account.address} --window-template NAME`), or wait until the contact writes; "
        "then `conserje held retry`"
    )
