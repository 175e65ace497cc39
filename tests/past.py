"""A past: what a shop with many messages behind it has in its tables, made by SQL in bulk."""

from __future__ import annotations

import asyncpg

# One tenant, `acme`, has all its messages in the conversation of one contact; another, `bravo`, has as many
# conversations, with one message and its answer each. Rows $1 + 1 to $2 of each are added.
STATEMENTS = (
    """
    INSERT INTO messages (tenant_id, conversation_id, account_id, direction, content, kind, event_key,
                          turn_id, sequence, state, provider_id, created_at, sent_at, quotes)
    SELECT tenant_id, conversations.id, account_id, direction,
           '{"text":"' || repeat('hola ', 10) || n || '","type":"text"}', 'text',
           CASE direction WHEN 'in' THEN decode(md5('a' || n), 'hex') END, n / 2,
           CASE direction WHEN 'out' THEN n END, CASE direction WHEN 'out' THEN 'delivered' END,
           CASE direction WHEN 'in' THEN 'I' ELSE 'O' END || n, at, at,
           CASE WHEN n % 10 = 0 THEN 'I' || n - 2 END
    FROM conversations JOIN tenants ON tenants.id = tenant_id AND slug = 'acme',
         generate_series($1 + 1, $2) AS n,
         LATERAL (SELECT CASE n % 2 WHEN 0 THEN 'in' ELSE 'out' END AS direction,
                         now() - interval '40 days' + n * interval '50 milliseconds' AS at) AS each
    WHERE peer = 'ana' ORDER BY n
    """,
    """
    INSERT INTO turns (tenant_id, conversation_id, id, assistant, waited, thought, settled_at)
    SELECT tenant_id, conversation_id, turn_id, 'parrot', '1 s', '1 s', max(messages.created_at)
    FROM messages JOIN tenants ON tenants.id = tenant_id AND slug = 'acme'
    WHERE turn_id > $1 / 2 AND turn_id <= $2 / 2 GROUP BY tenant_id, conversation_id, turn_id
    ON CONFLICT DO NOTHING
    """,
    """
    INSERT INTO notices (tenant_id, conversation_id, turn_id, kind, due_at, sent_at)
    SELECT tenant_id, conversation_id, turns.id, 'email', NULL, now()
    FROM turns JOIN tenants ON tenants.id = tenant_id AND slug = 'acme'
    WHERE turns.id > $1 / 2 AND turns.id <= $2 / 2 AND turns.id % 10 = 0
    """,
    """
    INSERT INTO consents (tenant_id, conversation_id, change, source, cause)
    SELECT tenant_id, conversations.id, 'marketing out', 'contact', 'no'
    FROM conversations JOIN tenants ON tenants.id = tenant_id AND slug = 'acme',
         generate_series($1 + 1, $2, 10)
    WHERE peer = 'ana'
    """,
    """
    WITH tenant AS (
        SELECT tenants.id, accounts.id AS account_id FROM tenants
        JOIN accounts ON tenant_id = tenants.id WHERE slug = 'bravo'
    ), contact AS (
        INSERT INTO contacts (tenant_id, name)
        SELECT id, 'Contact ' || n FROM tenant, generate_series($1 + 1, $2) AS n RETURNING tenant_id, id, name
    ), known AS (
        INSERT INTO identities (tenant_id, channel, name, contact_id)
        SELECT tenant_id, 'post', replace(name, 'Contact ', 'c'), id FROM contact
    )
    INSERT INTO conversations (tenant_id, account_id, contact_id, peer)
    SELECT contact.tenant_id, account_id, contact.id, replace(name, 'Contact ', 'c') FROM contact, tenant
    """,
    """
    INSERT INTO messages (tenant_id, conversation_id, account_id, direction, content, kind, event_key,
                          turn_id, sequence, state, provider_id, created_at, sent_at)
    SELECT tenant_id, conversations.id, account_id, direction,
           '{"text":"' || repeat('hola ', 10) || n || '","type":"text"}', 'text',
           CASE direction WHEN 'in' THEN decode(md5('b' || n), 'hex') END, n,
           CASE direction WHEN 'out' THEN 1 END, CASE direction WHEN 'out' THEN 'delivered' END,
           CASE direction WHEN 'in' THEN 'I' ELSE 'O' END || n, at, at
    FROM conversations JOIN tenants ON tenants.id = tenant_id AND slug = 'bravo',
         LATERAL (SELECT substr(peer, 2)::int AS n) AS number, unnest(ARRAY['in', 'out']) AS direction,
         LATERAL (SELECT now() - interval '40 days' + n * interval '50 milliseconds' AS at) AS time
    WHERE peer LIKE 'c%' AND n > $1 AND n <= $2 ORDER BY n, direction
    """,
    """
    INSERT INTO turns (tenant_id, conversation_id, id, assistant, waited, thought, settled_at)
    SELECT tenant_id, conversations.id, substr(peer, 2)::int, 'parrot', '1 s', '1 s', now() - interval '9 d'
    FROM conversations JOIN tenants ON tenants.id = tenant_id AND slug = 'bravo'
    WHERE peer LIKE 'c%0' AND substr(peer, 2)::int > $1 AND substr(peer, 2)::int <= $2
    """,
    """
    INSERT INTO statuses (tenant_id, account_id, event_key, message_id, provider_id, status, created_at)
    SELECT messages.tenant_id, messages.account_id, decode(md5(provider_id), 'hex'), messages.id, provider_id,
           'delivered', messages.created_at
    FROM messages WHERE direction = 'out' AND provider_id LIKE 'O%1'
    AND substr(provider_id, 2)::int > $1 AND substr(provider_id, 2)::int <= $2
    """,
    """
    INSERT INTO files (tenant_id, account_id, conversation_id, message_id, position, ref, name, content_type,
                       state, cause)
    SELECT messages.tenant_id, messages.account_id, conversation_id, messages.id, 0, 'r', '', 'image/jpeg',
           'gone', 'too old'
    FROM messages WHERE direction = 'in' AND provider_id LIKE 'I%0'
    AND substr(provider_id, 2)::int > $1 AND substr(provider_id, 2)::int <= $2
    """,
    "UPDATE conversations SET next_sequence = $2 + 1 WHERE peer = 'ana'",
    "SELECT setval('turn_ids', greatest(1000000000, nextval('turn_ids')))",
    """
    INSERT INTO rejects (tenant_id, account_id, event_key, raw, cause, dropped_at)
    SELECT tenant_id, id, decode(md5(n::text), 'hex'), '{"odd": true}', 'no sender', now() FROM accounts,
           generate_series($1 + 1, $2, 1000) AS n
    """,
)

TABLES = (
    "contacts", "identities", "conversations", "messages", "turns", "statuses", "files", "notices",
    "consents", "rejects",
)  # fmt: skip


async def lengthen(url: str, before: int, after: int) -> None:
    """Let each of the two tenants have `after` messages where it has `before`, and the server know of it."""
    connection = await asyncpg.connect(url, server_settings={"role": "conserje_owner"})
    for statement in STATEMENTS:
        await connection.execute(statement.replace("$1", str(before)).replace("$2", str(after)))
        await connection.execute("ANALYZE conversations")  # whose row each message's looks for
    for table in TABLES:
        await connection.execute(f"VACUUM (ANALYZE) {table}")
    await connection.close()


async def tidy(url: str) -> None:
    """What autovacuum does in a day: rows that were changed leave nothing behind that is read again."""
    connection = await asyncpg.connect(url, server_settings={"role": "conserje_owner"})
    await connection.execute(f"VACUUM {', '.join(TABLES)}")
    await connection.close()
