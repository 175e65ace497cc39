"""A backup made under load comes back on another server: nothing is missing, nothing is sent twice."""

from __future__ import annotations

import asyncio
import json
import os
import random
import shutil
from collections import Counter
from collections.abc import Iterator

import asyncpg
import pytest
from crash import postgres
from crash.contacts import Contact
from crash.town import SLUGS, Town, settled_in
from processes import new_folder, run_to_end, running, serving
from waiting import LIMIT, until

pytestmark = pytest.mark.long

ENOUGH = 60  # replies that came before anything is saved
FLOOD, RATE = 500, 100  # signed webhooks, and how many of them in a second, while it is saved

# But for what waits for an operator.
SETTLED = """
SELECT NOT EXISTS (SELECT FROM messages WHERE state IN ('queued', 'sending', 'uncertain'))
   AND NOT EXISTS (
    SELECT FROM messages JOIN conversations
      ON conversations.tenant_id = messages.tenant_id AND conversations.id = conversation_id
    WHERE direction = 'in' AND messages.turn_id IS NULL AND conversations.state <> 'held')
"""
ATTEMPTED = "SELECT count(*) FROM messages WHERE attempted_at > (SELECT restored_at FROM restorations)"


async def another_database(server: postgres.Postgres) -> str:
    """Of another name, and of a user of another name."""
    admin = await asyncpg.connect(f"postgresql://postgres@127.0.0.1:{server.port}/postgres")
    await admin.execute("CREATE ROLE another LOGIN CREATEROLE")
    await admin.execute("CREATE DATABASE shop OWNER another")
    await admin.close()
    return f"postgresql://another@127.0.0.1:{server.port}/shop"


def lines(town: Town) -> dict[tuple[str, str], Counter[str]]:
    """How often each contact was sent which answer."""
    return {
        key: Counter(line for text in texts for line in text.split("\n"))
        for key, texts in town.received().items()
    }


def missing(contacts: list[Contact], known: dict[str, set[str]], town: Town, held: set[str]) -> Iterator[str]:
    """What was acknowledged before the backup, and is neither answered nor held."""
    sent = lines(town)
    for contact in contacts:
        for text in known.get(contact.name, ()):
            if not sent.get(contact.key, Counter())[text] and text not in held:
                yield f"{text} of {contact.channel}"


async def flood(town: Town) -> None:
    """Strangers, each of whom writes once, at their own pace whatever the server does."""
    async with asyncio.TaskGroup() as group:
        for number in range(FLOOD):
            stranger = Contact(
                f"f{number}", SLUGS[number % len(SLUGS)], "twilio", f"whatsapp:+568{number:08}"
            )
            town.contacts.append(stranger)
            group.create_task(town.twilio.post(stranger, [stranger.next_text()]))
            await asyncio.sleep(1 / RATE)


def acknowledged(town: Town) -> int:
    return sum(len(each.acknowledged) for each in town.contacts if each.name.startswith("f"))


async def command(environment: dict[str, str], *words: str) -> str:
    code, output, errors = await run_to_end(environment, *words)
    assert code == 0, errors
    return output


async def test_promise_14_what_was_acknowledged_before_a_backup_is_there_and_nothing_is_sent_twice() -> None:
    chance = random.Random(14)
    with new_folder() as disk, new_folder() as other_disk, new_folder() as folder:
        async with (
            postgres.running(disk) as server,
            postgres.running(other_disk) as other_server,
            settled_in(folder, server.url, chance) as town,
        ):
            old = town.installation.environment
            url = await another_database(other_server)
            (folder / "new").mkdir()
            new = old | {"CONSERJE_DATABASE_URL": url, "CONSERJE_DATA_DIR": str(folder / "new")}
            backups = folder / "backups"
            if (copied := disk / "postgres-programs").exists():  # root's, which takes its time to copy
                shutil.copytree(copied, folder / copied.name, copy_function=os.link)
            async with serving(old), running(old, "work", log=folder / "work.log"):
                writing = asyncio.create_task(town.write())
                await until(lambda: sum(map(len, town.received().values())) >= ENOUGH)
                flooding = asyncio.create_task(flood(town))
                await until(lambda: acknowledged(town) >= ENOUGH)
                known = {each.name: set(each.acknowledged) for each in town.contacts}
                assert not flooding.done()
                await command(old, "backup", "--to", str(backups))
                await flooding
                await command(new, "restore", str(backups))
                async with running(new, "work", log=folder / "new" / "silent.log"):  # beside a live one
                    before = sum(map(len, town.received().values()))
                    await until(lambda: sum(map(len, town.received().values())) >= before + ENOUGH)
                town.over = True
                await asyncio.wait_for(writing, LIMIT)
            pool = await asyncpg.connect(url)
            await pool.execute("SET ROLE conserje_core")
            assert await pool.fetchval(ATTEMPTED) == 0

            async with serving(new), running(new, "work", log=folder / "new" / "work.log"):
                await command(new, "restore", "--resume", "--yes")
                await until(lambda: pool.fetchval(SETTLED))
                await town.look(town.contacts)
                shown = json.loads(await command(new, "held", "list", "--json"))
                held = {line for each in shown for text in each["texts"] for line in text.split("\n")}
                assert list(missing(town.contacts, known, town, held)) == []
            await pool.close()
            twice = [line for counts in lines(town).values() for line, count in counts.items() if count > 1]
            assert twice == []
