"""The operator sees who waits for a person, of all tenants."""

from __future__ import annotations

from people import House
from trouble import TROUBLE

OURS = """
WITH ours AS (
    UPDATE conversations SET person = 'Eva' WHERE tenant_id = $1 RETURNING tenant_id, id, account_id
)
INSERT INTO messages (tenant_id, conversation_id, account_id, direction, content, sequence, state)
SELECT tenant_id, id, account_id, 'out', '{"text":"voy","type":"text"}', 1, 'sent' FROM ours
"""


async def test_who_waits_is_a_line_and_leads_to_the_conversation(console: House) -> None:
    for slug in ("one", "two", "answered", "off"):
        await console.pool.execute(TROUBLE, await console.tenant(slug))
    await console.pool.execute(
        "UPDATE conversations SET active_at = now() - interval '1 hour' WHERE tenant_id = $1",
        console.tenant_ids["two"],
    )
    await console.pool.execute(
        "UPDATE conversations SET person = 'Eva' WHERE tenant_id = $1", console.tenant_ids["one"]
    )
    await console.pool.execute(OURS, console.tenant_ids["answered"])
    await console.pool.execute("UPDATE tenants SET status = 'suspended' WHERE slug = 'off'")
    page = await (await console.as_operator("reader")).get("/o/desk")
    assert page.text.index("Two Nobody yet") < page.text.index("One Eva")
    assert "Answered" not in page.links and "Off" not in page.links and "hola" not in page.text
    id = await console.pool.fetchval(
        "SELECT id FROM conversations WHERE tenant_id = $1", console.tenant_ids["two"]
    )
    assert f'href="/t/two/desk/{id}"' in page.answer.text


async def test_nobody_waits(console: House) -> None:
    page = await (await console.as_operator("reader")).get("/o/desk")
    assert page.links["All tenants"] == "/o/tenants" and "Nobody waits" in page.text


async def test_it_is_the_operator_s(console: House) -> None:
    await (await console.as_("owner")).get("/o/desk", 404)
