"""A backup is restored while `serve` lives: what providers post is kept, and stored at the end."""

from __future__ import annotations

import asyncpg
import pytest
from installation import Installation
from waiting import until

from conserje.storage import silence

CONTACT = "whatsapp:+56911112222"
TEXTS = "SELECT content::json->>'text' FROM messages WHERE direction = 'in' ORDER BY id"


@pytest.mark.new_database
async def test_promise_1_what_is_acknowledged_while_a_backup_is_restored_is_there_at_its_end(
    installation: Installation,
) -> None:
    await installation.add("acme")
    owner = await asyncpg.connect(installation.url, server_settings={"role": "conserje_owner"})
    words = ["antes", "uno", "dos", "después"]
    async with installation.serving() as edge:

        async def post(word: str) -> None:
            assert await edge.status(installation.message("acme", CONTACT, word)) == 200

        async def stored() -> list[str]:
            return [text for [text] in await installation.pool.fetch(TEXTS)]

        await post(words[0])
        await owner.execute(silence.begin(silence.LOADED))
        for word in words[1:-1]:
            await post(word)
        assert await stored() == words[:1]
        await silence.fall(owner, "x.backup", None, None)
        await post(words[-1])

        async def are_all_there() -> bool:
            return await stored() == words

        await until(are_all_there)
    await owner.close()
