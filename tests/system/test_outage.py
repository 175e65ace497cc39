"""Postgres is away: providers are told to come again, and nothing has to be restarted."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from installation import install, until_taken
from processes import new_folder

from conserje import database
from conserje.vault import create_keyring

HOLD = """
import asyncio, sys
from pathlib import Path
from conserje import embedded

async def hold():
    async with embedded.running(Path(sys.argv[1])) as url:
        print(url, flush=True)
        await asyncio.to_thread(sys.stdin.read)

asyncio.run(hold())
"""


@asynccontextmanager
async def postgres(folder: Path) -> AsyncIterator[str]:
    """A server of the test's own, for as long as the block runs."""
    holder = await asyncio.create_subprocess_exec(
        sys.executable, "-c", HOLD, str(folder), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    assert holder.stdin and holder.stdout
    try:
        url = (await asyncio.wait_for(holder.stdout.readline(), 30)).decode().strip()
        assert url, "the embedded Postgres does not start"
        yield url
    finally:
        holder.stdin.close()
        await asyncio.wait_for(holder.wait(), 30)


async def test_promise_1_without_postgres_webhooks_get_503_and_with_it_200_again(tmp_path: Path) -> None:
    keyring = tmp_path / "keys" / "master.json"
    create_keyring(keyring)
    contacts = [f"whatsapp:+5697100000{n}" for n in range(10)]
    with new_folder() as folder:
        async with AsyncExitStack() as house:
            async with postgres(folder) as url:
                await database.migrate(url)
                pool = await database.connect_pool(url)
                house.callback(pool.terminate)
                installation = await house.enter_async_context(install(pool, url, keyring))
                await installation.add("acme")
                server = await house.enter_async_context(installation.serving())
                await house.enter_async_context(installation.working())
                request = installation.message("acme", "whatsapp:+56911111111", "antes")
                assert await server.status(request) == 200  # the edge knows the tenant now
                await installation.until_settled()
            requests = [installation.message("acme", contact, "durante") for contact in contacts]
            for answer in [await server.raw(request) for request in requests]:
                assert answer.startswith(b"HTTP/1.1 503 ") and b"\r\nretry-after: 5\r\n" in answer
            stranger = b"POST /bot/twilio/webhook HTTP/1.1\r\nHost: nobody.localhost\r\n\r\n"
            assert await server.status(stranger) == 503  # nobody can say that there is no such tenant
            async with postgres(folder) as again:
                assert again == url
                async with asyncio.timeout(20):
                    await asyncio.gather(*(until_taken(server, request) for request in requests))
                await installation.until_settled()
                await house.aclose()
            assert {installation.replies[contact, "durante"] for contact in contacts} == {1}
            assert "Traceback" not in server.said + (installation.folder / "work.log").read_text()
