"""The lists of a person's rights keep up with the tables: what holds something of a contact is handed out and
forgotten, or it says here why not."""

from __future__ import annotations

import re

from conserje.operations import contact_export, forgetting
from conserje.storage.database import Pool

# Of these a person is handed nothing, and nothing of a person is forgotten.
HOLDS_NOBODY = {
    "accounts": "the business's own numbers and secrets",
    "asked": "what was asked, without who did",
    "audit": "what the business's people did, and a contact's number",
    "api_keys": "the operator's keys",
    "cost_warnings": "of which share of a bound somebody was told",
    "daily_costs": "what was spent in a day, on all contacts together",
    "domains": "the business's hosts",
    "fetches": "how far an account's provider was asked",
    "forgotten": "that it was done: an id and a time",
    "former_slugs": "the business's names",
    "idempotency_keys": "what a program was answered, for a day",
    "illnesses": "of what an account is ill, as its provider says",
    "invitations": "the business's own people",
    "mailings": "the addresses of the business's own people",
    "paces": "when an account's next message leaves",
    "people": "the business's own people",
    "positions": "how far somebody has read",
    "prepared_answers": "what the business says",
    "presences": "which of the business's own people look at a conversation, for a minute",
    "private_hosts": "the business's own hosts",
    "products": "what the business sells",
    "imports": "what the business sells",
    "pictures": "what the business sells",
    "pushes": "when the business's own people were told",
    "facts": "what the business says",
    "questions": "what the business says",
    "removed_files": "ids of files that are being removed",
    "secrets_seen": "with which secrets providers sign",
    "sender_tenants": "the business's own numbers",
    "subscriptions": "the business's own systems",
    "tenant_changes": "when the business's rows changed",
    "tenant_files": "how much is kept, of all contacts together",
    "uploads": "how much was uploaded today and yesterday, by keyed hashes",
}
NOT_HANDED_OUT = {
    "forgotten_addresses": "hashes; whose address it is, asks under it",
    "overflow": "which conversations wait for their turn: said by their messages",
    "own_words": "hashes of what the business said, which its messages say",
    "reads": "how far the tenant's people have read",
}
# What is said of them in other tables' statements goes with these, which are theirs.
NOT_FORGOTTEN: dict[str, str] = {}

# What may hold words, or bytes, in the tables that know a contact: it is emptied, or says nothing by itself.
WORDS = {
    "contacts": {"name", "phone"},
    "identities": {"channel", "name"},
    "conversations": {"peer", "state", "cause", "opted_out", "person"},
    "turns": {"assistant", "intent", "usage", "cause", "person", "told", "calls"},
    "messages": {
        "direction", "content", "provider_id", "event_key", "state", "cause", "quotes", "kind", "outside_as",
        "fault", "failed_as", "said_by",
    },
    "summaries": {"text"},
    "effects": {"tool", "arguments", "state", "shown", "cause"},
    "reservations": {"digest", "result"},
    "notes": {"author", "text"},
    "statuses": {"event_key", "provider_id", "status", "cause", "category", "account_fault"},
    "rejects": {"event_key", "raw", "cause"},
    "consents": {"change", "source", "cause"},
    "files": {"ref", "name", "content_type", "state", "cause", "sha256"},
    "leads": {"key", "wish", "wanted", "name", "phone", "call_at", "state"},
    "notices": {"kind", "cause", "illness", "bound", "mailed_to"},
    "notifications": {"kind", "data"},
    "tellings": {"name", "kind", "answer", "cause"},
    "costs": {"kind", "name", "category", "country"},
    "forgotten_addresses": {"digest", "opted_out"},
}  # fmt: skip

COLUMNS = """
SELECT table_name, array_agg(column_name::text) FROM information_schema.columns
WHERE table_schema = 'public' AND table_name = ANY ($1)
  AND data_type IN ('text', 'jsonb', 'json', 'bytea', 'ARRAY', 'inet', 'USER-DEFINED', 'character varying')
GROUP BY table_name
"""

TABLES = """
SELECT DISTINCT table_name FROM information_schema.columns
WHERE table_schema = 'public' AND column_name = 'tenant_id'
"""

READS = re.compile(r"\b(?:FROM|JOIN)\s+([a-z_]+)")
WRITES = re.compile(r"\b(?:DELETE FROM|UPDATE|INSERT INTO)\s+([a-z_]+)")


def named(pattern: re.Pattern[str], *statements: str) -> set[str]:
    return {name for statement in statements for name in pattern.findall(statement)}


async def tables(pool: Pool) -> set[str]:
    return {row["table_name"] for row in await pool.fetch(TABLES)}


async def test_each_table_is_handed_out_or_says_why_not(pool: Pool) -> None:
    read = named(READS, *contact_export.EXPORT.values())
    assert sorted(await tables(pool) - read) == sorted(HOLDS_NOBODY.keys() - read | NOT_HANDED_OUT.keys())


async def test_each_table_is_emptied_or_says_why_not(pool: Pool) -> None:
    written = named(WRITES, *forgetting.ALL)
    left = HOLDS_NOBODY.keys() - {"forgotten"} | NOT_FORGOTTEN.keys()
    assert sorted(await tables(pool) - written) == sorted(left)


async def test_what_may_hold_words_is_known(pool: Pool) -> None:
    """A column more of these tables may hold something of a person: whoever adds it lets it be forgotten."""
    found = await pool.fetch(COLUMNS, list(WORDS))
    assert {table: set(columns) for table, columns in found} == WORDS


async def test_a_table_that_nobody_named_is_found(pool: Pool) -> None:
    """It would fail: a table more is one that neither list has."""
    there = await tables(pool)
    assert "messages" in there and "invented" not in there
    assert named(WRITES, "UPDATE messages SET x = 1") == {"messages"}
    assert named(READS, "SELECT FROM conversations\nJOIN turns ON true") == {"conversations", "turns"}
